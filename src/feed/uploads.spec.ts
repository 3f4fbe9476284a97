import { Readable } from 'node:stream';
import fc from 'fast-check';
import { joinGroups, LogEntryDecoder } from '../fanout/log-entry.js';
import { MemoryStore } from '../fanout/memory-store.js';
import { MemoryTickLog } from '../fanout/memory-tick-log.js';
import { SessionMarks } from '../fanout/session-marks.js';
import { Problem } from '../problem.js';
import type { LiveSymbolRegistry } from '../symbols/live-symbol-registry.js';
import { Acknowledged } from './acknowledged.js';
import { BatchGate } from './batch-gate.js';
import {
  definition,
  PARTITIONS,
  silentLog,
  startRegistry,
  stillClock,
  trade,
  writerOn,
} from './feed.fixture.js';
import { FeedCounters } from './feed-counters.js';
import { OwnSessions } from './own-sessions.js';
import type { UploadAnswer } from './upload-tally.js';
import { UploadTurns } from './upload-turns.js';
import { Uploads } from './uploads.js';

const SYMBOLS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
const ENTRIES_MAX = 200;
const FILLER = joinGroups([]);

/** The tick log in memory, whose partitions can be full for a while. */
class Log {
  private readonly store = new MemoryStore(stillClock, 'run-1');

  constructor(private readonly registry: LiveSymbolRegistry) {}

  /** The uploads of another process on this log. */
  process(): Uploads {
    const log = new MemoryTickLog(this.store, { entriesMax: ENTRIES_MAX, marksMax: 100 });
    const door = new BatchGate({
      registry: this.registry,
      writer: writerOn(log, this.registry),
      clock: stillClock,
      config: { crossedQuotes: 'reject', tickAgeMsMax: 0, symbolsAutoRegister: false },
      counters: new FeedCounters(),
      log: silentLog,
    });
    const turns = new UploadTurns(new Acknowledged(), new OwnSessions('node1', 'start1'));
    return new Uploads({ door, turns, config: { feedMessageBytesMax: 1_000, feedBatchTicksMax: 10 } });
  }

  fill(partition: number): void {
    const kept = this.store.partition(partition);
    while (kept.log.length < ENTRIES_MAX) kept.log.push({ id: ++kept.logTop, bytes: FILLER });
  }

  /** Every partition has room again. */
  drain(): void {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const kept = this.store.partition(partition);
      kept.log = kept.log.filter(({ bytes }) => bytes !== FILLER);
    }
  }

  /** Prices by sid, as the owners apply them. */
  applied(): Map<number, number[]> {
    const pricesBySid = new Map<number, number[]>();
    const decoder = new LogEntryDecoder();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const marks = new SessionMarks();
      for (const { bytes } of this.store.partition(partition).log)
        decoder.decode(bytes, {
          group: (source, session, sequence, part) => marks.admit(source, session, sequence, part, 0),
          quote: () => undefined,
          trade: (sid, _timeUs, price) => {
            const prices = pricesBySid.get(sid) ?? [];
            pricesBySid.set(sid, prices);
            prices.push(price / 100);
          },
        });
    }
    return pricesBySid;
  }
}

/** Bytes in chunks, with turns of the event loop between them. */
async function* chunksOf(lines: readonly string[], linesPerChunk: number, between: () => void) {
  for (let at = 0; at < lines.length; at += linesPerChunk) {
    yield Buffer.from(
      lines
        .slice(at, at + linesPerChunk)
        .map((line) => `${line}\n`)
        .join(''),
    );
    await new Promise(setImmediate);
    between();
  }
}

