import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { TickFault } from '../tick-fault.js';
import { type FileLine, firstLine, readLines } from './file-lines.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-lines-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function fileOf(content: string | Buffer, ending = 'txt'): Promise<string> {
  const path = join(folder, `${++files}.${ending}`);
  await writeFile(path, content);
  return path;
}

async function linesOf(path: string): Promise<FileLine[]> {
  const all: FileLine[] = [];
  for await (const lines of readLines(path)) all.push(...lines);
  return all;
}

describe('readLines', () => {
  it('gives the lines of any text, plain or gzipped, whatever the chunks are', async () => {
    const line = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => !/[\r\n\ufeff]/.test(text));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 40 }),
        fc.constantFrom('\n', '\r\n'),
        async (lines, end) => {
          // Long enough for several chunks.
          const many = Array.from({ length: 100 }, () => lines).flat();
          const text = many.map((one) => one + end).join('');
          expect(await linesOf(await fileOf(text))).toEqual(many);
          expect(await linesOf(await fileOf(gzipSync(text), 'gz'))).toEqual(many);
        },
      ),
      { numRuns: 25, seed: 3 },
    );
  });

  it('drops a byte order mark, and needs no line end at the end', async () => {
    expect(await linesOf(await fileOf('\ufeffa\n\nb'))).toEqual(['a', '', 'b']);
    expect(await linesOf(await fileOf(''))).toEqual([]);
  });

  it('gives a fault in place of a line that is too long to be gathered', async () => {
    const [before, long, after] = await linesOf(await fileOf(`a\n${'x'.repeat(1_000_000)}\nb\n`));
    expect([before, after]).toEqual(['a', 'b']);
    expect(long).toBeInstanceOf(TickFault);
  });

  it('fails as the file or its compression fails', async () => {
    await expect(linesOf(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(linesOf(join(folder, 'none.gz'))).rejects.toMatchObject({ code: 'ENOENT' });
    const half = gzipSync('x\n'.repeat(100_000)).subarray(0, 100);
    await expect(linesOf(await fileOf(half, 'gz'))).rejects.toThrow('unexpected end of file');
  });
});

describe('firstLine', () => {
  it('skips what is blank', async () => {
    expect(await firstLine(await fileOf('\n  \nfirst\nsecond'))).toBe('first');
    expect(await firstLine(await fileOf('\n'))).toBeUndefined();
  });
});
