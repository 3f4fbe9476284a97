/** Fixtures of the gateway's specs: a registry, a clock, timers and sockets that the spec moves by hand. */
import type { Instrument } from '#market-data';
import {
  JsonStreamDecoder,
  MsgpackStreamDecoder,
  MsgpackWriter,
  type StreamDecoder,
  type StreamRecord,
} from '#wire';
import type { Clock } from '../clock.js';
import { type Config, readConfig } from '../config.js';
import type { RegistryListener, SymbolRegistry } from '../symbols/symbol-registry.js';
import type { ClientSocket } from './client-socket.js';
import { DIALECTS } from './dialects.js';
import type { FlushTimers, Slice } from './flusher.js';
import { frameOf } from './frame-writer.js';
import { Gateway } from './gateway.js';
import { FRAME_VALUES, type NativeSend } from './native-send.js';
import type { Session } from './session.js';

export function instrument(sid: number, symbol: string, more: Partial<Instrument> = {}): Instrument {
  return {
    sid,
    symbol,
    name: symbol,
    exchange: 'XTST',
    group: 'test',
    priceScale: 2,
    sizeScale: 0,
    volumeScale: 0,
    enabled: true,
    tradingStatus: 'open',
    coalesceIntervalMs: null,
    version: 1,
    ...more,
  };
}

export class RegistryFixture implements SymbolRegistry {
  version = 1;
  private readonly instruments: Instrument[] = [];
  private readonly listeners = new Set<RegistryListener>();

  constructor(private readonly partitions: number) {}

  get sidMax(): number {
    return this.instruments.length;
  }
  get size(): number {
    return this.instruments.length;
  }
  bySymbol(symbol: string): Instrument | undefined {
    return this.instruments.find((known) => known.symbol === symbol);
  }
  bySid(sid: number): Instrument | undefined {
    return this.instruments[sid - 1];
  }
  all(): Iterable<Instrument> {
    return this.instruments;
  }
  partition(sid: number): number {
    return this.bySid(sid) === undefined ? -1 : sid % this.partitions;
  }
  watch(listener: RegistryListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  async register(): Promise<ReadonlyMap<string, Instrument>> {
    return new Map();
  }
  async reconcile(): Promise<void> {
    this.reconciled++;
  }
  reconciled = 0;

  /** Adds or changes an instrument and tells it. */
  set(sid: number, change: Partial<Instrument>): void {
    this.setAll([sid], change);
  }

  /** Adds or changes several in one go. */
  setAll(sids: readonly number[], change: Partial<Instrument>): void {
    this.version++;
    for (const sid of sids) {
      const before = this.bySid(sid) ?? instrument(sid, `S${sid}`);
      this.instruments[sid - 1] = { ...before, ...change, version: this.version };
    }
    const changed = sids.map((sid) => this.bySid(sid)!);
    for (const listener of this.listeners) listener(changed);
  }
}

/** Time that only the spec moves. */
export class ClockFixture implements Clock {
  ms = 1_000;
  nowUs(): number {
    return 1_700_000_000_000_000 + Math.floor(this.ms * 1000);
  }
  monotonicMs(): number {
    return this.ms;
  }
}

/** Timers that run when the spec says so, in the order of their time. */
export class TimersFixture implements FlushTimers {
  private waiting: { readonly atMs: number; readonly run: () => void }[] = [];
  constructor(private readonly clock: ClockFixture) {}

