import fc from 'fast-check';
import { decodeMsgpack, MsgpackWriter } from '#wire';
import type { LiveSymbolRegistry } from '../symbols/live-symbol-registry.js';
import { Acknowledged } from './acknowledged.js';
import { BatchGate } from './batch-gate.js';
import {
  AppliedLog,
  type Fate,
  FeedLog,
  quote,
  silentLog,
  startRegistry,
  stillClock,
  trade,
} from './feed.fixture.js';
import { feedCodec } from './feed-codec.js';
import { FeedCounters } from './feed-counters.js';
import { FEED_JSON, FEED_MSGPACK } from './feed-messages.js';
import { FeedSession, type FeedSessionParts, PENDING_MAX } from './feed-session.js';
import { OwnSessions } from './own-sessions.js';

type Reply = { readonly op: string; readonly [key: string]: unknown };

/** A handler's end of one connection. */
class Connection {
  readonly replies: Reply[] = [];
  closed: string | null = null;
  paused = false;
  /** The handler does not read. */
  full = false;
  readonly session: FeedSession;

  constructor(
    parts: FeedSessionParts,
    private readonly protocol = FEED_JSON,
  ) {
    const isFull = () => this.full;
    this.session = new FeedSession(parts, feedCodec(protocol), {
      get full() {
        return isFull();
      },
      send: (message) => this.replies.push(this.decode(message)),
      close: (reason) => {
        this.closed = reason;
      },
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
      },
    });
  }

  private decode(message: string | Uint8Array): Reply {
    return (typeof message === 'string' ? JSON.parse(message) : decodeMsgpack(message)) as Reply;
  }

  send(message: unknown): void {
    if (this.protocol === FEED_JSON) return this.raw(JSON.stringify(message));
    const writer = new MsgpackWriter();
    writer.value(message);
    this.session.receive(writer.bytes(), true);
  }

  raw(text: string, binary = false): void {
    this.session.receive(Buffer.from(text), binary);
  }

  hello(session = 's1'): void {
    this.send({ op: 'hello', source: 'nyse', session });
  }

  ticks(seq: number, ticks: readonly unknown[] = [trade({ price: seq })]): void {
    this.send({ op: 'ticks', seq, ticks });
  }

  /** Replies since the last call, in short: `ack 1`, `busy 2 from 1`, `error code`. */
  drain(): string[] {
    return this.replies.splice(0).map((reply) => {
      if (reply.op === 'busy') return `busy ${reply['seq']} from ${reply['resendFrom']}`;
      return `${reply.op} ${reply['seq'] ?? reply['code'] ?? reply['last'] ?? reply['id'] ?? ''}`.trim();
    });
  }
}

const turns = async (count = 10) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

