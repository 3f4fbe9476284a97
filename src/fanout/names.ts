/**
 * Every key and channel in Redis. `{…}` is a hash tag: what shares it lives in one cluster slot, so that one script
 * may touch all keys of a partition, and another all keys of the registry.
 */

/** Keys of one partition; `live` is its channel. */
export interface PartitionNames {
  /** Stream: accepted ticks, before coalescing. */
  readonly log: string;
  /** Stream with ids `epoch-number`: published batches. */
  readonly tape: string;
  /** String: checkpoint of all images. */
  readonly image: string;
  /** Hash: epoch, token, number, run, owner, offset, checkpoint, and one `mark:…` per feed session. */
  readonly meta: string;
  /** String with a time to live: the owner's lease token. */
  readonly lease: string;
  /** Channel: live batches and heartbeats. */
  readonly live: string;
}

export interface RegistryNames {
  /** Hash: symbol → instrument as JSON. */
  readonly symbols: string;
  /** Hash: sid → symbol. */
  readonly sids: string;
  /** Sorted set: symbol by the registry version at which it was last written. */
  readonly changes: string;
  /** Hash: version, highest sid, origin of the numbering, whether it was ever filled. */
  readonly version: string;
  /** Stream: who changed what, when and why. */
  readonly audit: string;
  /** Hash: number of partitions and name of the partition hash, fixed at first use. */
  readonly layout: string;
}

export class Names {
  readonly registry: RegistryNames;
  /** Channel: short announcements between processes, see ControlMessage. */
  readonly control: string;
  /** Sorted set: fan-out processes by the time of their last beat. */
  readonly nodes: string;
  private readonly partitions: PartitionNames[] = [];

  /** @param prefix first part of every name, e.g. `tc:` */
  constructor(private readonly prefix: string) {
    const registry = `${prefix}{registry}:`;
    this.registry = Object.freeze({
      symbols: `${registry}symbols`,
      sids: `${registry}sids`,
      changes: `${registry}changes`,
      version: `${registry}version`,
      audit: `${registry}audit`,
      layout: `${registry}layout`,
    });
    this.control = `${prefix}control`;
    this.nodes = `${prefix}nodes`;
  }

  partition(partition: number): PartitionNames {
    return (this.partitions[partition] ??= this.namesOf(partition));
  }

  private namesOf(partition: number): PartitionNames {
    const start = `${this.prefix}{${partition}}:`;
    return Object.freeze({
      log: `${start}log`,
      tape: `${start}tape`,
      image: `${start}image`,
      meta: `${start}meta`,
      lease: `${start}lease`,
      live: `${start}live`,
    });
  }
}

/** What is said on the control channel: `registry 17` = the registry has version 17; `released 3` = partition 3 has no owner. */
export type ControlMessage = { readonly kind: 'registry' | 'released'; readonly number: number };

export function formatControl(message: ControlMessage): string {
  return `${message.kind} ${message.number}`;
}

/** @returns undefined for what a newer version may say */
export function parseControl(text: string): ControlMessage | undefined {
  const match = /^(registry|released) (\d{1,15})$/.exec(text);
  if (match === null) return undefined;
  return { kind: match[1] === 'registry' ? 'registry' : 'released', number: Number(match[2]) };
}
