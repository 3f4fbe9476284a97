import { Readable } from 'node:stream';
import fc from 'fast-check';
import { GROUP_TICKS_MAX } from '#market-data';
import type { BatchAnswer, FeedBatch } from './batch-door.js';
import { LINE_BYTES_MAX, LineCutter } from './line-cutter.js';
import { NdjsonUpload } from './ndjson-upload.js';
import { TickFault } from './tick-fault.js';

const NAME = { source: 'nyse', session: 's1', sequence: 3 };

/** Takes what the upload offers, and answers as it is told, in a later turn. */
function offers(answers: readonly BatchAnswer[] = []) {
  const taken: FeedBatch[] = [];
  const upload = new NdjsonUpload(NAME, async (batch) => {
    taken.push(batch);
    const answer = answers[taken.length - 1];
    await new Promise(setImmediate);
    return answer ?? { outcome: 'stored', accepted: batch.ticks.length, rejected: [] };
  });
  return { upload, taken };
}

const lines = (count: number) => Array.from({ length: count }, (_, i) => `{"n":${i}}`).join('\n');

describe('LineCutter', () => {
  const cut = (chunks: readonly Buffer[]) => {
    const cutter = new LineCutter();
    const found: (string | TickFault)[] = [];
    for (const chunk of chunks) cutter.cut(chunk, (line) => found.push(line));
    cutter.end((line) => found.push(line));
    return found;
  };

  it('finds the same lines wherever the chunks are cut, also inside a character', () => {
    const line = fc
      .string({ unit: 'binary' })
      .map((text) => text.replaceAll('\n', '').replaceAll('\ufeff', ''));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.array(fc.nat(40)), (expected, sizes) => {
        const bytes = Buffer.from(`${expected.join('\n')}\n`);
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of sizes) chunks.push(bytes.subarray(at, (at += size)));
        chunks.push(bytes.subarray(at));
        expect(cut(chunks)).toEqual(expected.map((text) => Buffer.from(text).toString()));
      }),
    );
  });

  it('takes a last line without a line end, and a byte order mark before the first', () => {
    expect(cut([Buffer.from('\ufeffa\nb')])).toEqual(['a', 'b']);
    expect(cut([Buffer.from('a\n\n')])).toEqual(['a', '']);
    expect(cut([])).toEqual([]);
  });

  it('gives up a line that is too long, and reads on', () => {
    const long = Buffer.alloc(LINE_BYTES_MAX + 1, 'x');
    const found = cut([Buffer.from('a\n'), long, long, Buffer.from('\nb\n')]);
    expect(found).toEqual(['a', expect.any(TickFault), 'b']);
    expect((found[1] as TickFault).message).toContain(`was ${(LINE_BYTES_MAX + 1) * 2}`);
    expect(cut([long.subarray(1)])).toEqual(['x'.repeat(LINE_BYTES_MAX)]);
  });
});

