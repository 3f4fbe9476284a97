/** PartitionStore on Redis: one script per call, or per round of calls, all keys of a call under one hash tag. */
import { formatControl, type Names } from './names.js';
import type {
  AcquireAnswer,
  Commit,
  CommitAnswer,
  ConnectionListener,
  LogEntry,
  LogRead,
  OwnerPosition,
  PartitionStore,
  TapeId,
  TapeMeasure,
} from './partition-store.js';
import { LOG_PAGE_ENTRIES, LOG_READ_BYTES_MAX, LOG_START } from './partition-store.js';
import type { RedisCommands } from './redis-commands.js';
import { ACQUIRE, COMMIT, MEASURE_TAPE, READ_LOG, RELEASE } from './redis-lua.js';
import { array, buffer, fieldsOf, integer, readTapeId, text } from './redis-reply.js';
import { EncodedArguments } from './redis-resp-writer.js';
import { RedisScript, type ScriptArgument, ScriptKeys } from './redis-script.js';
import { ScriptRounds } from './redis-script-rounds.js';
import { loadPartition } from './redis-tape.js';
import type { PartitionState } from './tape.js';

const acquire = new RedisScript(ACQUIRE);
const commit = { PUBLISH: new RedisScript(COMMIT.PUBLISH), SPUBLISH: new RedisScript(COMMIT.SPUBLISH) };
const release = new RedisScript(RELEASE);
const readLog = new RedisScript(READ_LOG);
const measureTape = new RedisScript(MEASURE_TAPE);

interface PartitionKeys {
  readonly commit: ScriptKeys;
  readonly readLog: ScriptKeys;
}

interface CommitHead {
  readonly of: Pick<Commit, 'kind' | 'leaseToken' | 'run' | 'epoch' | 'epochToken'>;
  readonly encoded: EncodedArguments;
}

export class RedisPartitionStore implements PartitionStore {
  private readonly commits: ScriptRounds;
  private readonly reads: ScriptRounds;
  private readonly keysOf: (PartitionKeys | undefined)[] = [];
  /** Of the last commit of each partition. */
  private readonly heads: (CommitHead | undefined)[] = [];

  /** @param redis connections of its own: their reconnects make the owner read again */
  constructor(
    private readonly redis: RedisCommands,
    private readonly names: Names,
    private readonly leaseMs: number,
  ) {
    this.commits = new ScriptRounds(redis, commit[redis.isSharded ? 'SPUBLISH' : 'PUBLISH']);
    this.reads = new ScriptRounds(redis, readLog);
  }

  async acquire(partition: number, leaseToken: string): Promise<AcquireAnswer> {
    const { lease, meta } = this.names.partition(partition);
    const reply = array(await acquire.run(this.redis, [lease, meta], [leaseToken, this.leaseMs]));
    if (text(reply[0]) === 'HELD') return { kind: 'held' };
    const fields = fieldsOf(array(reply[2]));
    const marks = new Map<string, string>();
    for (const [field, value] of fields) if (field.startsWith('mark:')) marks.set(field, value);
    return {
      kind: 'acquired',
      epoch: Number(fields.get('epoch') ?? 0),
      epochToken: fields.get('token') ?? '',
      number: Number(fields.get('number') ?? 0),
      offset: fields.get('offset') ?? LOG_START,
      run: text(reply[1]),
      runOfCommit: fields.get('run') ?? '',
      marks,
    };
  }

  async commit(partition: number, c: Commit): Promise<CommitAnswer> {
    const args: ScriptArgument[] = [c.number, tapeId(c), c.message, c.timeMs];
    args.push(c.offset ?? '', c.offset === null ? '' : idAfter(c.offset));
    args.push(c.tapeKeepFrom === null ? '' : tapeId(c.tapeKeepFrom), c.checkpoint ?? '', c.marksMoved.length);
    for (const [field, value] of c.marksMoved) args.push(field, value);
    for (const field of c.marksDropped) args.push(field);
    return readCommitAnswer(
      await this.commits.call(this.keys(partition).commit, args, this.head(partition, c)),
    );
  }

  private keys(partition: number): PartitionKeys {
    const known = this.keysOf[partition];
    if (known !== undefined) return known;
    const { lease, meta, tape, image, live, log } = this.names.partition(partition);
    const keys = {
      commit: new ScriptKeys(lease, meta, tape, image, live, log),
      readLog: new ScriptKeys(log, meta),
    };
    this.keysOf[partition] = keys;
    return keys;
  }