describe('FeedSession', () => {
  let registry: LiveSymbolRegistry;
  let log: FeedLog;
  let fates: (Fate | undefined)[];
  let acknowledged: Acknowledged;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());
  beforeEach(() => {
    fates = [];
    acknowledged = new Acknowledged();
    log = new FeedLog(registry, new AppliedLog(() => fates.shift()));
  });

  const partsOn = (
    writer: FeedLog,
    known = acknowledged,
    counters = new FeedCounters(),
  ): FeedSessionParts => ({
    door: new BatchGate({
      registry,
      writer,
      clock: stillClock,
      config: { crossedQuotes: 'reject', tickAgeMsMax: 0, symbolsAutoRegister: true },
      counters,
      log: silentLog,
    }),
    acknowledged: known,
    ownSessions: new OwnSessions('node1', 'start1'),
    batchTicksMax: 10,
    batchesInFlightMax: 4,
  });
  const connect = (protocol?: string) => new Connection(partsOn(log), protocol);
  const prices = () => log.applied.map(({ price }) => price / 100);

  it.each([FEED_JSON, FEED_MSGPACK])('takes hello and batches in %s', async (protocol) => {
    const connection = connect(protocol);
    connection.hello();
    connection.ticks(1, [quote(), trade(), trade({ price: 'x' })]);
    connection.send({ op: 'ping', id: 'p1' });
    await turns();
    expect(connection.replies).toEqual([
      { op: 'ready', last: null },
      { op: 'pong', id: 'p1' },
      {
        op: 'ack',
        seq: 1,
        accepted: 2,
        rejected: [{ index: 2, reason: 'malformed', message: expect.stringContaining('"x"') }],
      },
    ]);
    expect(log.offers[0]![0]).toMatchObject({ source: 'nyse', session: 's1', sequence: 1, part: 0 });
  });

  it('acknowledges in order, and only what is stored', async () => {
    const connection = connect();
    connection.hello();
    log.hold();
    for (const seq of [7, 8, 9]) connection.ticks(seq);
    await turns();
    expect(connection.drain()).toEqual(['ready']);
    log.release();
    await turns();
    expect(connection.drain()).toEqual(['ack 7', 'ack 8', 'ack 9']);
    expect(prices()).toEqual([7, 8, 9]);
  });

  it('answers busy to everything after a failure, until the failed one comes again', async () => {
    const connection = connect();
    connection.hello();
    fates = ['stored', 'full'];
    connection.ticks(1);
    await turns();
    for (const seq of [2, 3]) connection.ticks(seq);
    await turns();
    connection.ticks(4);
    connection.ticks(5);
    expect(connection.drain()).toEqual([
      'ready',
      'ack 1',
      'busy 2 from 2',
      'busy 3 from 2',
      'busy 4 from 2',
      'busy 5 from 2',
    ]);
    for (const seq of [2, 3, 4, 5]) connection.ticks(seq);
    await turns();
    expect(connection.drain()).toEqual(['ack 2', 'ack 3', 'ack 4', 'ack 5']);
    expect(prices()).toEqual([1, 2, 3, 4, 5]);
  });

  it('says why and when to come again', async () => {
    const connection = connect();
    fates = ['lost'];
    connection.ticks(3);
    await turns();
    const [busy] = connection.replies;
    const expected = { op: 'busy', seq: 3, resendFrom: 3, retryAfterMs: 1_000, reason: 'store_unavailable' };
    expect(busy).toEqual(expected);
  });

  it('is busy beyond its batches in flight, and goes on from the first that had no room', async () => {
    const connection = connect();
    connection.hello();
    log.hold();
    for (let seq = 1; seq <= 6; seq++) connection.ticks(seq);
    log.release();
    await turns();
    expect(connection.drain()).toEqual([
      'ready',
      ...['ack 1', 'ack 2', 'ack 3', 'ack 4'],
      ...['busy 5 from 5', 'busy 6 from 5'],
    ]);
    connection.ticks(5);
    connection.ticks(6);
    await turns();
    expect(connection.drain()).toEqual(['ack 5', 'ack 6']);
  });

  it('acknowledges again what is stored, on this and on the next connection, with the same rejections', async () => {
    const first = connect();
    first.hello();
    first.ticks(1, [trade(), null]);
    first.ticks(2);
    await turns();
    first.ticks(1, [trade(), null]);
    first.ticks(3);
    await turns();
    expect(first.drain()).toEqual(['ready', 'ack 1', 'ack 2', 'ack 1', 'ack 3']);
    const second = connect();
    second.hello();
    second.ticks(1, [trade(), null]);
    expect(second.replies).toEqual([
      { op: 'ready', last: 3 },
      { op: 'ack', seq: 1, accepted: 1, rejected: [expect.objectContaining({ index: 1 })] },
    ]);
    for (const seq of [2, 3, 4]) second.ticks(seq);
    await turns();
    expect(second.drain()).toEqual(['ready 3', 'ack 1', 'ack 2', 'ack 3', 'ack 4']);
    expect(log.applied).toHaveLength(4);
  });

  it('stores the batches of a handler that counts from 0, and knows them again', async () => {
    const first = connect();
    first.hello();
    first.ticks(0);
    first.ticks(1);
    first.ticks(0);
    await turns();
    expect(first.drain()).toEqual(['ready', 'ack 0', 'ack 1', 'ack 0']);
    expect(prices()).toEqual([0, 1]);
    const alone = connect();
    alone.hello('s2');
    alone.ticks(0, [trade({ price: 7 })]);
    await turns();
    const back = connect();
    back.hello('s2');
    back.ticks(0, [trade({ price: 7 })]);
    back.ticks(1, [trade({ price: 8 })]);
    await turns();
    expect([alone.drain(), back.drain()]).toEqual([
      ['ready', 'ack 0'],
      ['ready 0', 'ack 0', 'ack 1'],
    ]);
    expect(prices()).toEqual([0, 1, 7, 8]);
  });

  it.each([
    ['with', true],
    ['without', false],
  ])('stores sequence 0 %s hello when it comes again after busy', async (_name, named) => {
    const connection = connect();
    if (named) connection.hello();
    fates = ['full', 'stored_unanswered'];
    connection.ticks(0);
    connection.ticks(1);
    await turns();
    expect(connection.drain().slice(named ? 1 : 0)).toEqual(['busy 0 from 0', 'busy 1 from 0']);
    for (const seq of [0, 1]) connection.ticks(seq);
    await turns();
    expect(connection.drain()).toEqual(['busy 0 from 0', 'busy 1 from 0']);
    for (const seq of [0, 1, 0]) connection.ticks(seq);
    await turns();
    expect(connection.drain()).toEqual(['ack 0', 'ack 1', 'ack 0']);
    expect(prices()).toEqual([0, 1]);
  });

  it('lets a repeat of what is under way share its fate', async () => {
    const connection = connect();
    connection.hello();
    log.hold();
    fates = ['stored', 'full'];
    connection.ticks(1);
    connection.ticks(1);
    log.release();
    await turns();
    expect(connection.drain()).toEqual(['ready', 'ack 1', 'ack 1']);
    log.hold();
    connection.ticks(2);
    connection.ticks(2);
    log.release();
    await turns();
    expect(connection.drain()).toEqual(['busy 2 from 2', 'busy 2 from 2']);
  });

  it('answers a repeat of what is under way as its first sending, though its symbol was not registered then', async () => {
    const counters = new FeedCounters();
    const connection = new Connection(partsOn(log, acknowledged, counters));
    connection.hello();
    const ticks = [trade({ symbol: 'FRESH' }), null];
    for (let i = 0; i < 3; i++) connection.ticks(1, ticks);
    await turns();
    const answer = { op: 'ack', seq: 1, accepted: 1, rejected: [expect.objectContaining({ index: 1 })] };
    expect(connection.replies.slice(1)).toEqual([answer, answer, answer]);
    expect(log.applied).toHaveLength(1);
    expect(counters).toMatchObject({ batches: 1, repeatedBatches: 2 });
  });

  it('refuses a sequence that leaves one out, and goes on when the right one comes', async () => {
    const connection = connect();
    connection.hello();
    connection.ticks(10);
    connection.ticks(12);
    connection.ticks(3);
    connection.ticks(11);
    await turns();
    expect(connection.replies[1]).toMatchObject({
      code: 'out_of_order',
      seq: 12,
      message: 'Expected seq 11, was 12',
    });
    expect(connection.replies[2]).toMatchObject({ code: 'out_of_order', seq: 3 });
    expect(connection.drain().slice(3)).toEqual(['ack 10', 'ack 11']);
  });

  it('keeps nothing back from a restarted handler that counts from 1 under a new session', async () => {
    const before = connect();
    before.hello('monday');
    before.ticks(1);
    before.ticks(2);
    await turns();
    const after = connect();
    after.hello('tuesday');
    after.ticks(1);
    await turns();
    expect(after.drain()).toEqual(['ready', 'ack 1']);
    expect(prices()).toEqual([1, 2, 1]);
  });

  it('numbers the batches of a handler without hello itself, and uses the session again', async () => {
    const parts = partsOn(log);
    const first = new Connection(parts);
    const second = new Connection(parts);
    first.ticks(70);
    second.ticks(1);
    await turns();
    first.session.closed();
    const third = new Connection(parts);
    for (const seq of [5, 6]) third.ticks(seq);
    third.ticks(4);
    await turns();
    expect(third.drain()).toEqual(['error 4', 'ack 5', 'ack 6']);
    const names = log.offers
      .flat()
      .map(({ source, session, sequence }) => `${source} ${session} ${sequence}`);
    expect(names).toEqual([
      ...['node1 start1-0 1', 'node1 start1-1 1'],
      ...['node1 start1-0 2', 'node1 start1-0 3'],
    ]);
  });

  it('does not give its own session away while a batch of it is under way', async () => {
    const parts = partsOn(log);
    log.hold();
    const first = new Connection(parts);
    first.ticks(1);
    first.session.closed();
    const second = new Connection(parts);
    second.ticks(1);
    log.release();
    await turns();
    expect(log.offers.flat().map(({ session }) => session)).toEqual(['start1-0', 'start1-1']);
  });

  it('remembers what it stored for a connection that was gone by then', async () => {
    const first = connect();
    first.hello();
    log.hold();
    first.ticks(1);
    await turns();
    first.session.closed();
    log.release();
    await turns();
    expect(first.drain()).toEqual(['ready']);
    expect(acknowledged.last('nyse', 's1')).toBe(1);
  });

  it('stops reading from a handler that goes on while the store does not answer', async () => {
    const connection = connect();
    connection.hello();
    log.hold();
    for (let seq = 1; seq <= PENDING_MAX; seq++) connection.ticks(seq);
    expect(connection.paused).toBe(true);
    log.release();
    await turns();
    expect(connection.paused).toBe(false);
    expect(connection.drain()).toHaveLength(1 + PENDING_MAX);
  });

  it('holds its answers, and the handler, while replies are not read', async () => {
    const connection = connect();
    connection.hello();
    connection.ticks(1);
    await turns();
    expect(connection.drain()).toHaveLength(2);
    connection.full = true;
    for (const seq of [2, 3]) connection.ticks(seq);
    await turns();
    expect([connection.drain(), connection.paused]).toEqual([[], true]);
    connection.full = false;
    connection.session.drained();
    expect(connection.drain()).toEqual(['ack 2', 'ack 3']);
    expect(connection.paused).toBe(false);
  });

  it('remembers what was stored, though the handler is gone that did not read it', async () => {
    const connection = connect();
    connection.hello();
    connection.full = true;
    connection.ticks(1);
    await turns();
    connection.session.closed();
    const next = connect();
    next.hello();
    expect(next.replies).toEqual([{ op: 'ready', last: 1 }]);
  });

  it('answers what it has when it is stopped, and takes nothing more', async () => {
    const connection = connect();
    connection.hello();
    log.hold();
    connection.ticks(1);
    let idle = false;
    const stopped = connection.session.stop().then(() => {
      idle = true;
    });
    connection.ticks(2);
    await turns();
    expect(idle).toBe(false);
    log.release();
    await stopped;
    connection.session.goodbye(250);
    expect(connection.replies.slice(1)).toEqual([
      expect.objectContaining({ op: 'ack', seq: 1 }),
      { op: 'busy', seq: 2, resendFrom: 2, retryAfterMs: 50, reason: 'stopping' },
      { op: 'goodbye', reason: 'shutdown', retryAfterMs: 250 },
    ]);
  });

  const hostile: readonly (readonly [string, string, string, boolean])[] = [
    ['bad JSON', '{"op":', 'bad_json', true],
    ['nothing', '', 'bad_json', true],
    ['a number', '5', 'bad_message', true],
    ['an array', '[]', 'bad_message', true],
    ['null', 'null', 'bad_message', true],
    ['deep nesting', '['.repeat(100_000), 'bad_json', true],
    ['an op that is none', '{"op":"subscribe"}', 'unknown_op', false],
    ['no op', '{}', 'unknown_op', false],
    ['a polluting key', '{"__proto__":{"op":"ticks"}}', 'unknown_op', false],
    ['hello without source', '{"op":"hello","session":"a"}', 'bad_message', true],
    ['hello with a space', '{"op":"hello","source":"a b","session":"a"}', 'bad_message', true],
    [
      'hello with a long session',
      `{"op":"hello","source":"a","session":"${'x'.repeat(129)}"}`,
      'bad_message',
      true,
    ],
    ['ticks without seq', '{"op":"ticks","ticks":[]}', 'bad_message', true],
    ['a negative seq', '{"op":"ticks","seq":-1,"ticks":[]}', 'bad_message', true],
    ['a seq of text', '{"op":"ticks","seq":"1","ticks":[]}', 'bad_message', true],
    ['a seq beyond 2^53', '{"op":"ticks","seq":9007199254740993,"ticks":[]}', 'bad_message', true],
    ['ticks that are no array', '{"op":"ticks","seq":1,"ticks":{"0":1}}', 'bad_message', true],
    ['too many ticks', `{"op":"ticks","seq":1,"ticks":[${'1,'.repeat(10)}1]}`, 'too_many_ticks', false],
  ];
  it.each(hostile)('answers %s with an error', async (_name, text, code, fatal) => {
    const connection = connect();
    connection.raw(text);
    expect(connection.replies).toEqual([expect.objectContaining({ op: 'error', code })]);
    expect(connection.closed).toBe(fatal ? code : null);
    connection.ticks(1);
    await turns();
    expect(connection.drain().slice(1)).toEqual(fatal ? [] : ['ack 1']);
  });

  it('takes hello once only, and first', () => {
    const twice = connect();
    twice.hello();
    twice.hello();
    const late = connect();
    late.ticks(1);
    late.hello();
    expect([twice.closed, late.closed]).toEqual(['hello_late', 'hello_late']);
  });

  it('closes on frames of the other kind, and on msgpack that is none', () => {
    const text = connect(FEED_MSGPACK);
    text.raw('{"op":"ping"}');
    const binary = connect();
    binary.raw('{"op":"ping"}', true);
    const lying = connect(FEED_MSGPACK);
    lying.session.receive(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff), true);
    const extension = connect(FEED_MSGPACK);
    extension.session.receive(Uint8Array.of(0xd4, 0x01, 0x00), true);
    expect([text.closed, binary.closed, lying.closed, extension.closed]).toEqual([
      ...['wrong_frame', 'wrong_frame'],
      ...['bad_msgpack', 'bad_msgpack'],
    ]);
  });

  it('echoes only short ids of pings', () => {
    const connection = connect();
    for (const id of ['a'.repeat(100), 7, { deep: [] }, undefined]) connection.send({ op: 'ping', id });
    expect(connection.replies.map((reply) => reply['id'])).toEqual(['a'.repeat(64), 7, null, null]);
  });

  /**
   * A handler with a window sends numbered trades of several symbols through connections that break at any moment, to
   * two processes, over a log that refuses after any part was stored. Every trade must be applied once, in the order of
   * its symbol.
   */
  it('neither loses, doubles nor reorders a trade, whatever fails', async () => {
    const fate = fc.constantFrom<Fate>('stored', 'stored', 'stored', 'full', 'lost', 'stored_unanswered');
    const step = fc.constantFrom('send', 'send', 'send', 'turn', 'turn', 'break', 'switch');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 120 }),
        fc.array(step, { minLength: 20, maxLength: 80 }),
        async (given, steps) => {
          const shared = new AppliedLog(() => given.shift());
          const processes = [
            partsOn(new FeedLog(registry, shared), new Acknowledged()),
            partsOn(new FeedLog(registry, shared), new Acknowledged(1)),
          ];
          await new Handler(processes).run(steps);
          const bySid = new Map<number, number[]>();
          for (const tick of shared.applied) {
            const list = bySid.get(tick.sid) ?? [];
            bySid.set(tick.sid, list);
            list.push(tick.price);
          }
          const all = [...bySid.values()].flat();
          expect(all).toHaveLength(BATCHES * SYMBOLS.length);
          for (const list of bySid.values()) expect(list).toEqual([...list].sort((a, b) => a - b));
          expect(new Set(all).size).toBe(all.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});

