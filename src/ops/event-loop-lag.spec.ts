import { EventLoopLag } from './event-loop-lag.js';

describe('EventLoopLag', () => {
  let nowMs: number;
  let lag: EventLoopLag;
  const second = (measuredMs: number, lateMs = 0) => {
    nowMs += 1_000 + lateMs;
    lag.closeWindow(measuredMs);
  };

  beforeEach(() => {
    nowMs = 5_000;
    lag = new EventLoopLag({ monotonicMs: () => nowMs, nowUs: () => nowMs * 1_000 });
  });

  it('takes the monitor’s own resolution off, and knows no negative lag', () => {
    second(25);
    expect(lag.p99Ms).toBe(5);
    second(10);
    expect(lag.p99Ms).toBe(0);
    second(Number.NaN);
    expect(lag.p99Ms).toBe(0);
  });

  it('is behind from 100 ms on, and well again after a good second', () => {
    second(121);
    expect(lag.behind()).toBe('the event loop is 101 ms late');
    second(30);
    expect(lag.behind()).toBeNull();
  });

  it('is stuck after five bad seconds in a row, no sooner', () => {
    for (let i = 0; i < 4; i++) second(1_500);
    second(20);
    for (let i = 0; i < 4; i++) second(1_500);
    expect(lag.stuck()).toBeNull();
    second(1_500);
    expect(lag.stuck()).toContain('5 s in a row');
    second(20);
    expect(lag.stuck()).toBeNull();
  });

  it('sees a loop that stood still by the lateness of the window itself', () => {
    second(20, 700);
    expect(lag.p99Ms).toBe(700);
  });

  it('measures the real loop', () => {
    lag.start();
    lag.stop();
    expect(lag.p99Ms).toBe(0);
  });
});