  /** What the commits of an owner begin with stays the same from one to the next, mostly. */
  private head(partition: number, c: Commit): EncodedArguments {
    const { kind, leaseToken, run, epoch, epochToken } = c;
    const known = this.heads[partition];
    if (
      known !== undefined &&
      known.of.kind === kind &&
      known.of.leaseToken === leaseToken &&
      known.of.run === run &&
      known.of.epoch === epoch &&
      known.of.epochToken === epochToken
    )
      return known.encoded;
    const encoded = new EncodedArguments([kind, leaseToken, this.leaseMs, run, epoch, epochToken]);
    this.heads[partition] = { of: { kind, leaseToken, run, epoch, epochToken }, encoded };
    return encoded;
  }

  async release(
    partition: number,
    position: OwnerPosition,
    checkpoint: Uint8Array | null,
  ): Promise<'released' | 'not_owner'> {
    const { lease, meta, image } = this.names.partition(partition);
    const { leaseToken, run, epoch, epochToken, number } = position;
    const reply = await release.run(
      this.redis,
      [lease, meta, image],
      [
        ...[leaseToken, run, epoch, epochToken, number, tapeId(position), checkpoint ?? ''],
        ...[this.names.control, formatControl({ kind: 'released', number: partition })],
      ],
    );
    return text(array(reply)[0]) === 'RELEASED' ? 'released' : 'not_owner';
  }

  async readLog(partition: number, run: string, after: string | null): Promise<LogRead> {
    const args = [run, after ?? '', LOG_READ_BYTES_MAX, LOG_PAGE_ENTRIES];
    const reply = array(await this.reads.call(this.keys(partition).readLog, args));
    const word = text(reply[0]);
    if (word === 'RUN') return { kind: 'run', run: text(reply[1]) };
    const flat = array(reply[1]);
    const entries: LogEntry[] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push({ id: text(flat[i]), bytes: buffer(flat[i + 1]) });
    return { kind: 'entries', entries, more: word === 'MORE' };
  }

  load(partition: number): Promise<PartitionState> {
    return loadPartition(this.redis, this.names.partition(partition));
  }

  async measureTape(
    partition: number,
    before: TapeId | null,
    count: number,
  ): Promise<readonly TapeMeasure[]> {
    const { tape } = this.names.partition(partition);
    const end = before === null ? '+' : `(${tapeId(before)}`;
    const reply = array(await measureTape.run(this.redis, [tape], [end, count]));
    return reply.map((item) => {
      const [id, time, bytes] = array(item);
      return { ...readTapeId(text(id)), timeMs: Number(text(time)), bytes: integer(bytes) };
    });
  }

  together(issue: () => void): void {
    this.redis.together(() => this.commits.together(() => this.reads.together(issue)));
  }

  watch(listener: ConnectionListener): () => void {
    return this.redis.watch(listener);
  }
}

function tapeId(id: TapeId): string {
  return `${id.epoch}-${id.number}`;
}

/** The log is trimmed behind the offset: the smallest id that is above it stays. */
function idAfter(offset: string): string {
  const dash = offset.indexOf('-');
  return `${offset.slice(0, dash)}-${Number(offset.slice(dash + 1)) + 1}`;
}

const STORED: CommitAnswer = Object.freeze({ kind: 'stored' });

function readCommitAnswer(reply: unknown): CommitAnswer {
  if (reply === 0) return STORED;
  const [first, more] = array(reply);
  const word = text(first);
  switch (word) {
    case 'REPEATED':
      return { kind: 'repeated' };
    case 'FENCED':
      return { kind: 'fenced' };
    case 'OLDEPOCH':
      return { kind: 'old_epoch' };
    case 'METALOST':
      return { kind: 'meta_lost' };
    case 'GAP':
      return { kind: 'gap', number: Number(text(more)) };
    case 'RUN':
      return { kind: 'run', run: text(more) };
    case 'REFUSED':
      return { kind: 'refused', lastEpoch: readTapeId(text(more)).epoch };
    default:
      throw new Error(`Expected an answer of the commit script, was ${word}`);
  }
}
