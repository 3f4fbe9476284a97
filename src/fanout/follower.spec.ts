import { Writable } from 'node:stream';
import { pino } from 'pino';
import { Metrics } from '../ops/metrics.js';
import { encodeHeartbeat } from './batch.js';
import { type FollowerLimits, followerLimits, LiveFollower } from './follower.js';
import { addFollowerMetrics } from './live-metrics.js';
import { digest } from './live-publisher.fixture.js';
import { CheckingSink } from './live-sink.fixture.js';
import { FAIR, StagedTape } from './live-tape.fixture.js';
import { seeded, VirtualTime } from './live-time.fixture.js';

const HEARTBEAT_MS = 500;

function world(over: Partial<FollowerLimits> = {}, seed = 7) {
  const limits = {
    partitions: 2,
    heartbeatMs: HEARTBEAT_MS,
    historyBatchesMax: 1_000,
    heldBytesMax: 1_000_000,
    ...over,
  };
  const time = new VirtualTime();
  const random = seeded(seed);
  const tape = new StagedTape(time, random, limits.partitions);
  const sink = new CheckingSink(limits.partitions, (partition, epoch, number) =>
    tape.publishers[partition]!.imagesByPosition.get(`${epoch}-${number}`),
  );
  const lines: { msg: string; unsaid?: number }[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const follower = new LiveFollower(tape, limits, time, time, random, pino(destination));
  const [first, second] = tape.publishers as [(typeof tape.publishers)[0], (typeof tape.publishers)[0]];
  const at = (partition: number) => sink.partitions[partition]!;
  return { time, tape, sink, follower, first, second, lines, at };
}
type World = ReturnType<typeof world>;

async function started(w: World): Promise<World> {
  let done = false;
  void w.follower.start(w.sink).then(() => {
    done = true;
  });
  while (!done) await w.time.advance(1);
  return w;
}

/** Heartbeats of all owners for a while. */
async function idle({ time, tape }: World, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += HEARTBEAT_MS) {
    for (const publisher of tape.publishers) if (publisher.epoch > 0) publisher.heartbeat();
    await time.advance(HEARTBEAT_MS);
  }
}

function expectSame({ tape, sink }: World, partition: number): void {
  const { epoch, number, images } = tape.publishers[partition]!;
  const followed = sink.partitions[partition]!;
  expect([followed.epoch, followed.number]).toEqual([epoch, number]);
  expect(digest(followed.images)).toBe(digest(images));
}

