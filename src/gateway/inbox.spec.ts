import { CLOSE_CODES, ERROR_CODES } from '#wire';
import { type ClientFixture, scene } from './client.fixture.js';
import { ClockFixture } from './gateway.fixture.js';
import { Inbox, MESSAGE_BYTES } from './inbox.js';

/** Each look at the clock takes a millisecond: each message, at which its budget is looked at, two. */
class BusyClock extends ClockFixture {
  override monotonicMs(): number {
    return this.ms++;
  }
}

const SLICE_MS = 2;
/** Of the messages below. */
const BYTES = 22;

function inboxScene(waitingBytesMax = 1_000_000, sliceMs = SLICE_MS) {
  const world = scene(3, { commandBurst: 1_000 }, undefined, new BusyClock());
  const { gateway, clock, timers } = world;
  const inbox = new Inbox(gateway.commands, clock, timers, sliceMs, waitingBytesMax);
  const join = () => {
    const client = world.join();
    client.fresh();
    return client;
  };
  const say = (client: ClientFixture, id: number) =>
    inbox.receive(client.session, Buffer.from(`{"op":"ping","id":${id}}`.padEnd(BYTES)), false);
  return { ...world, inbox, join, say };
}

const pongs = (client: ClientFixture) =>
  client.fresh().flatMap((record) => (record.type === 'pong' ? [record.id] : []));

