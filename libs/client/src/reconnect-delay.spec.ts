import { BASE_MS, CAP_MS, fullJitterMs, reconnectDelayMs } from './reconnect-delay.js';

const half = () => 0.5;

it('spreads attempts over the whole of a time that doubles up to a cap', () => {
  expect([0, 1, 2, 6, 7, 1_000].map((attempt) => fullJitterMs(attempt, half))).toEqual([
    BASE_MS / 2,
    BASE_MS,
    BASE_MS * 2,
    BASE_MS * 32,
    CAP_MS / 2,
    CAP_MS / 2,
  ]);
  expect(fullJitterMs(5, () => 0)).toBe(0);
});

it.each<[number, number | null, number, number | null]>([
  [4000, null, 0, null],
  [4003, 5_000, 0, null],
  [4100, null, 1, 250],
  [4200, null, 0, 0],
  [4200, null, 3, 1_000],
  [4200, 400, 0, 400],
  [1012, 2_000, 0, 2_000],
  [1012, 2_000, 5, 4_000],
  [1006, null, 0, 125],
])('after %i with goodbye %p at attempt %i: %p ms', (code, goodbyeMs, attempt, delayMs) => {
  expect(reconnectDelayMs(code, goodbyeMs, attempt, half)).toBe(delayMs);
});
