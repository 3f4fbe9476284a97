/**
 * What the user wants to follow, and what of it the service has not been told yet. Commands are made from here when
 * they may be sent, so nothing queues up: a channel is wanted or not, told or not.
 */
import { type ChannelKind, parseChannel, type ResumePoint, type StreamLimits } from '#wire';

/** As many as a service can be set to allow one session; the service's own limit is answered per channel. */
export const CHANNELS_MAX = 100_000;

export type ChannelCommand =
  | {
      readonly op: 'subscribe';
      readonly channels: readonly string[];
      readonly hz?: number;
      readonly from?: Readonly<Record<string, ResumePoint>>;
    }
  | { readonly op: 'unsubscribe'; readonly channels: readonly string[] };

/** op, id, keys and brackets of a command. */
const COMMAND_BYTES = 256;
/** Quotes and a comma around a channel; for a resume point the channel again, and two integers of up to 16 digits. */
const CHANNEL_BYTES = 4;
const RESUME_BYTES = 44;

interface Wish {
  readonly kind: ChannelKind;
  readonly name: string;
  readonly wildcard: boolean;
  readonly hz: number | null;
}

export class Channels {
  private readonly wishes = new Map<string, Wish>();
  private readonly wildcards = new Set<Wish>();
  private readonly toSubscribe = new Set<string>();
  private readonly toUnsubscribe = new Set<string>();

  get size(): number {
    return this.wishes.size;
  }

  get names(): readonly string[] {
    return [...this.wishes.keys()];
  }

  /** Whether the service has yet to be told of something. */
  get untold(): boolean {
    return this.toSubscribe.size > 0 || this.toUnsubscribe.size > 0;
  }

  has(channel: string): boolean {
    return this.wishes.has(channel);
  }

  /**
   * @param hz updates per second of ticker channels; null = the service's rate; ignored for the other kinds
   * @throws RangeError at something that is no channel, and beyond CHANNELS_MAX
   */
  want(channel: string, hz: number | null): void {
    const parsed = parseChannel(channel);
    if (parsed === undefined)
      throw new RangeError(`Expected kind:symbol, kind:PREFIX* or kind:*, was ${channel}`);
    if (!this.wishes.has(channel) && this.wishes.size >= CHANNELS_MAX)
      throw new RangeError(`Expected at most ${CHANNELS_MAX} channels`);
    this.forget(channel);
    const wish: Wish = { ...parsed, hz: parsed.kind === 'ticker' ? hz : null };
    this.wishes.set(channel, wish);
    if (wish.wildcard) this.wildcards.add(wish);
    this.toUnsubscribe.delete(channel);
    this.toSubscribe.add(channel);
  }

  /** @returns whether the channel was wanted */
  drop(channel: string): boolean {
    if (!this.forget(channel)) return false;
    this.toSubscribe.delete(channel);
    this.toUnsubscribe.add(channel);
    return true;
  }

  private forget(channel: string): boolean {
    const wish = this.wishes.get(channel);
    if (wish === undefined) return false;
    this.wishes.delete(channel);
    this.wildcards.delete(wish);
    return true;
  }

  /** Whether a record of this kind and symbol is asked for by any channel. */
  covers(kind: ChannelKind, symbol: string): boolean {
    if (this.wishes.has(`${kind}:${symbol}`)) return true;
    for (const wish of this.wildcards) if (wish.kind === kind && symbol.startsWith(wish.name)) return true;
    return false;
  }

  /** A new session knows nothing: everything is to be said again. */
  tellAgain(): void {
    this.toUnsubscribe.clear();
    for (const channel of this.wishes.keys()) this.toSubscribe.add(channel);
  }

  /** A command that was not carried out: what still holds of it is to be said again. */
  untell(command: ChannelCommand): void {
    for (const channel of command.channels) {
      const wanted = this.wishes.has(channel);
      if (command.op === 'subscribe' && wanted) this.toSubscribe.add(channel);
      if (command.op === 'unsubscribe' && !wanted) this.toUnsubscribe.add(channel);
    }
  }

  /**
   * The next thing to say, unsubscribes first since they make room.
   * @param resumePoint of the trades of a symbol, null where there is none
   */
  next(
    limits: Pick<StreamLimits, 'channelsPerCommandMax' | 'frameBytesMax'>,
    resumePoint: (symbol: string) => ResumePoint | null,
  ): ChannelCommand | undefined {
    if (this.toUnsubscribe.size > 0) return this.nextUnsubscribe(limits);
    if (this.toSubscribe.size > 0) return this.nextSubscribe(limits, resumePoint);
    return undefined;
  }

  private nextUnsubscribe(
    limits: Pick<StreamLimits, 'channelsPerCommandMax' | 'frameBytesMax'>,
  ): ChannelCommand {
    const channels: string[] = [];
    let bytes = COMMAND_BYTES;
    for (const channel of this.toUnsubscribe) {
      bytes += channel.length + CHANNEL_BYTES;
      if (
        channels.length > 0 &&
        (channels.length >= limits.channelsPerCommandMax || bytes > limits.frameBytesMax)
      )
        break;
      channels.push(channel);
      this.toUnsubscribe.delete(channel);
    }
    return { op: 'unsubscribe', channels };
  }

  private nextSubscribe(
    limits: Pick<StreamLimits, 'channelsPerCommandMax' | 'frameBytesMax'>,
    resumePoint: (symbol: string) => ResumePoint | null,
  ): ChannelCommand {
    const channels: string[] = [];
    const from: Record<string, ResumePoint> = {};
    let bytes = COMMAND_BYTES;
    // One command has one hz: what wishes another rate goes with a later one.
    let hz: number | null | undefined;
    for (const channel of this.toSubscribe) {
      const wish = this.wishes.get(channel)!;
      if (hz !== undefined && wish.hz !== hz) continue;
      const point = wish.kind === 'trade' && !wish.wildcard ? resumePoint(wish.name) : null;
      bytes += channel.length + CHANNEL_BYTES + (point === null ? 0 : channel.length + RESUME_BYTES);
      if (
        channels.length > 0 &&
        (channels.length >= limits.channelsPerCommandMax || bytes > limits.frameBytesMax)
      )
        break;
      hz = wish.hz;
      channels.push(channel);
      if (point !== null) from[channel] = point;
      this.toSubscribe.delete(channel);
    }
    return {
      op: 'subscribe',
      channels,
      ...(typeof hz === 'number' ? { hz } : {}),
      ...(Object.keys(from).length > 0 ? { from } : {}),
    };
  }
}
