import { FollowerCounters } from './live-counters.js';
import { LiveHistory } from './live-history.js';
import { LiveLog } from './live-log.js';
import { CheckingSink } from './live-sink.fixture.js';
import { VirtualTime } from './live-time.fixture.js';
import { Pauses } from './live-timers.js';
import { memoryForm, quietLog } from './store-forms.fixture.js';

/** Continuations of a reading that has ended: more than there are. */
const MICROTASKS = 20;

describe('LiveHistory', () => {
  it('reads what is reloaded in the very moment in which it ends', async () => {
    const { tape } = await memoryForm();
    for (let after = 0; after < MICROTASKS; after++) {
      const time = new VirtualTime();
      const sink = new CheckingSink(2, () => undefined);
      const history = new LiveHistory(
        ...[tape, 100, sink, new Pauses(time, () => 0.5), new FollowerCounters()],
        new LiveLog(quietLog, time),
      );
      const complete: number[] = [];
      sink.historyComplete = (partition) => complete.push(partition);
      history.begin();
      // Nothing lies before number 1: it ends without asking the store.
      history.restart(0, 1, 1, undefined as never);
      for (let i = 0; i < after; i++) await Promise.resolve();
      history.restart(1, 1, 1, undefined as never);
      for (let i = 0; i < MICROTASKS; i++) await Promise.resolve();
      expect([after, complete]).toEqual([after, [0, 1]]);
    }
  });
});
