/**
 * High-water mark (sequence, part) per feed session: how the owner of a partition knows a resend, whichever process
 * appended it. Kept with the offset in every commit, so that a mark and the ticks below it are on the tape together or
 * not at all.
 */

/** A session that was silent for so long does not come back. */
const UNUSED_SECONDS_MAX = 24 * 3600;

interface Mark {
  readonly field: string;
  sequence: number;
  part: number;
  /** Wall time of the last move, s since the Unix epoch. */
  usedS: number;
  moved: boolean;
}

export type MarkMove = readonly [field: string, value: string];

export class SessionMarks {
  private readonly bySource = new Map<string, Map<string, Mark>>();
  private moved: Mark[] = [];
  private count = 0;

  /** @param fields `mark:…` fields as a commit stored them */
  constructor(fields: ReadonlyMap<string, string> = new Map()) {
    for (const [field, value] of fields) {
      const [source = '', session = ''] = field.slice(MARK.length).split(':').map(unescapeName);
      const [sequence = 0, part = 0, usedS = 0] = value.split(' ').map(Number);
      this.add(source, session, { field, sequence, part, usedS, moved: false });
    }
  }

  get size(): number {
    return this.count;
  }

  /** @returns false for a group that was applied before; true moves the mark */
  admit(source: string, session: string, sequence: number, part: number, nowS: number): boolean {
    let mark = this.bySource.get(source)?.get(session);
    if (mark === undefined) {
      mark = { field: markField(source, session), sequence: -1, part: -1, usedS: nowS, moved: false };
      this.add(source, session, mark);
    }
    if (sequence < mark.sequence || (sequence === mark.sequence && part <= mark.part)) return false;
    mark.sequence = sequence;
    mark.part = part;
    mark.usedS = nowS;
    if (!mark.moved) {
      mark.moved = true;
      this.moved.push(mark);
    }
    return true;
  }

  private add(source: string, session: string, mark: Mark): void {
    let sessions = this.bySource.get(source);
    if (sessions === undefined) {
      sessions = new Map();
      this.bySource.set(source, sessions);
    }
    sessions.set(session, mark);
    this.count++;
  }

  /** Those that moved since the last call, for the next commit. */
  takeMoved(): readonly MarkMove[] {
    const moved = this.moved.map(moveOf);
    for (const mark of this.moved) mark.moved = false;
    this.moved = [];
    return moved;
  }

  /** Every mark, for a partition whose stored ones may be lost. */
  all(): readonly MarkMove[] {
    const all: MarkMove[] = [];
    for (const sessions of this.bySource.values())
      for (const mark of sessions.values()) all.push(moveOf(mark));
    return all;
  }

  /** Forgets sessions that were not used for 24 h. @returns their fields, to be dropped by the next commit */
  expire(nowS: number): readonly string[] {
    const dropped: string[] = [];
    for (const [source, sessions] of this.bySource) {
      for (const [session, mark] of sessions) {
        if (mark.moved || nowS - mark.usedS <= UNUSED_SECONDS_MAX) continue;
        sessions.delete(session);
        this.count--;
        dropped.push(mark.field);
      }
      if (sessions.size === 0) this.bySource.delete(source);
    }
    return dropped;
  }
}

const MARK = 'mark:';

/** The field in `meta`: `mark:<source>:<session>`, with `%` and `:` of the names escaped. */
export function markField(source: string, session: string): string {
  return `${MARK}${escapeName(source)}:${escapeName(session)}`;
}

function escapeName(name: string): string {
  return name.replaceAll('%', '%25').replaceAll(':', '%3A');
}

function unescapeName(escaped: string): string {
  return escaped.replaceAll('%3A', ':').replaceAll('%25', '%');
}

function moveOf(mark: Mark): MarkMove {
  return [mark.field, `${mark.sequence} ${mark.part} ${mark.usedS}`];
}