  after(ms: number, run: () => void): void {
    this.waiting.push({ atMs: this.clock.ms + ms, run });
  }
  soon(run: () => void): void {
    this.waiting.push({ atMs: this.clock.ms, run });
  }
  /** Runs the first timer that is due; whether there was one. */
  runOne(): boolean {
    const due = this.waiting.filter(({ atMs }) => atMs <= this.clock.ms);
    if (due.length === 0) return false;
    const first = due.reduce((a, b) => (b.atMs < a.atMs ? b : a));
    this.waiting = this.waiting.filter((timer) => timer !== first);
    first.run();
    return true;
  }
  /** Moves time on and runs everything that falls due. */
  pass(ms: number): void {
    const untilMs = this.clock.ms + ms;
    for (;;) {
      while (this.runOne());
      const next = Math.min(...this.waiting.map(({ atMs }) => atMs));
      if (!(next <= untilMs)) break;
      this.clock.ms = Math.max(this.clock.ms, next);
    }
    this.clock.ms = untilMs;
  }
}

/** All sockets, by their descriptors. */
const sockets: SocketFixture[] = [];

/** A kernel that takes what the sockets of the spec take, and the native part as one would write it here. */
export const KERNEL: NativeSend = {
  sendFrames(memory, at, frames, lists, count, fragments, start, length, madeIn, pass, tail, taken) {
    for (let i = 0; i < count; i++) {
      const frame = frames.subarray(i * FRAME_VALUES, (i + 1) * FRAME_VALUES);
      const tails = frame[3] === 0 ? [] : [tail];
      const changed = lists[i]?.filter((sid) => madeIn[sid] === pass);
      if (changed !== undefined && changed.length > 0) {
        const records = [...changed].map((sid) =>
          fragments.subarray(start[sid]!, start[sid]! + length[sid]!),
        );
        const count = Buffer.from([0xdc, changed.length >> 8, changed.length & 0xff]);
        const bytes = Buffer.concat([frameOf(Buffer.concat([count, ...records]), true), ...tails]);
        memory.set(bytes, at);
        frame.set([at, bytes.length, changed.length], 1);
        at += bytes.length;
      }
      const [descriptor, first, size] = frame as unknown as [number, number, number];
      taken[i] = size === 0 ? 0 : sockets[descriptor]!.send(memory.subarray(first, first + size));
    }
  },
  limitUnsent: () => true,
};

/** A socket whose kernel takes everything at once, unless the spec plugs it. */
export class SocketFixture implements ClientSocket {
  pendingBytes = 0;
  /** The next write stays with the kernel until `drain`. */
  plugNext = false;
  closed: { code: number; reason: string } | null = null;
  terminated = false;
  paused = false;
  readonly records: StreamRecord[] = [];
  readonly frameSizes: number[] = [];
  pings: Uint8Array[] = [];
  writes = 0;
  /** Each write as it was given, not copied. */
  readonly written: Uint8Array[] = [];
  private kept: { readonly view: Uint8Array; readonly copy: Uint8Array }[] = [];
  private waiting: (() => void)[] = [];
  private readonly decoder: StreamDecoder;
  private readonly number = sockets.push(this) - 1;
  /** What was sent on the descriptor of frames of which the rest comes by `write`. */
  private begun: Uint8Array = Buffer.alloc(0);

  /** @param take told of the records of each write, and whether the socket was plugged when it came */
  constructor(
    private readonly binary: boolean,
    private readonly take: (records: readonly StreamRecord[], plugged: boolean) => void = () => undefined,
  ) {
    this.decoder = binary ? new MsgpackStreamDecoder() : new JsonStreamDecoder();
  }

  get descriptor(): number {
    return this.pendingBytes === 0 && this.closed === null ? this.number : -1;
  }

  /** Sends on the descriptor. @returns how many bytes the kernel took: not all when it is to be plugged */
  send(frames: Uint8Array): number {
    if (this.pendingBytes > 0 || this.begun.length > 0) throw new Error('Expected bytes in their order');
    if (this.plugNext) {
      this.begun = Buffer.from(frames.subarray(0, frames.length >> 1));
      return this.begun.length;
    }
    this.write(frames);
    return frames.length;
  }

