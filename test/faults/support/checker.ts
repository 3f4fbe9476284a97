/** Judges a history: every breach of what must hold under faults, each with a witness. */
import { ClientCheck } from './client-check.js';
import type { Finding, History, Invariant } from './history.js';
import { checkSightings, checkTape, TapeIndex } from './tape-check.js';

export type Report = (invariant: Invariant, witness: string) => void;

/** @returns all breaches in order of the rules; none when everything held */
export function check(history: History): Finding[] {
  const findings: Finding[] = [];
  const report: Report = (invariant, witness) => findings.push({ invariant, witness });
  const published = new TapeIndex(history.published);
  const tape = history.stored === null ? published : new TapeIndex(history.stored);
  checkTape(history, tape, report);
  checkSightings(history, report);
  for (const witness of history.refused) report('refused', witness);
  for (const client of history.clients) {
    new ClientCheck(client, tape, published, history, report).run();
    for (const fault of client.faults) report('breach', `${client.name}: ${fault}`);
  }
  checkImages(history, tape, report);
  checkProcesses(history, report);
  return findings;
}

/** The images that everybody gets at the end are those of the tape, and count its trades. */
function checkImages(history: History, tape: TapeIndex, report: Report): void {
  for (const [sid, { symbol }] of history.symbols) {
    const last = tape.lastState(sid);
    const trades = tape.tradesOf(sid);
    for (const [i, images] of history.images.entries()) {
      const image = images.get(sid);
      const where = `${symbol} at gateway ${i + 1}`;
      if (last === undefined) continue;
      if (image === undefined || image.epoch !== last.epoch || image.seq !== last.seq)
        report(
          'image_old',
          `${where}: ${image?.epoch}/${image?.seq}, the tape has ${last.epoch}/${last.seq}`,
        );
      else if (tape.stateText(image.values) !== last.text)
        report('image_differs', `${where}: ${tape.stateText(image.values)}, the tape has ${last.text}`);
      const volume = trades.reduce((sum, { size }) => sum + (size ?? 0), 0);
      const { tradeCount, volume: counted } = image?.values ?? {};
      if (image !== undefined && ((tradeCount ?? 0) !== trades.length || (counted ?? 0) !== volume))
        report(
          'sum_wrong',
          `${where}: ${tradeCount} × ${counted}, the tape has ${trades.length} × ${volume}`,
        );
    }
  }
}

function checkProcesses({ processes, megabytesLimit }: History, report: Report): void {
  for (const { name, ended, megabytesMax } of processes) {
    if (ended !== null) report('restarted', `${name} ended by itself: ${ended}`);
    if (megabytesMax > megabytesLimit) report('memory', `${name}: ${megabytesMax} MB of ${megabytesLimit}`);
  }
}