describe('joining', () => {
  it('loads what is stored, then takes live batches as they come', async () => {
    const w = world();
    w.first.beginEpoch(5);
    for (let i = 0; i < 7; i++) w.first.commit(i === 3);
    w.second.beginEpoch(9);
    await started(w);
    expectSame(w, 0);
    expectSame(w, 1);
    w.first.commit(false);
    await w.time.advance(1);
    expectSame(w, 0);
    expect(w.tape.asked.filter((question) => /^load|^after/.test(question))).toEqual(['load 0', 'load 1']);
  });

  it('asks once, and drops what it read, when batches keep coming while it loads', async () => {
    const w = world();
    w.first.beginEpoch(5);
    w.tape.weather.latencyMs = 100;
    const start = w.follower.start(w.sink);
    for (let i = 0; i < 20; i++) {
      w.first.commit(false);
      await w.time.advance(10);
    }
    await start;
    expectSame(w, 0);
    expect(w.tape.asked.filter((question) => question === 'load 0')).toHaveLength(1);
    expect(w.follower.counters.reloads).toBe(1);
    await w.follower.stop();
  });

  it('asks for at most six partitions at once', async () => {
    const w = world({ partitions: 40 });
    w.tape.weather.latencyMs = 50;
    for (const publisher of w.tape.publishers) publisher.beginEpoch(3);
    const start = w.follower.start(w.sink);
    await w.time.advance(20);
    expect(w.follower.unready()).toMatch(/^\d+ of 40 partitions are loaded$/);
    await w.time.advance(2_000);
    await start;
    // Six loads and the ping.
    expect(w.tape.runningMax).toBe(7);
    expect(w.follower.unready()).toBeNull();
  });

  it('is ready where nothing was ever published: an answered ping proves the subscription', async () => {
    const w = world();
    expect(w.follower.unready()).toBe('not following the partitions');
    await started(w);
    expect(w.follower.unready()).toBeNull();
    expect(w.at(0)).toMatchObject({ loaded: true, epoch: 0, historyComplete: true });
    await w.time.advance(2_000);
    expect(w.at(0)).toMatchObject({ hearing: 'silent', reason: 'partition_silent' });
    expect(w.follower.unready()).toBeNull();
    // The first owner comes.
    w.first.beginEpoch(77);
    await w.time.advance(10);
    expectSame(w, 0);
    expect(w.at(0).hearing).toBe('heard');
  });

  it('hears an owner that has not published anything, without asking the store again and again', async () => {
    const w = await started(world());
    w.first.epoch = 12;
    for (let i = 0; i < 5; i++) {
      w.first.heartbeat();
      await w.time.advance(100);
    }
    expect(w.at(0).hearing).toBe('heard');
    expect(w.tape.asked.filter((question) => question === 'load 0')).toHaveLength(1);
  });

  it('waits for a store that is not there yet, and ends when it is told to', async () => {
    const w = world();
    w.tape.weather.refusal = 1;
    w.first.beginEpoch(1);
    let done = false;
    const start = w.follower.start(w.sink).then(() => {
      done = true;
    });
    await w.time.advance(10_000);
    expect(done).toBe(false);
    expect(w.follower.unready()).toBe('0 of 2 partitions are loaded');
    // Delays grow to a second: some dozen questions, not thousands.
    expect(w.tape.asked.length).toBeLessThan(80);
    expect(w.tape.asked.length).toBeGreaterThan(20);
    const stop = w.follower.stop();
    await w.time.advance(10);
    await Promise.all([start, stop]);
    const asked = w.tape.asked.length;
    await w.time.advance(10_000);
    expect(w.tape.asked).toHaveLength(asked);
    expect(w.follower.unready()).toBe('not following the partitions');
  });

  it('ends while the subscription does not come up', async () => {
    const w = world();
    w.tape.follow = () => new Promise(() => undefined);
    const start = w.follower.start(w.sink);
    await w.time.advance(100);
    await Promise.all([w.follower.stop(), start]);
  });

  it('starts once', async () => {
    const w = await started(world());
    await expect(w.follower.start(w.sink)).rejects.toThrow('Expected one start() of a follower');
  });
});