describe('NdjsonUpload', () => {
  it('cuts parts by lines, whatever they hold, and names bad lines by their number', async () => {
    const { upload, taken } = offers();
    const text = `${lines(GROUP_TICKS_MAX - 1)}\r\n\r\n{"n":`;
    await upload.read(Readable.from([Buffer.from(text)]));
    expect(taken.map(({ firstPart, ticks }) => [firstPart, ticks.length])).toEqual([
      [0, GROUP_TICKS_MAX],
      [1, 1],
    ]);
    expect(taken[0]!.ticks[GROUP_TICKS_MAX - 1]).toBeUndefined();
    expect(taken[1]!.ticks[0]).toMatchObject({
      reason: 'malformed',
      message: expect.stringContaining('JSON'),
    });
    expect(taken[1]).toMatchObject(NAME);
  });

  it('says lines from 1, and how many are stored', async () => {
    const rejected = [{ index: 2, reason: 'malformed', message: 'Expected a price' }] as const;
    const { upload } = offers([
      { outcome: 'stored', accepted: 499, rejected },
      { outcome: 'stored', accepted: 1, rejected },
    ]);
    await upload.read(Readable.from([Buffer.from(lines(GROUP_TICKS_MAX + 3))]));
    expect(upload.tally.answer()).toEqual({
      accepted: 500,
      rejected: [
        { line: 3, reason: 'malformed', message: 'Expected a price' },
        { line: 503, reason: 'malformed', message: 'Expected a price' },
      ],
      rejectedTotal: 2,
      storedLines: 503,
    });
  });

  it('goes on with the parts and line numbers of the whole upload', async () => {
    const taken: FeedBatch[] = [];
    const offer = async (batch: FeedBatch): Promise<BatchAnswer> => {
      taken.push(batch);
      const rejected = [{ index: 1, reason: 'malformed', message: 'Expected a price' }] as const;
      return { outcome: 'stored', accepted: batch.ticks.length - 1, rejected };
    };
    const upload = new NdjsonUpload(NAME, offer, 3 * GROUP_TICKS_MAX + 1);
    await upload.read(Readable.from([Buffer.from(lines(GROUP_TICKS_MAX + 3))]));
    expect(taken.map(({ sequence, firstPart }) => [sequence, firstPart])).toEqual([
      [3, 3],
      [3, 4],
    ]);
    expect(upload.tally.answer()).toMatchObject({
      accepted: GROUP_TICKS_MAX + 1,
      rejected: [{ line: 1_502 }, { line: 2_002 }],
      storedLines: 4 * GROUP_TICKS_MAX + 3,
    });
    const nothing = new NdjsonUpload(NAME, offer, GROUP_TICKS_MAX + 1);
    await nothing.read(Readable.from([]));
    expect(nothing.tally.answer()).toMatchObject({ accepted: 0, storedLines: GROUP_TICKS_MAX });
  });

  it('counts all rejections, but lists a bounded number', async () => {
    const rejected = Array.from({ length: GROUP_TICKS_MAX }, (_, index) => ({
      index,
      reason: 'malformed' as const,
      message: 'Expected a price',
    }));
    const { upload } = offers(Array(30).fill({ outcome: 'stored', accepted: 0, rejected }));
    await upload.read(Readable.from([Buffer.from(lines(GROUP_TICKS_MAX * 30))]));
    const answer = upload.tally.answer();
    expect([answer.rejected.length, answer.rejectedTotal]).toEqual([10_000, 15_000]);
  });

  it('stops at the first part that is refused, and counts nothing after it', async () => {
    const busy: BatchAnswer = { outcome: 'busy', why: 'log_full', retryAfterMs: 20 };
    const stored: BatchAnswer = { outcome: 'stored', accepted: GROUP_TICKS_MAX, rejected: [] };
    const { upload, taken } = offers([stored, busy, busy]);
    const chunk = Buffer.from(`${lines(GROUP_TICKS_MAX * 3)}\n`);
    let read = 0;
    async function* body() {
      for (; read < 10; read++) {
        yield chunk;
        await new Promise(setImmediate);
      }
    }
    await upload.read(body());
    expect(upload.busy).toBe(busy);
    expect(upload.tally.answer()).toMatchObject({ accepted: GROUP_TICKS_MAX, storedLines: GROUP_TICKS_MAX });
    expect(taken.length).toBeLessThan(10);
    expect(read).toBeLessThan(5);
  });

  it('never offers an incomplete part of an upload that breaks off: a retry would be taken for its repeat', async () => {
    const { upload, taken } = offers();
    async function* body() {
      yield Buffer.from(`${lines(GROUP_TICKS_MAX + 10)}\n`);
      throw new Error('The connection closed');
    }
    await expect(upload.read(body())).rejects.toThrow('The connection closed');
    expect(taken).toHaveLength(1);
    expect(upload.tally.answer().storedLines).toBe(GROUP_TICKS_MAX);
  });

  it('reads no further while many parts wait', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let offered = 0;
    const upload = new NdjsonUpload(NAME, async ({ ticks }) => {
      offered++;
      await released;
      return { outcome: 'stored', accepted: ticks.length, rejected: [] };
    });
    const chunk = Buffer.from(`${lines(GROUP_TICKS_MAX)}\n`);
    const done = upload.read(Readable.from(Array(100).fill(chunk)));
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    expect(offered).toBeLessThan(20);
    release();
    await done;
    expect(upload.tally.answer().storedLines).toBe(GROUP_TICKS_MAX * 100);
  });
});