const SYMBOLS = ['AAPL', 'MSFT', 'HALT', 'BTC-USD'];
const BATCHES = 12;
const WINDOW = 6;

/** Sends BATCHES batches of one trade per symbol, and does not end before all are acknowledged. */
class Handler {
  private unacknowledged = 1;
  private next = 1;
  private process = 0;
  private connection: Connection;

  constructor(private readonly processes: readonly FeedSessionParts[]) {
    this.connection = this.connect();
  }

  private connect(): Connection {
    const connection = new Connection(this.processes[this.process]!);
    connection.hello();
    this.next = this.unacknowledged;
    return connection;
  }

  async run(steps: readonly string[]): Promise<void> {
    for (const step of steps) {
      if (step === 'send') this.sendNext();
      else if (step === 'turn') await turns(1);
      else this.lose(step === 'switch');
      this.listen();
    }
    while (this.unacknowledged <= BATCHES) {
      this.sendNext();
      await turns(1);
      this.listen();
    }
    await turns(20);
  }

  private sendNext(): void {
    if (this.next > BATCHES || this.next >= this.unacknowledged + WINDOW) return;
    const seq = this.next++;
    // Prices differ between symbols too: BTC-USD has 8 decimals.
    const ticks = SYMBOLS.map((symbol, i) => trade({ symbol, price: `${seq}.0${i + 1}` }));
    this.connection.ticks(seq, ticks);
  }

  private lose(elsewhere: boolean): void {
    this.connection.session.closed();
    if (elsewhere) this.process = 1 - this.process;
    this.connection = this.connect();
  }

  private listen(): void {
    for (const reply of this.connection.replies.splice(0)) {
      if (reply.op === 'ack')
        this.unacknowledged = Math.max(this.unacknowledged, (reply['seq'] as number) + 1);
      else if (reply.op === 'busy') this.next = reply['resendFrom'] as number;
      else expect(reply.op).toBe('ready');
    }
  }
}