describe('numbers', () => {
  it('fills a hole from the tape, in pages', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    w.tape.weather.loss = 1;
    for (let i = 0; i < 120; i++) w.first.commit(false);
    w.tape.weather = { ...FAIR };
    w.first.commit(false);
    await w.time.advance(200);
    expectSame(w, 0);
    expect(w.follower.counters).toMatchObject({ holes: 1, refilled: 121, reloads: 1 });
    expect(w.tape.asked.filter((question) => question.startsWith('after'))).toEqual([
      'after 0 5-1',
      'after 0 5-51',
      'after 0 5-101',
    ]);
  });

  it('notices a missing tail by the heartbeat', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    w.tape.weather.loss = 1;
    w.first.commit(false);
    w.first.commit(false);
    w.tape.weather.loss = 0;
    w.first.heartbeat();
    await w.time.advance(50);
    expectSame(w, 0);
    expect(w.follower.counters.refilled).toBe(2);
  });

  it('looks at every position after a reconnect, whether anybody speaks or not', async () => {
    const w = world();
    w.first.beginEpoch(5);
    w.second.beginEpoch(5);
    await started(w);
    w.tape.disconnect();
    w.first.commit(false);
    w.second.commit(false);
    w.tape.reconnect();
    await w.time.advance(300);
    expectSame(w, 0);
    expectSame(w, 1);
    expect(w.follower.counters.reloads).toBe(2);
  });

  it('reloads when the tape was trimmed beyond the hole', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    w.tape.weather.loss = 1;
    for (let i = 0; i < 10; i++) w.first.commit(false);
    w.first.writeCheckpoint();
    w.first.commit(false);
    w.first.trim(0);
    w.tape.weather.loss = 0;
    w.first.heartbeat();
    await w.time.advance(300);
    expectSame(w, 0);
    expect(w.sink.calls.filter((call) => call.startsWith('reload 0'))).toEqual([
      'reload 0 5-1',
      'reload 0 5-11',
    ]);
  });

  it.each([
    ['greater', 6_000],
    ['smaller', 3],
  ])('goes over to a %s epoch when the store has it', async (_, epoch) => {
    const w = world();
    w.first.beginEpoch(500);
    w.first.commit(false);
    w.first.commit(false);
    await started(w);
    w.first.beginEpoch(epoch, 2);
    w.first.commit(false);
    await w.time.advance(300);
    expectSame(w, 0);
    expect(w.at(0).epoch).toBe(epoch);
  });

  it('stays with the stored epoch when an old message comes late', async () => {
    const w = world();
    w.first.beginEpoch(500);
    w.first.commit(false);
    const late = w.first.stored.tape.at(-1)!.bytes;
    w.first.beginEpoch(600);
    await started(w);
    w.tape.send(0, late);
    w.first.commit(false);
    await w.time.advance(300);
    expectSame(w, 0);
    expect(w.sink.calls.filter((call) => call.startsWith('reload 0'))).toEqual(['reload 0 600-1']);
    expect(w.follower.heldBytes).toBe(0);
  });

  it('keeps what it has while the store is empty, and goes on with what the owner writes anew', async () => {
    const w = world();
    w.first.beginEpoch(500);
    await started(w);
    const before = digest(w.at(0).images);
    w.tape.disconnect();
    w.first.empty();
    w.tape.reconnect();
    await w.time.advance(2_000);
    expect(digest(w.at(0).images)).toBe(before);
    expect(w.at(0).hearing).toBe('silent');
    w.first.beginEpoch(501);
    await w.time.advance(200);
    expectSame(w, 0);
    expect(w.at(0).hearing).toBe('heard');
  });

  it('holds no more than its budget while a hole is filled; the tape has the rest', async () => {
    const w = world({ heldBytesMax: 600 });
    w.first.beginEpoch(5);
    await started(w);
    w.tape.weather = { ...FAIR, refusal: 1 };
    w.tape.weather.loss = 1;
    w.first.commit(false);
    w.tape.weather.loss = 0;
    for (let i = 0; i < 200; i++) {
      w.first.commit(false);
      await w.time.advance(10);
      expect(w.follower.heldBytes).toBeLessThanOrEqual(600);
    }
    expect(w.at(0).number).toBe(1);
    expect(w.follower.counters.heldRefused).toBeGreaterThan(150);
    w.tape.weather = { ...FAIR };
    await w.time.advance(2_000);
    expectSame(w, 0);
    expect(w.follower.heldBytes).toBe(0);
  });

  it('takes batches in order though the live channel swaps them', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    w.tape.weather = { ...FAIR, loss: 1, refusal: 1 };
    for (let i = 0; i < 4; i++) w.first.commit(false);
    w.tape.weather.loss = 0;
    for (const at of [4, 2, 3, 1]) w.tape.send(0, w.first.stored.tape[at]!.bytes);
    await w.time.advance(5);
    expectSame(w, 0);
    expect(w.follower.counters).toMatchObject({ refilled: 0, holes: 1 });
    expect(w.follower.heldBytes).toBe(0);
  });

  it('asks the store about a message that cannot be read, and says so once in ten seconds', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    w.tape.weather.loss = 1;
    w.first.commit(false);
    w.tape.weather.loss = 0;
    const { bytes } = w.first.stored.tape.at(-1)!;
    w.tape.send(0, bytes.subarray(0, bytes.length - 1));
    await w.time.advance(300);
    expectSame(w, 0);
    for (let i = 0; i < 1_000; i++) {
      w.tape.send(0, new Uint8Array([0xc1]));
      w.first.commit(false);
      await w.time.advance(1);
      expectSame(w, 0);
    }
    expect(w.follower.counters.undecodable).toBe(1_001);
    // At most one question per 100 ms, whatever a stray publisher sends.
    expect(w.tape.asked.filter((question) => question === 'load 0').length).toBeLessThan(16);
    await w.time.advance(10_000);
    w.tape.send(0, new Uint8Array([0xc1]));
    await w.time.advance(1);
    const said = w.lines.filter(({ msg }) => msg === 'live message cannot be read');
    expect(said.map(({ unsaid }) => unsaid)).toEqual([0, 1_000]);
  });

  it('waits at a tape entry that cannot be read until a checkpoint passes it', async () => {
    const w = world();
    w.first.beginEpoch(5);
    w.first.commit(false);
    w.first.commit(false);
    const { tape } = w.first.stored;
    const [, broken] = tape;
    tape[1] = { ...broken!, bytes: broken!.bytes.slice(0, -1) };
    await w.time.advance(1);
    const start = w.follower.start(w.sink);
    await w.time.advance(5_000);
    await start;
    expect(w.follower.unready()).toBeNull();
    expect(w.at(0)).toMatchObject({ number: 1, hearing: 'silent' });
    w.first.writeCheckpoint();
    w.first.heartbeat();
    await w.time.advance(2_000);
    w.first.heartbeat();
    await w.time.advance(10);
    expectSame(w, 0);
    expect(w.at(0).hearing).toBe('heard');
  });

  it('asks once, not for ever, about a number that the store does not have', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    w.tape.asked.length = 0;
    w.tape.send(0, encodeHeartbeat(5, 9, 1));
    await w.time.advance(5_000);
    expect(w.tape.asked.filter((question) => /^load|^after/.test(question))).toEqual([
      'after 0 5-1',
      'load 0',
    ]);
    expect(w.at(0).hearing).toBe('silent');
  });

  it('does not take an answer that ends before the position that it names', async () => {
    const w = world();
    w.first.beginEpoch(5);
    for (let i = 0; i < 4; i++) w.first.commit(false);
    const last = w.first.stored.tape.pop()!;
    await w.time.advance(1);
    const start = w.follower.start(w.sink);
    await w.time.advance(2_000);
    await start;
    w.first.heartbeat();
    await w.time.advance(100);
    expect(w.at(0)).toMatchObject({ number: 4, hearing: 'silent' });
    expect(w.follower.counters.retries).toBeGreaterThan(1);
    w.first.stored.tape.push(last);
    await w.time.advance(1_000);
    w.first.heartbeat();
    await w.time.advance(10);
    expectSame(w, 0);
    expect(w.at(0).hearing).toBe('heard');
  });

  it('hears nobody in an empty store, though a late message of some epoch comes', async () => {
    const w = world();
    w.first.beginEpoch(500);
    await started(w);
    await idle(w, 500);
    w.first.empty();
    await w.time.advance(2_000);
    expect(w.at(0).hearing).toBe('silent');
    w.tape.send(0, encodeHeartbeat(499, 3, 1));
    await w.time.advance(1_000);
    expect(w.at(0)).toMatchObject({ hearing: 'silent', epoch: 500 });
  });

  it('loads anew when the sink fails on a batch', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    const { update } = w.sink;
    w.sink.update = () => {
      w.sink.update = update;
      Object.assign(w.sink, { open: null });
      Object.assign(w.at(0), { loaded: false });
      throw new Error('a fault of the sink');
    };
    for (let i = 0; i < 5; i++) w.first.commit(false);
    await w.time.advance(2_000);
    expectSame(w, 0);
    expect(w.lines.map(({ msg }) => msg)).toEqual(['live message cannot be read']);
  });
});

