/**
 * Long answers go out in pages of at most 64 KiB, each a record of its own that says whether another follows: first
 * the channels, then the errors.
 */
import type { ChannelError, SubscribedChannel } from '#wire';

/** Leaves 4 KiB for the record around the items: its id may be 128 characters, each escaped to six. */
const PAGE_BYTES_MAX = 60 * 1024;

/**
 * Bytes of a subscribed channel in JSON, without its own texts and fields: its keys (100), sid and scales (13), hz
 * (20), status (10), position (64), and what separates them.
 */
const SUBSCRIBED_BYTES = 224;

export interface AnswerPage<C> {
  readonly channels: readonly C[];
  readonly errors: readonly ChannelError[];
  /** Whether another page of the same answer follows. */
  readonly more: boolean;
}

/**
 * Cuts an answer into pages; at least one, possibly empty.
 * @param bytesOf an upper estimate of a channel's bytes in the widest dialect
 */
export function answerPages<C>(
  channels: readonly C[],
  errors: readonly ChannelError[],
  bytesOf: (channel: C) => number,
): AnswerPage<C>[] {
  const paper = new Paper<C>();
  for (const channel of channels) paper.pageFor(bytesOf(channel)).channels.push(channel);
  for (const error of errors) paper.pageFor(jsonBytes(error)).errors.push(error);
  return paper.pages;
}

/** Pages that are being filled. */
class Paper<C> {
  readonly pages = [this.blank()];
  private room = PAGE_BYTES_MAX;

  /** The page that takes an item of this size. */
  pageFor(bytes: number) {
    if (bytes > this.room) {
      this.last.more = true;
      this.pages.push(this.blank());
      this.room = PAGE_BYTES_MAX;
    }
    this.room -= bytes;
    return this.last;
  }

  private get last() {
    return this.pages[this.pages.length - 1]!;
  }

  private blank() {
    return { channels: [] as C[], errors: [] as ChannelError[], more: false };
  }
}

/** JSON bytes of an item and the comma behind it; msgpack is shorter. */
export function jsonBytes(item: unknown): number {
  return Buffer.byteLength(JSON.stringify(item)) + 1;
}

/** An upper estimate, since a wildcard describes thousands: their texts are plain ASCII. */
export function subscribedBytes({ channel, symbol, fields }: SubscribedChannel): number {
  let bytes = SUBSCRIBED_BYTES + channel.length + (symbol?.length ?? 0);
  for (const field of fields) bytes += field.length + 3;
  return bytes;
}
