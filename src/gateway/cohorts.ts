/**
 * Sessions of one lane with the same symbols: they share the list of symbols, and the frame of a flush while they
 * have a free socket and nothing behind.
 */
import { hashSids, type SidList, sameSids } from './sid-list.js';

export interface Cohort {
  readonly sids: SidList;
  readonly hash: number;
  sessions: number;
  /** Per dialect: the pass in which `frame` was built, and the frame (null = nothing to send). */
  readonly framePass: number[];
  readonly frame: (Uint8Array | null)[];
  /** How many fragments the frame holds. */
  delivered: number;
}

export class Cohorts {
  private readonly byHash = new Map<number, Cohort[]>();

  constructor(private readonly dialects: number) {}

  /** The cohort of these symbols, with one session more. */
  enter(sids: SidList): Cohort {
    const hash = hashSids(sids);
    const same = this.byHash.get(hash);
    const found = same?.find((cohort) => sameSids(cohort.sids, sids));
    if (found !== undefined) {
      found.sessions++;
      return found;
    }
    const cohort: Cohort = {
      sids,
      hash,
      sessions: 1,
      framePass: new Array<number>(this.dialects).fill(0),
      frame: new Array<Uint8Array | null>(this.dialects).fill(null),
      delivered: 0,
    };
    if (same === undefined) this.byHash.set(hash, [cohort]);
    else same.push(cohort);
    return cohort;
  }

  leave(cohort: Cohort): void {
    cohort.sessions--;
    if (cohort.sessions > 0) return;
    const same = this.byHash.get(cohort.hash);
    if (same === undefined) return;
    const rest = same.filter((other) => other !== cohort);
    if (rest.length > 0) this.byHash.set(cohort.hash, rest);
    else this.byHash.delete(cohort.hash);
  }

  get size(): number {
    return this.byHash.size;
  }
}
