/**
 * Uploads of one session go one after the other, with rising sequences: a later one that overtook an earlier would make
 * the log take the rest of the earlier for a repeat. Here each gets its place, or is refused before it is read.
 */

import { Problem } from '../problem.js';
import type { Acknowledged } from './acknowledged.js';
import type { OwnSessions } from './own-sessions.js';
import type { UploadName } from './upload-name.js';

export interface UploadTurn extends UploadName {
  /** It is stored already: answered again, not offered. */
  readonly repeat: boolean;
  /** All of it is stored. */
  stored(): void;
  /** Nothing of it is under way any more. */
  end(): void;
}

export class UploadTurns {
  /** Sequences under way per named session; one sequence may be there twice, when a retry meets its forerunner. */
  private readonly underWay = new Map<string, number[]>();

  constructor(
    private readonly acknowledged: Acknowledged,
    private readonly ownSessions: OwnSessions,
  ) {}

  /** @throws Problem (sequence_out_of_order) when another upload of the session is not stored yet */
  begin(name: UploadName | null): UploadTurn {
    return name === null ? this.own() : this.named(name);
  }

  private own(): UploadTurn {
    const own = this.ownSessions.take();
    const sequence = own.free;
    own.reach(sequence);
    return {
      source: own.source,
      session: own.session,
      sequence,
      repeat: false,
      stored: () => undefined,
      end: () => this.ownSessions.giveBack(own),
    };
  }

  private named(name: UploadName): UploadTurn {
    const { source, session, sequence } = name;
    // -1: nothing is stored, handlers may count from 0.
    const last = this.acknowledged.last(source, session) ?? -1;
    const key = `${source} ${session}`;
    const sequences = this.underWay.get(key) ?? [];
    // One that is stored meanwhile by its retry, but still hangs on a dead connection, stands in nobody's way.
    const other = sequences.find((taken) => taken !== sequence && taken > last);
    if (other !== undefined && sequence > last)
      throw new Problem('sequence_out_of_order', {
        detail: `Expected uploads of one session one after the other; sequence ${other} is not stored yet, was ${sequence}`,
        retryAfterSeconds: 1,
      });
    sequences.push(sequence);
    this.underWay.set(key, sequences);
    return {
      ...name,
      repeat: sequence <= last,
      stored: () => this.acknowledged.note(source, session, sequence),
      end: () => this.leave(key, sequence),
    };
  }

  private leave(key: string, sequence: number): void {
    const sequences = this.underWay.get(key) ?? [];
    const place = sequences.indexOf(sequence);
    if (place !== -1) sequences.splice(place, 1);
    if (sequences.length === 0) this.underWay.delete(key);
  }
}
