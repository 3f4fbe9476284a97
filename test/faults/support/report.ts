/** Rows of the table that a run prints at its end, and the logs of scenarios that failed. */
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from './history.js';
import type { Rig } from './rig.js';

export interface Row {
  readonly topology: string;
  readonly fault: string;
  /** Longest time for which any client was shown nothing new of any symbol, ms. */
  readonly silentMs: number;
  /** From the fault, or from its end where it lasts, until every client was shown every symbol again, ms. */
  readonly backMs: number;
  /** The same for acknowledgements. */
  readonly ackedMs: number;
  /** Largest process so far, MB. */
  readonly megabytes: number;
  readonly seen: string;
  readonly failed: boolean;
}

/** Of this run; `FAULTS_SEED=…` repeats one. */
export const SEED = Number(process.env['FAULTS_SEED'] ?? 1);

export function addRow(row: Row): void {
  const file = process.env['FAULTS_ROWS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}

/** @returns the folder with what every process wrote, the findings, and the clients' logs */
export function keepLogs(rig: Rig, fault: string, findings: readonly Finding[]): string {
  const name = fault.replace(/[^a-z0-9]+/gi, '-').slice(0, 60);
  const folder = join(tmpdir(), 'tickcast-faults-failed', `${SEED}-${name}`);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'findings.json'), JSON.stringify(findings, null, 1));
  for (const [member, { output }] of [...rig.members].map(
    ([key, each]) => [key, { output: each.output() }] as const,
  ))
    writeFileSync(join(folder, `${member}.log`), output);
  for (const { name: client, log } of rig.clients) {
    const lines = log.records.map((noted) => JSON.stringify(noted));
    writeFileSync(join(folder, `client-${client.replaceAll(' ', '-')}.jsonl`), lines.join('\n'));
  }
  return folder;
}
