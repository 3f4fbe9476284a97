import type { Clock } from '../clock.js';
import { RedisLooks } from './redis-looks.js';

describe('RedisLooks', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_790_000_000_100 }));
  afterEach(() => jest.useRealTimers());

  const clock: Clock = { nowUs: () => Date.now() * 1_000, monotonicMs: () => performance.now() };

  it('looks at all of them at multiples of 250 ms, with one timer, until each has ended', () => {
    const looks = new RedisLooks(clock);
    const seen: string[] = [];
    const see = (name: string) => () => seen.push(`${name} ${Date.now() % 1_000}`);
    const endFirst = looks.add(see('first'));
    jest.advanceTimersByTime(60);
    const endSecond = looks.add(see('second'));
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(500);
    expect(seen).toEqual(['first 250', 'second 250', 'first 500', 'second 500']);
    endFirst();
    jest.advanceTimersByTime(250);
    expect(seen.slice(4)).toEqual(['second 750']);
    endSecond();
    endSecond();
    expect(jest.getTimerCount()).toBe(0);
    looks.add(see('third'));
    jest.advanceTimersByTime(250);
    expect(seen.slice(5)).toEqual(['third 0']);
  });

  it('lets one that ends others, or itself, while it looks', () => {
    const looks = new RedisLooks(clock);
    const seen: string[] = [];
    const ends = ['a', 'b'].map((name) =>
      looks.add(() => {
        seen.push(name);
        for (const end of ends) end();
      }),
    );
    jest.advanceTimersByTime(1_000);
    expect(seen).toEqual(['a']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
