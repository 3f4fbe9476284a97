/**
 * One fault and its story: traffic runs, something is hurt, everything comes back by itself, and then the whole
 * history so far is judged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from './checker.js';
import type { Finding } from './history.js';
import { pauseOf, pauseOfClient } from './pauses.js';
import { addRow, keepLogs, type Row, SEED } from './report.js';
import type { Rig } from './rig.js';

/** Only to give up on what hangs: recovery takes seconds. */
const GIVE_UP_MS = 60_000;
const WITNESSES = 5;
/** Seven seconds are promised where an owner and its store go at once, and twice that is left to a busy machine. */
const BACK_MS_MAX = 20_000;

export interface Story {
  /** Now: what follows is measured from here, until `over` where the fault lasts. */
  hurt(): void;
  /** The fault ends now. */
  over(): void;
  /** For the last column of the table. */
  saw(text: string): void;
  readonly hurtMs: number;
  readonly overMs: number;
}

export interface ScenarioOptions {
  /** The tapes were emptied on purpose: what was on them before counts as well. */
  readonly storeEmptied?: boolean;
}

/** What scenarios of one rig share. */
export class Scenarios {
  private readonly known = new Set<string>();

  /** @param storeKept false where the tapes are trimmed on the way: what was on them counts as well */
  constructor(
    private readonly rig: Rig,
    private readonly topology: string,
    private storeKept = true,
  ) {}

  /** @throws with the first witnesses of everything that did not hold, and where the logs are */
  async run(
    fault: string,
    body: (story: Story) => Promise<void>,
    options: ScenarioOptions = {},
  ): Promise<void> {
    const { rig } = this;
    rig.market.start();
    // Wherever the last fault has driven them, half of the handlers are at each feed process.
    for (const [i, handler] of Object.values(rig.handlers).entries()) handler.moveTo(i % 2);
    const begunMs = performance.now();
    // In the midst of a hand-over nobody owns a partition, and whoever takes it after a failover begins a new epoch.
    await this.until('every partition to be where it belongs', () => rig.unshared());
    await this.flowing(begunMs, 'traffic to flow before the fault');
    const times = { hurtMs: performance.now(), overMs: Number.NaN };
    const seen: string[] = [];
    let findings: Finding[] = [];
    let failure: unknown = null;
    let endMs = 0;
    try {
      await body({
        hurt: () => {
          times.hurtMs = performance.now();
        },
        over: () => {
          times.overMs = performance.now();
        },
        saw: (text) => seen.push(text),
        get hurtMs() {
          return times.hurtMs;
        },
        get overMs() {
          return times.overMs;
        },
      });
      await this.flowing(performance.now(), 'every client to be shown every symbol after the fault');
      endMs = performance.now();
      if (options.storeEmptied) this.storeKept = false;
      await this.settle();
      findings = check(await rig.history(this.storeKept)).filter((finding) => this.isNew(finding));
    } catch (error) {
      failure = error;
    }
    await rig.market.stop();
    const row = this.row(fault, times, endMs || performance.now(), seen);
    if (failure === null && row.backMs > BACK_MS_MAX)
      failure = `Expected every client to be shown everything within ${BACK_MS_MAX} ms, was ${row.backMs}`;
    const failed = failure !== null || findings.length > 0;
    addRow({ ...row, failed });
    if (failed) throw this.failure(fault, findings, failure);
  }

  private isNew({ invariant, witness }: Finding): boolean {
    const text = `${invariant} ${witness}`;
    if (this.known.has(text)) return false;
    this.known.add(text);
    return true;
  }

  /** Resolves when every client was shown every symbol, and every handler acknowledged, after this moment. */
  shown(sinceMs: number): Promise<void> {
    return this.flowing(sinceMs, 'every client to be shown every symbol');
  }

