import fc from 'fast-check';
import { CommandPace } from './command-pace.js';

const LIMITS = { commandsPerSecond: 5, commandBurst: 20 };

it('lets half of the burst go at once, then four fifths of the rate', () => {
  const pace = new CommandPace(LIMITS, 0);
  for (let i = 0; i < 10; i++) expect(pace.take(0)).toBe(0);
  expect(pace.take(0)).toBe(250);
  expect(pace.take(249)).toBe(1);
  expect(pace.take(250)).toBe(0);
});

it('lets one go where the burst is one', () => {
  const pace = new CommandPace({ commandsPerSecond: 1, commandBurst: 1 }, 0);
  expect(pace.take(0)).toBe(0);
  expect(pace.take(0)).toBe(1_250);
});

it('begins again with nothing after a penalty', () => {
  const pace = new CommandPace(LIMITS, 0);
  pace.empty(100);
  expect(pace.take(100)).toBe(250);
});

it('never passes the bucket of the service, though the network holds commands back for up to a second', () => {
  const waits = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 50, maxLength: 200 });
  fc.assert(
    fc.property(waits, fc.integer({ min: 0, max: 1_000 }), (steps, delayMs) => {
      const pace = new CommandPace(LIMITS, 0);
      const arrivals: number[] = [];
      let nowMs = 0;
      // The first half is held back and arrives together with what is sent after it.
      for (const [i, step] of steps.entries()) {
        nowMs += step;
        if (pace.take(nowMs) === 0) arrivals.push(nowMs + (i < steps.length / 2 ? delayMs : 0));
      }
      let tokens = LIMITS.commandBurst;
      let atMs = 0;
      for (const arrival of arrivals.sort((one, other) => one - other)) {
        tokens = Math.min(
          LIMITS.commandBurst,
          tokens + ((arrival - atMs) * LIMITS.commandsPerSecond) / 1_000,
        );
        atMs = arrival;
        tokens -= 1;
        expect(tokens).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 300, seed: 20260729 },
  );
});
