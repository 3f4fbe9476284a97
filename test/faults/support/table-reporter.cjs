/** Prints the table of faults at the end of a run in which there were any, with the seed that repeats it. */
const { mkdtempSync, readFileSync, existsSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const COLUMNS = [
  ['store', (row) => row.topology],
  ['fault', (row) => row.fault],
  ['silent at most', (row) => `${row.silentMs} ms`],
  ['shown again after', (row) => `${row.backMs} ms`],
  ['acknowledged again after', (row) => `${row.ackedMs} ms`],
  ['memory', (row) => `${row.megabytes} MB`],
  ['seen', (row) => `${row.failed ? 'FAILED ' : ''}${row.seen}`],
];

module.exports = class TableReporter {
  constructor() {
    process.env['FAULTS_SEED'] ??= String(Math.floor(Math.random() * 1e9));
    this.file = join(mkdtempSync(join(tmpdir(), 'tickcast-fault-rows-')), 'rows');
    process.env['FAULTS_ROWS'] = this.file;
  }

  onRunComplete() {
    if (!existsSync(this.file)) return;
    const rows = readFileSync(this.file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const cells = [COLUMNS.map(([name]) => name), ...rows.map((row) => COLUMNS.map(([, cell]) => cell(row)))];
    const widths = COLUMNS.map((_, at) => Math.max(...cells.map((line) => line[at].length)));
    const lines = cells.map((line) => `| ${line.map((cell, at) => cell.padEnd(widths[at])).join(' | ')} |`);
    lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
    process.stderr.write(`\nFaults, seed ${process.env['FAULTS_SEED']}:\n${lines.join('\n')}\n`);
  }
};
