/**
 * The native part on real sockets: it sends the very bytes that one would gather here, takes what the kernel has room
 * for, and what it left goes on through the stream.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { requireProgram } from '../../test/support/tool.js';
import { FRAME_VALUES, loadNativeSend, type NativeSend } from './native-send.js';

let native: NativeSend;
const SLACK = 32;

let server: Server;
let ours: Socket;
let theirs: Socket;

/** Built by the build where it found a compiler; else it is found now. */
beforeAll(async () => {
  if (loadNativeSend() === null) {
    await requireProgram('cc', 'build-essential');
    await promisify(execFile)(process.execPath, [join(__dirname, '../../scripts/compile-native.mjs')]);
  }
  native = loadNativeSend()!;
}, 300_000);

beforeEach(async () => {
  server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  theirs = connect((server.address() as { port: number }).port, '127.0.0.1');
  [ours] = (await once(server, 'connection')) as [Socket];
});

afterEach(async () => {
  theirs.destroy();
  ours.destroy();
  server.close();
  await once(server, 'close');
});

const descriptor = () => (ours as unknown as { _handle: { fd: number } })._handle.fd;

interface Made {
  readonly records: ReadonlyMap<number, Buffer>;
  readonly symbols: number;
}

/** One pass of fragments: those in `records` were made in it, all others earlier. */
function fragmentsOf({ records, symbols }: Made, pass: number) {
  const start = new Int32Array(symbols);
  const length = new Int32Array(symbols);
  const madeIn = new Float64Array(symbols).fill(pass - 1);
  let at = 0;
  for (const [sid, bytes] of records) {
    start[sid] = at;
    length[sid] = bytes.length;
    madeIn[sid] = pass;
    at += bytes.length;
  }
  const bytes = Buffer.concat([...records.values(), Buffer.alloc(SLACK, 0xee)]);
  return { bytes, start, length, madeIn };
}

/** The frame of a list, built the plain way. */
function expectedFrame({ records }: Made, list: readonly number[], tail = Buffer.alloc(0)): Buffer {
  const found = list.filter((sid) => records.has(sid));
  if (found.length === 0) return Buffer.alloc(0);
  const payload = Buffer.concat([
    Buffer.from([0xdc, found.length >> 8, found.length & 0xff]),
    ...found.map((sid) => records.get(sid)!),
  ]);
  const { length } = payload;
  const header = length < 126 ? [0x82, length] : [0x82, 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), payload, tail]);
}

const TAIL = Buffer.from([0x89, 2, 0x61, 0x62]);

/** Sends a frame per list; those at places in `tailed` ask for the tail. */
function sendLists(made: Made, lists: readonly (readonly number[])[], tailed: readonly number[] = []) {
  const memory = new Uint8Array(256 * 1024);
  const pass = 7;
  const { bytes, start, length, madeIn } = fragmentsOf(made, pass);
  const frames = new Int32Array(lists.length * FRAME_VALUES);
  const taken = new Int32Array(lists.length);
  lists.forEach((_, i) => {
    frames[i * FRAME_VALUES] = descriptor();
    frames[i * FRAME_VALUES + 3] = tailed.includes(i) ? 1 : 0;
  });
  const asLists = lists.map((list) => Int32Array.from(list));
  const count = lists.length;
  native.sendFrames(memory, 0, frames, asLists, count, bytes, start, length, madeIn, pass, TAIL, taken);
  return { frames, taken };
}

async function received(bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  while (length < bytes) {
    const part = theirs.read() as Buffer | null;
    if (part === null) await once(theirs, 'readable');
    else length += parts.push(part) > 0 ? part.length : 0;
  }
  return Buffer.concat(parts);
}

