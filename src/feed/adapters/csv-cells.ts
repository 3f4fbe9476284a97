/** One line of CSV (RFC 4180, but a quoted cell ends with its line). */

/**
 * Splits a line into trimmed cells; `"a ""b"""` is `a "b"`.
 * @returns undefined when a quote is not closed, or something follows a closing quote
 */
export function csvCells(line: string, delimiter = ','): string[] | undefined {
  if (!line.includes('"')) return line.split(delimiter).map((cell) => cell.trim());
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    while (line[at] === ' ') at++;
    let cell: string;
    if (line[at] === '"') {
      const end = closingQuote(line, at + 1);
      if (end === -1) return undefined;
      cell = line.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
      while (line[at] === ' ') at++;
      if (at < line.length && line[at] !== delimiter) return undefined;
    } else {
      const end = line.indexOf(delimiter, at);
      cell = line.slice(at, end === -1 ? line.length : end).trim();
      at = end === -1 ? line.length : end;
    }
    cells.push(cell);
    if (at >= line.length) return cells;
    at++;
  }
}

function closingQuote(line: string, from: number): number {
  for (let at = line.indexOf('"', from); at !== -1; at = line.indexOf('"', at + 2)) {
    if (line[at + 1] !== '"') return at;
  }
  return -1;
}

/** The delimiter of a file, judged by one of its lines: comma, else semicolon, else tab. */
export function delimiterOf(line: string): ',' | ';' | '\t' {
  if (line.includes(',')) return ',';
  if (line.includes(';')) return ';';
  return line.includes('\t') ? '\t' : ',';
}