  write(written: Uint8Array): void {
    const frames = this.begun.length === 0 ? written : Buffer.concat([this.begun, written]);
    this.begun = Buffer.alloc(0);
    this.writes++;
    this.written.push(frames);
    const plugged = this.pendingBytes > 0;
    const records: StreamRecord[] = [];
    for (const payload of payloadsOf(frames, this.binary, this.pings)) {
      this.frameSizes.push(payload.length);
      records.push(...this.decoder.decode(this.binary ? payload : Buffer.from(payload).toString()));
    }
    this.records.push(...records);
    if (plugged || this.plugNext) {
      this.kept.push({ view: written, copy: Uint8Array.from(written) });
      this.pendingBytes += written.length;
      this.plugNext = false;
    }
    this.take(records, plugged);
  }

  whenDrained(drained: () => void): void {
    this.waiting.push(drained);
  }

  /** The kernel takes all; what it was given must not have changed meanwhile. */
  drain(): void {
    for (const { view, copy } of this.kept) {
      if (Buffer.compare(view, copy) !== 0)
        throw new Error('Expected bytes in the hands of the kernel to stay as they were');
    }
    this.kept = [];
    this.pendingBytes = 0;
    const waiting = this.waiting;
    this.waiting = [];
    for (const drained of waiting) drained();
  }

  ping(payload: Uint8Array): void {
    this.pings.push(payload);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }
  terminate(): void {
    this.terminated = true;
  }

  /** Records of one type, in order. */
  of<T extends StreamRecord['type']>(type: T): Extract<StreamRecord, { type: T }>[] {
    return this.records.filter(
      (record): record is Extract<StreamRecord, { type: T }> => record.type === type,
    );
  }
}

/** Payloads of whole unmasked frames, checking each header. Payloads of pings go to `pings`. */
export function payloadsOf(frames: Uint8Array, binary: boolean, pings: Uint8Array[] = []): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  let at = 0;
  while (at < frames.length) {
    const isPing = frames[at] === 0x89;
    if (!isPing && frames[at] !== (binary ? 0x82 : 0x81))
      throw new Error(`Expected a whole data frame, was byte ${frames[at]}`);
    let size = frames[at + 1]!;
    let start = at + 2;
    if (size === 126) {
      size = view.getUint16(start);
      start += 2;
    } else if (size === 127) {
      size = Number(view.getBigUint64(start));
      start += 8;
    }
    // A copy: whoever writes may use the memory again.
    (isPing ? pings : payloads).push(Uint8Array.from(frames.subarray(start, start + size)));
    at = start + size;
  }
  if (at !== frames.length) throw new Error('Expected frames to end with the write');
  return payloads;
}

export interface GatewayFixture {
  readonly gateway: Gateway;
  readonly registry: RegistryFixture;
  readonly clock: ClockFixture;
  readonly timers: TimersFixture;
}

/** A gateway with these symbols (S1, S2, …) and settings. */
export function gatewayFixture(
  symbols: number,
  settings: Partial<Config> = {},
  slice?: Slice,
  clock = new ClockFixture(),
  native: NativeSend | null = KERNEL,
): GatewayFixture {
  const config: Config = { ...readConfig({}), partitions: 2, ...settings };
  const registry = new RegistryFixture(config.partitions);
  registry.setAll(
    Array.from({ length: symbols }, (_, i) => i + 1),
    {},
  );
  const timers = new TimersFixture(clock);
  const authenticate = (token: string) => (token === 'right' ? 'client' : null);
  const random = () => 0.5;
  const gateway = new Gateway({ config, registry, clock, timers, authenticate, random, slice, native });
  return { gateway, registry, clock, timers };
}

/** Carries out a command of the session’s client now, without the inbox. */
export function command(gateway: Gateway, session: Session, body: Readonly<Record<string, unknown>>): void {
  const { binary } = session.dialect;
  gateway.commands.receive(session, binary ? encodeMsgpack(body) : Buffer.from(JSON.stringify(body)), binary);
}

function encodeMsgpack(body: unknown): Uint8Array {
  const writer = new MsgpackWriter();
  writer.value(body);
  return writer.bytes();
}

export const MSGPACK = DIALECTS.findIndex(({ name }) => name === 'msgpack');
export const JSON_DIALECT = DIALECTS.findIndex(({ name }) => name === 'json');