describe('history', () => {
  it('reads the older tape backwards, 50 batches a page, one page at a time, the partitions in turn', async () => {
    const w = world();
    for (const publisher of [w.first, w.second]) {
      publisher.beginEpoch(5);
      for (let i = 0; i < 119; i++) publisher.commit(false);
      publisher.writeCheckpoint();
      publisher.commit(false);
    }
    await started(w);
    const asked = w.tape.asked.length;
    w.tape.runningMax = 0;
    await w.time.advance(1_000);
    expect(w.tape.asked.slice(asked - 1)).toEqual([
      'before 0 5-121 50',
      'before 1 5-121 50',
      'before 0 5-71 50',
      'before 1 5-71 50',
      'before 0 5-21 50',
      'before 1 5-21 50',
    ]);
    expect(w.tape.runningMax).toBe(1);
    expect(w.at(0).historyComplete && w.at(1).historyComplete).toBe(true);
    // All trades of the epoch, from the first: the sink has checked that none is missing between.
    for (const sid of w.first.images.keys()) expect(w.at(0).oldestTradeBySid.get(sid)).toBe(1);
    expect(w.follower.counters.history).toBe(240);
  });

  it('goes back no further than the rings hold', async () => {
    const w = world({ historyBatchesMax: 70 });
    w.first.beginEpoch(5);
    for (let i = 0; i < 200; i++) w.first.commit(false);
    w.first.writeCheckpoint();
    await started(w);
    await w.time.advance(1_000);
    expect(w.tape.asked.filter((question) => question.startsWith('before 0'))).toEqual([
      'before 0 5-202 50',
      'before 0 5-152 20',
    ]);
    expect(w.at(0).historyComplete).toBe(true);
  });

  it('ends where the tape was trimmed, has a hole or cannot be read', async () => {
    const w = world({ partitions: 3 });
    for (const publisher of [w.first, w.second]) {
      publisher.beginEpoch(5);
      for (let i = 0; i < 30; i++) publisher.commit(false);
      publisher.writeCheckpoint();
    }
    w.first.trim(10);
    w.tape.publishers[2]!.beginEpoch(5);
    for (let i = 0; i < 30; i++) w.tape.publishers[2]!.commit(false);
    w.tape.publishers[2]!.writeCheckpoint();
    w.tape.publishers[2]!.stored.tape.splice(15, 1);
    const { tape } = w.second.stored;
    tape[20] = { ...tape[20]!, bytes: new Uint8Array([1]) };
    await started(w);
    await w.time.advance(1_000);
    expect(w.follower.counters.history).toBe(10 + 10 + 15);
    expect(w.sink.partitions.every(({ historyComplete }) => historyComplete)).toBe(true);
  });

  it('goes on where it was after the store did not answer, and begins anew with a reload', async () => {
    const w = world();
    w.first.beginEpoch(5);
    for (let i = 0; i < 100; i++) w.first.commit(false);
    w.first.writeCheckpoint();
    await started(w);
    w.tape.weather.refusal = 1;
    await w.time.advance(3_000);
    expect(w.at(0).historyComplete).toBe(false);
    w.tape.weather.refusal = 0;
    w.first.beginEpoch(6);
    await w.time.advance(3_000);
    expect(w.at(0)).toMatchObject({ epoch: 6, historyComplete: true });
    expect(w.sink.calls.filter((call) => call === 'history complete 0')).toHaveLength(1);
  });

  it('reads at most as many batches as an owner can write in the time of the rings', () => {
    const config = { partitions: 16, heartbeatMs: 500, tradeRingSeconds: 60 };
    expect(followerLimits({ ...config, coalesceIntervalMs: 50 })).toMatchObject({ historyBatchesMax: 1_200 });
    expect(followerLimits({ ...config, coalesceIntervalMs: 0 })).toMatchObject({ historyBatchesMax: 12_000 });
  });
});