describe('Inbox', () => {
  it('hands over at once while there is time, and lets the rest wait for further turns of the event loop', () => {
    const { inbox, join, say, timers } = inboxScene();
    const client = join();
    for (let id = 1; id <= 5; id++) say(client, id);
    expect(pongs(client)).toEqual([1]);
    expect(inbox.length).toBe(4);
    const turns: unknown[] = [];
    while (inbox.length > 0 && timers.runOne()) turns.push(pongs(client));
    expect(turns).toEqual([[2], [3], [4], [5]]);
    timers.pass(1);
    say(client, 6);
    expect(pongs(client)).toEqual([6]);
  });

  it('takes as many in a turn as fit into a slice, and one in any case', () => {
    // Each takes 2 ms.
    for (const [sliceMs, atOnce, turns] of [
      [3, [1, 2], [[3, 4], [5]]],
      [0, [1], [[2], [3], [4], [5]]],
    ] as const) {
      const { inbox, join, say, timers } = inboxScene(1_000_000, sliceMs);
      const client = join();
      for (let id = 1; id <= 5; id++) say(client, id);
      expect(pongs(client)).toEqual(atOnce);
      const seen: unknown[] = [];
      while (inbox.length > 0 && timers.runOne()) seen.push(pongs(client));
      expect(seen).toEqual(turns);
    }
  });

  it('keeps the order in which they came, over all clients', () => {
    const { join, say, timers } = inboxScene();
    const [one, other] = [join(), join()];
    const order: unknown[] = [];
    say(one, 1);
    say(other, 2);
    say(one, 3);
    say(other, 4);
    do order.push(...pongs(one).map((id) => ['one', id]), ...pongs(other).map((id) => ['other', id]));
    while (timers.runOne());
    expect(order).toEqual([
      ['one', 1],
      ['other', 2],
      ['one', 3],
      ['other', 4],
    ]);
  });

  it('what comes while others wait goes behind them, be there time or not', () => {
    const { inbox, join, say, clock, timers } = inboxScene();
    const [first, second] = [join(), join()];
    for (let id = 1; id <= 3; id++) say(first, id);
    clock.ms += 1_000;
    say(second, 9);
    expect(pongs(second)).toEqual([]);
    expect(inbox.length).toBe(3);
    timers.runOne();
    expect(pongs(second)).toEqual([]);
    timers.pass(1);
    expect(pongs(second)).toEqual([9]);
  });

  it('does not read on of a client of which a message waits', () => {
    const { join, say, timers } = inboxScene();
    const [busy, waiting] = [join(), join()];
    say(busy, 1);
    expect(busy.socket.paused).toBe(false);
    say(waiting, 2);
    say(waiting, 3);
    expect(waiting.socket.paused).toBe(true);
    timers.runOne();
    expect(waiting.socket.paused).toBe(true);
    timers.runOne();
    expect(pongs(waiting)).toEqual([2, 3]);
    expect(waiting.socket.paused).toBe(false);
    expect(busy.socket.paused).toBe(false);
  });

  it('counts no time as lag in which it did not read a client, and no more than that', () => {
    const { join, say, clock, timers } = inboxScene();
    const [busy, client] = [join(), join()];
    const { session } = client;
    const lateAt = (ms: number) => {
      session.noteLag(ms);
      return session.blocked;
    };
    const sentMs = clock.ms;
    session.probed(sentMs);
    say(busy, 1);
    clock.ms = sentMs + 600;
    say(client, 2);
    clock.ms = sentMs + 5_600;
    expect(lateAt(clock.ms)).toBe(false);
    timers.runOne();
    expect(pongs(client)).toEqual([2]);
    // 900 ms are allowed, some 600 were used up, and looks at the clock took some.
    expect(lateAt(sentMs + 5_600 + 250)).toBe(false);
    expect(lateAt(sentMs + 5_600 + 350)).toBe(true);
  });

  it('does not send away a client whose token waits', () => {
    const { gateway, clock, inbox, join, say, timers } = inboxScene();
    const world = { busy: join(), late: join(), silent: join() };
    world.late.session.subject = null;
    world.silent.session.subject = null;
    say(world.busy, 1);
    inbox.receive(world.late.session, Buffer.from('{"op":"auth","token":"right"}'), false);
    clock.ms += 60_000;
    gateway.pulse.run();
    expect(world.silent.socket.closed?.code).toBe(CLOSE_CODES.unauthenticated);
    expect(world.late.socket.closed).toBeNull();
    timers.pass(1);
    expect(world.late.session.subject).toBe('client');
  });

  it('takes nothing more of a client that was sent away', () => {
    const { gateway, inbox, join, say } = inboxScene();
    const [busy, client] = [join(), join()];
    gateway.hangUp(client.session, 'service_restart');
    say(busy, 1);
    say(client, 2);
    expect(inbox.length).toBe(0);
    expect(client.socket.paused).toBe(false);
  });

  it('full: refuses what comes, keeps what waits, and takes again when there is room', () => {
    const { inbox, join, say, timers } = inboxScene(2 * (BYTES + MESSAGE_BYTES));
    const [busy, client] = [join(), join()];
    say(busy, 1);
    for (const id of [2, 3, 4]) say(client, id);
    expect(inbox.length).toBe(2);
    const code = 'too_many_commands';
    expect(client.fresh()).toEqual([{ type: 'error', id: null, code, message: ERROR_CODES[code] }]);
    timers.runOne();
    say(client, 5);
    timers.pass(1);
    expect(pongs(client)).toEqual([2, 3, 5]);
  });

  it('full of empty messages, too; and closes with 4101 who goes on regardless', () => {
    const { inbox, join, say } = inboxScene(10 * MESSAGE_BYTES);
    const [busy, client] = [join(), join()];
    say(busy, 1);
    const empty = new Uint8Array(0);
    for (let i = 0; i < 30; i++) inbox.receive(client.session, empty, false);
    expect(inbox.length).toBe(10);
    expect(client.freshTypes()).toEqual(new Array(20).fill('error'));
    inbox.receive(client.session, empty, false);
    expect(client.freshTypes()).toEqual(['goodbye']);
    expect(client.socket.closed).toEqual({ code: 4101, reason: 'too_many_commands' });
  });

  it('drops what waits of a client that has gone, or was sent away, and goes on', () => {
    const { gateway, inbox, join, say, timers } = inboxScene();
    const [busy, gone, sentAway, stays] = [join(), join(), join(), join()];
    say(busy, 1);
    for (const client of [gone, sentAway, stays]) say(client, 2);
    gateway.closed(gone.session);
    gateway.hangUp(sentAway.session, 'service_restart');
    timers.pass(1);
    expect(gone.fresh()).toEqual([]);
    expect(sentAway.freshTypes()).toEqual(['goodbye']);
    // Its answer to the close has to be read.
    expect(sentAway.socket.paused).toBe(false);
    expect(pongs(stays)).toEqual([2]);
    expect(inbox.length).toBe(0);
  });
});