  /** Every client is shown every symbol, and every handler is acknowledged, after this moment. */
  private async flowing(sinceMs: number, what: string): Promise<void> {
    const { clients, handlers, symbols } = this.rig;
    await this.until(what, () => {
      const dark = clients.find(
        ({ shownMs }) => shownMs.size < symbols.length || [...shownMs.values()].some((ms) => ms < sinceMs),
      );
      if (dark !== undefined) return `${dark.name} is not shown everything`;
      const unheard = Object.values(handlers).find(({ ackedMs }) => (ackedMs.at(-1) ?? 0) < sinceMs);
      return unheard === undefined ? null : `${unheard.source} is not acknowledged`;
    });
  }

  /** Nothing is sent any more; everything that was sent arrives. What does not is for the checker to name. */
  private async settle(): Promise<void> {
    const { market, handlers, clients, tap } = this.rig;
    await market.stop();
    await this.until('every batch to be acknowledged', () => {
      const open = Object.values(handlers).find((handler) => handler.open > 0);
      return open === undefined ? null : `${open.source} waits for ${open.open}`;
    });
    const arrived = () => {
      const missing = market.missingIn(tap.tradeIds);
      if (missing !== undefined) return `${missing.id} is on no tape`;
      const behind = clients.find((client) => [...tap.heads].some(([sid, head]) => !client.isAt(sid, head)));
      if (behind !== undefined) return `${behind.name} is behind`;
      const stale = clients.find(({ isStale }) => isStale);
      return stale === undefined ? null : `${stale.name} is stale`;
    };
    await this.until('everything to arrive', arrived, 20_000).catch((error: Error) => {
      process.stderr.write(`${error.message}\n`);
    });
    // Where the tape was refilled, the tap looks at what stands there now.
    while (!(await tap.look())) await sleep(100);
  }

  /** @param lacks what is missing yet, or null */
  async until(what: string, lacks: () => string | null | Promise<string | null>, giveUpMs = GIVE_UP_MS) {
    const deadline = performance.now() + giveUpMs;
    for (;;) {
      const why = await lacks();
      if (why === null) return;
      if (performance.now() > deadline) throw new Error(`Expected ${what} within ${giveUpMs} ms: ${why}`);
      await sleep(25);
    }
  }

  private row(
    fault: string,
    { hurtMs, overMs }: { hurtMs: number; overMs: number },
    endMs: number,
    seen: readonly string[],
  ): Omit<Row, 'failed'> {
    const { clients, handlers, members } = this.rig;
    const measuredFrom = Number.isNaN(overMs) ? hurtMs : overMs;
    const shown = clients.map(({ log }) => pauseOfClient(log.records, hurtMs - 500, endMs));
    const acked = Object.values(handlers).map(({ ackedMs }) => pauseOf(ackedMs, hurtMs - 500, endMs));
    const after = (ends: readonly number[]) => Math.max(0, Math.round(Math.max(...ends) - measuredFrom));
    return {
      topology: this.topology,
      fault,
      silentMs: Math.round(Math.max(...shown.map(({ ms }) => ms))),
      backMs: after(shown.map(({ endMs: at }) => at)),
      ackedMs: after(acked.map(({ endMs: at }) => at)),
      megabytes: Math.max(...[...members.values()].map(({ megabytesMax }) => megabytesMax)),
      seen: seen.join('; '),
    };
  }

  private failure(fault: string, findings: readonly Finding[], failure: unknown): Error {
    const folder = keepLogs(this.rig, fault, findings);
    const byRule = new Map<string, string[]>();
    for (const { invariant, witness } of findings)
      byRule.set(invariant, [...(byRule.get(invariant) ?? []), witness]);
    const lines = [...byRule].map(
      ([rule, all]) => `${rule}, ${all.length} times:\n    ${all.slice(0, WITNESSES).join('\n    ')}`,
    );
    const story = failure === null ? '' : `${failure instanceof Error ? failure.message : String(failure)}\n`;
    return new Error(`${fault} (seed ${SEED}; logs in ${folder})\n${story}${lines.join('\n')}`);
  }
}