describe('silence', () => {
  it('is said after three heartbeats and taken back by the next one', async () => {
    const w = world();
    w.first.beginEpoch(5);
    w.second.beginEpoch(5);
    await started(w);
    await idle(w, 2_000);
    expect([w.at(0).hearing, w.at(1).hearing]).toEqual(['heard', 'heard']);
    const lastUs = w.time.nowUs();
    w.first.heartbeat();
    w.second.heartbeat();
    await w.time.advance(1_400);
    expect(w.at(0).hearing).toBe('heard');
    await w.time.advance(250);
    expect(w.at(0)).toMatchObject({ hearing: 'silent', reason: 'partition_silent', sinceUs: lastUs });
    w.first.heartbeat();
    await w.time.advance(1);
    expect([w.at(0).hearing, w.at(1).hearing]).toEqual(['heard', 'silent']);
    expect(w.follower.counters.silences).toBe(2);
  });

  it('names a lost connection', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    await idle(w, 1_000);
    w.tape.disconnect();
    await w.time.advance(2_000);
    expect(w.at(0)).toMatchObject({ hearing: 'silent', reason: 'redis_lost' });
    expect(w.follower.unready()).toBeNull();
    w.tape.reconnect();
    await w.time.advance(400);
    // Connected and loaded, but the owner was not heard yet.
    expect(w.at(0).hearing).toBe('silent');
    w.first.heartbeat();
    await w.time.advance(1);
    expect(w.at(0).hearing).toBe('heard');
  });

  it('lasts while the number that was heard is not reached', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    await idle(w, 1_000);
    w.tape.weather = { ...FAIR, loss: 1 };
    w.first.commit(false);
    w.tape.weather = { ...FAIR, refusal: 1 };
    await idle(w, 4_000);
    expect(w.at(0)).toMatchObject({ hearing: 'silent', number: 1 });
    w.tape.weather = { ...FAIR };
    await idle(w, 2_000);
    expectSame(w, 0);
    expect(w.at(0).hearing).toBe('heard');
  });

  it('is not ended by a number that was said long ago', async () => {
    const w = world();
    w.first.beginEpoch(5);
    await started(w);
    w.tape.weather = { ...FAIR, loss: 1 };
    w.first.commit(false);
    w.tape.weather = { ...FAIR, refusal: 1 };
    w.first.heartbeat();
    await w.time.advance(3_000);
    w.tape.weather = { ...FAIR };
    await w.time.advance(3_000);
    expectSame(w, 0);
    expect(w.at(0).hearing).toBe('silent');
  });

  it("is this process's own when its event loop was stuck, until each partition was heard again", async () => {
    const w = world();
    w.first.beginEpoch(5);
    w.second.beginEpoch(5);
    await started(w);
    await idle(w, 1_000);
    await w.time.block(900);
    expect(w.at(0).hearing).toBe('heard');
    await idle(w, 1_000);
    await w.time.block(2_000);
    expect(w.at(0)).toMatchObject({ hearing: 'silent', reason: 'gateway_stuck' });
    expect(w.at(1)).toMatchObject({ hearing: 'silent', reason: 'gateway_stuck' });
    expect(w.follower.unready()).toBe('the event loop was stuck a moment ago');
    w.first.heartbeat();
    await w.time.advance(1);
    expect([w.at(0).hearing, w.at(1).hearing]).toEqual(['heard', 'silent']);
    await idle(w, 6_000);
    expect(w.at(1).hearing).toBe('heard');
    expect(w.follower.unready()).toBeNull();
    expect(w.follower.counters.stuck).toBe(1);
  });
});

describe('figures', () => {
  it('are read when a scrape asks', async () => {
    const w = world();
    const metrics = new Metrics();
    addFollowerMetrics(metrics, w.follower, w.time);
    w.first.beginEpoch(5);
    await started(w);
    w.first.commit(false);
    await w.time.advance(1);
    const text = await metrics.text();
    expect(text).toContain('tickcast_follower_applied_total 1');
    expect(text).toContain('tickcast_follower_held_refused_total 0');
    expect(text).toContain('tickcast_follower_held_bytes 0');
    expect(text).toMatch(/tickcast_follower_batch_age_seconds\{partition="0"\} -?\d/);
    expect(w.follower.positions()).toMatchObject([
      { partition: 0, epoch: 5, number: 2 },
      { partition: 1, epoch: 0, number: 0, newestTimeUs: 0 },
    ]);
  });
});