it('sends the frames that one would gather, in their order', async () => {
  const symbols = 40;
  const record = fc.tuple(
    fc.integer({ min: 0, max: symbols - 1 }),
    fc.uint8Array({ minLength: 1, maxLength: 100 }),
  );
  // Also symbols that the lane has no room for yet.
  const list = fc.uniqueArray(fc.integer({ min: 0, max: symbols + 5 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(record),
      fc.array(list, { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat({ max: 20 })),
      async (pairs, lists, tailed) => {
        const records = new Map(pairs.map(([sid, bytes]) => [sid, Buffer.from(bytes)]));
        const made = { records, symbols };
        const wanted = lists.map((sids, i) =>
          expectedFrame(made, sids, tailed.includes(i) ? TAIL : undefined),
        );
        const { frames, taken } = sendLists(made, lists, tailed);
        lists.forEach((sids, i) => {
          const [, , length, count] = frames.subarray(i * FRAME_VALUES);
          expect([length, count]).toEqual([wanted[i]!.length, sids.filter((sid) => records.has(sid)).length]);
          expect(taken[i]).toBe(wanted[i]!.length);
        });
        const all = Buffer.concat(wanted);
        expect(await received(all.length)).toEqual(all);
      },
    ),
    { numRuns: 200 },
  );
});

it('says how much a full kernel took, and a stream goes on from there', async () => {
  const records = new Map([[0, Buffer.alloc(40_000, 0x55)]]);
  const made = { records, symbols: 1 };
  const frame = expectedFrame(made, [0]);
  expect(native.limitUnsent(descriptor(), 16 * 1024)).toBe(true);
  let sent = 0;
  let took = frame.length;
  while (took === frame.length) {
    took = sendLists(made, [[0]]).taken[0]!;
    sent++;
  }
  expect(took).toBeGreaterThanOrEqual(0);
  // Not the megabytes that the kernel would otherwise hide.
  expect(sent * frame.length).toBeLessThan(3 * 1024 * 1024);
  expect(sendLists(made, [[0]]).taken[0]).toBe(0);
  ours.write(frame.subarray(took));
  const all = await received(sent * frame.length);
  for (let at = 0; at < all.length; at += frame.length)
    expect(all.compare(frame, 0, frame.length, at, at + frame.length)).toBe(0);
});

it('reports the failure of one connection and serves the others', async () => {
  const frames = Int32Array.from([1_000_000, 0, 3, 0, descriptor(), 0, 3, 0]);
  const taken = new Int32Array(2);
  const none = new Int32Array(0);
  const memory = Buffer.from('abc');
  native.sendFrames(
    memory,
    0,
    frames,
    [null, null],
    2,
    memory,
    none,
    none,
    new Float64Array(0),
    1,
    TAIL,
    taken,
  );
  expect(taken[0]).toBeLessThan(0);
  expect(taken[1]).toBe(3);
  expect((await received(3)).toString()).toBe('abc');
});

it('refuses what would read or write outside of its memory, and sends nothing', () => {
  const send = (
    frames: number[],
    lists: (Int32Array | null)[],
    fragments = fragmentsOf({ records: new Map(), symbols: 0 }, 1),
  ) => {
    const taken = new Int32Array(4);
    native.sendFrames(
      Buffer.alloc(64),
      0,
      Int32Array.from(frames),
      lists,
      lists.length,
      fragments.bytes,
      fragments.start,
      fragments.length,
      fragments.madeIn,
      1,
      TAIL,
      taken,
    );
    return taken;
  };
  expect(() => send([descriptor(), 60, 5, 0], [null])).toThrow('Expected');
  expect(() => send([descriptor(), -1, 5, 0], [null])).toThrow('Expected');
  expect(() => send([], [null])).toThrow('Expected');
  const long = fragmentsOf({ records: new Map([[0, Buffer.alloc(60)]]), symbols: 1 }, 1);
  expect(() => send([descriptor(), 0, 0, 0], [Int32Array.of(0)], long)).toThrow('Expected');
  const beyond = { ...long, length: Int32Array.of(1_000) };
  expect(() => send([descriptor(), 0, 0, 0], [Int32Array.of(0)], beyond)).toThrow('Expected');
  expect(() => native.limitUnsent('x' as unknown as number, 1)).toThrow('Expected');
  expect(theirs.read()).toBeNull();
});