describe('Uploads', () => {
  let registry: LiveSymbolRegistry;
  beforeAll(async () => {
    registry = await startRegistry(SYMBOLS.map((symbol) => definition(symbol)));
    const partitions = new Set(SYMBOLS.map((symbol) => registry.partition(registry.bySymbol(symbol)!.sid)));
    expect(partitions.size).toBeGreaterThan(2);
  });
  afterAll(() => registry.stop());

  const upload = (uploads: Uploads, sequence: number, from: number, body: AsyncIterable<Buffer>) => {
    const headers = {
      'tickcast-source': 'nyse',
      'tickcast-session': 's1',
      'tickcast-sequence': String(sequence),
      ...(from === 0 ? {} : { 'tickcast-first-line': String(from + 1) }),
    };
    return uploads.take('ndjson', headers, Readable.from(body)).catch((error: unknown) => {
      if (error instanceof Problem && error.code === 'busy') return error;
      throw error;
    });
  };
  const tickOf = (i: number) => trade({ symbol: SYMBOLS[(i * 7 + (i >> 3)) % SYMBOLS.length], price: i + 1 });
  const linesOf = (count: number) => Array.from({ length: count }, (_, i) => JSON.stringify(tickOf(i)));
  const expected = (count: number) => {
    const pricesBySid = new Map<number, number[]>();
    for (let i = 0; i < count; i++) {
      const { symbol } = tickOf(i);
      const { sid } = registry.bySymbol(symbol as string)!;
      pricesBySid.set(sid, [...(pricesBySid.get(sid) ?? []), i + 1]);
    }
    return pricesBySid;
  };
  const sorted = (pricesBySid: ReadonlyMap<number, number[]>) => [...pricesBySid].sort(([a], [b]) => a - b);

  it('goes on after a partition was full for a moment, though others hold lines behind storedLines', async () => {
    const log = new Log(registry);
    const uploads = log.process();
    const lines = linesOf(4_210);
    const full = registry.partition(registry.bySymbol('A')!.sid);
    let chunk = 0;
    const first = await upload(
      uploads,
      0,
      0,
      chunksOf(lines, 1_000, () => {
        if (++chunk === 2) log.fill(full);
      }),
    );
    expect(first).toBeInstanceOf(Problem);
    const { storedLines, reason } = (first as Problem).extras;
    expect([reason, storedLines]).toEqual(['log_full', expect.any(Number)]);
    const stored = storedLines as number;
    expect(stored % 500).toBe(0);
    expect([...log.applied().values()].flat().length).toBeGreaterThan(stored);
    log.drain();
    expect(
      await upload(
        uploads,
        0,
        stored,
        chunksOf(lines.slice(stored), 1_000, () => undefined),
      ),
    ).toEqual({
      accepted: 4_210 - stored,
      rejected: [],
      rejectedTotal: 0,
      storedLines: 4_210,
    });
    expect(sorted(log.applied())).toEqual(sorted(expected(4_210)));
    // All of it once more, in two ways.
    for (const from of [0, 2_000])
      await upload(
        uploads,
        0,
        from,
        chunksOf(lines.slice(from), 1_000, () => undefined),
      );
    expect(sorted(log.applied())).toEqual(sorted(expected(4_210)));
  });

  it('neither doubles nor loses a line, whatever was full when, whether it goes on or begins again, here or elsewhere', async () => {
    const attempt = fc.record({
      fill: fc.nat(PARTITIONS - 1),
      afterChunk: fc.nat(8),
      goesOn: fc.boolean(),
      elsewhere: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(attempt, { maxLength: 6 }),
        fc.integer({ min: 1, max: 4_000 }),
        fc.integer({ min: 150, max: 1_500 }),
        async (attempts, count, linesPerChunk) => {
          const log = new Log(registry);
          const processes = [log.process(), log.process()] as const;
          const lines = linesOf(count);
          let stored = 0;
          let answer: UploadAnswer | Problem | undefined;
          for (const { fill, afterChunk, goesOn, elsewhere } of attempts) {
            const from = goesOn ? stored : 0;
            let chunk = 0;
            let isAnswered = false;
            if (afterChunk === 0) log.fill(fill);
            const body = chunksOf(lines.slice(from), linesPerChunk, () => {
              // A body is read ahead, and on for a moment when it was answered: that must not fill the log for the next.
              if (++chunk === afterChunk && !isAnswered) log.fill(fill);
            });
            answer = await upload(processes[elsewhere ? 1 : 0], 3, from, body);
            isAnswered = true;
            log.drain();
            if (!(answer instanceof Problem)) break;
            const { storedLines } = answer.extras as { storedLines: number };
            expect(storedLines % 500).toBe(0);
            expect(storedLines).toBeGreaterThanOrEqual(from);
            stored = Math.max(stored, storedLines);
          }
          if (answer === undefined || answer instanceof Problem) {
            // As over the wire: the next request comes in a later turn, when everybody has seen the last answers.
            await new Promise(setImmediate);
            const body = chunksOf(lines.slice(stored), linesPerChunk, () => undefined);
            // Where exactly all lines are stored, nothing is left to send.
            answer = await upload(processes[0], 3, stored, body);
          }
          expect(answer).toMatchObject({ storedLines: count, rejectedTotal: 0 });
          expect(sorted(log.applied())).toEqual(sorted(expected(count)));
        },
      ),
      { numRuns: 150 },
    );
  });
});
