/**
 * The frames of many sessions on their way to the kernel: they go out by the dozen, in one native call, which also
 * gathers those of sessions in step. What the kernel does not take of a frame is given to the session's stream, which
 * then holds the session blocked until it has drained, as after any write.
 */
import type { Fragments } from './fragments.js';
import { FRAME_ROOM, FRAME_VALUES, type NativeSend } from './native-send.js';
import { probeFrame } from './pulse.js';
import type { Session } from './session.js';

/** More at once gains nothing, and their bytes should still be in a near cache when the kernel reads them. */
const FRAMES_MAX = 64;
const MEMORY_BYTES = 192 * 1024;
/** A longer frame goes through its stream: the copy would cost more than that. */
const COPY_BYTES_MAX = 4096;
/** A session's fragments of one flush must fit one frame, whatever changed. */
const GATHERED_BYTES_MAX = 60_000;
const NOTHING = new Uint8Array(0);

export interface OutboxCounters {
  frames: number;
  bytes: number;
  /** Records in gathered frames. */
  delivered: number;
}

export class Outbox {
  private readonly memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  private readonly sessions: Session[] = [];
  private readonly lists: (Int32Array | null)[] = new Array<Int32Array | null>(FRAMES_MAX).fill(null);
  private readonly frames = new Int32Array(FRAMES_MAX * FRAME_VALUES);
  private readonly taken = new Int32Array(FRAMES_MAX);
  private count = 0;
  /** End of the frames that were copied into the memory. */
  private at = 0;
  /** What the lists may need behind them. */
  private listBytes = 0;
  /** Where all lists of this call are gathered from. */
  private fragments: Fragments;
  private pass = 0;
  /** Monotonic ms of the beginning of the slice: lag probes that are due by then go along. */
  nowMs = 0;

  /** @param none fragments that are never gathered from */
  constructor(
    private readonly native: NativeSend,
    private readonly counters: OutboxCounters,
    none: Fragments,
  ) {
    this.fragments = none;
  }

  /** Takes a copy of a session's frames. @returns false when they have to be written to its socket */
  add(session: Session, frames: Uint8Array): boolean {
    const { length } = frames;
    const { descriptor } = session.socket;
    if (length > COPY_BYTES_MAX || descriptor < 0) return false;
    const probe = this.nowMs >= session.probeDueMs ? probeFrame(this.nowMs) : NOTHING;
    this.makeRoom(length + probe.length);
    this.memory.set(frames, this.at);
    this.memory.set(probe, this.at + length);
    this.put(session, descriptor, null, this.at, length + probe.length, 0);
    this.at += length + probe.length;
    return true;
  }

  /**
   * Has a session's frame gathered: the fragments of the symbols in a list that changed in a pass, in msgpack.
   * @returns false when it has to be built and written otherwise
   */
  addList(session: Session, sids: Int32Array, fragments: Fragments, pass: number): boolean {
    const bytesMax = sids.length * fragments.longest + FRAME_ROOM;
    const { descriptor } = session.socket;
    if (bytesMax > GATHERED_BYTES_MAX || descriptor < 0) return false;
    if (this.listBytes > 0 && (fragments !== this.fragments || pass !== this.pass)) this.send();
    this.makeRoom(bytesMax);
    this.fragments = fragments;
    this.pass = pass;
    this.put(session, descriptor, sids, 0, 0, this.nowMs >= session.probeDueMs ? 1 : 0);
    this.listBytes += bytesMax;
    return true;
  }

  private makeRoom(bytes: number): void {
    if (this.count === FRAMES_MAX || this.at + this.listBytes + bytes > MEMORY_BYTES) this.send();
  }

  private put(
    session: Session,
    descriptor: number,
    list: Int32Array | null,
    start: number,
    length: number,
    withTail: number,
  ): void {
    const { count, frames } = this;
    this.sessions[count] = session;
    this.lists[count] = list;
    frames[count * FRAME_VALUES] = descriptor;
    frames[count * FRAME_VALUES + 1] = start;
    frames[count * FRAME_VALUES + 2] = length;
    frames[count * FRAME_VALUES + 3] = withTail;
    this.count++;
  }

  /** Hands all frames to the kernel. */
  send(): void {
    const { count, frames, taken, counters, fragments, native, lists } = this;
    if (count === 0) return;
    const { bytes, start, length, madeIn } = fragments;
    const { memory, at, pass, nowMs } = this;
    const tail = probeFrame(nowMs);
    native.sendFrames(memory, at, frames, lists, count, bytes, start, length, madeIn, pass, tail, taken);
    for (let i = 0; i < count; i++) {
      const bytesOf = frames[i * FRAME_VALUES + 2]!;
      if (bytesOf === 0) continue;
      counters.frames++;
      counters.bytes += bytesOf;
      counters.delivered += frames[i * FRAME_VALUES + 3]!;
      const session = this.sessions[i]!;
      session.sentSinceProbe = true;
      if (nowMs >= session.probeDueMs) session.probed(nowMs);
      if (taken[i] !== bytesOf) this.writeRest(i);
    }
    this.count = 0;
    this.at = 0;
    this.listBytes = 0;
  }

  /** The stream takes over, also after a failure: it then hears of that by itself, and closes. */
  private writeRest(i: number): void {
    const start = this.frames[i * FRAME_VALUES + 1]!;
    const end = start + this.frames[i * FRAME_VALUES + 2]!;
    // A copy: the stream holds it beyond this call.
    this.sessions[i]!.frame(Buffer.from(this.memory.subarray(start + Math.max(0, this.taken[i]!), end)));
  }
}
