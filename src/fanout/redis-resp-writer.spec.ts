import { Command } from 'ioredis';
import { Seeded } from '../../test/support/seeded.js';
import { RespWriter } from './redis-resp-writer.js';

const NAME = 'evalsha';

function written(writer: RespWriter, args: readonly (string | number | Uint8Array)[]): Buffer {
  writer.command(1 + args.length);
  writer.argument(NAME);
  for (const arg of args) writer.argument(arg);
  return Buffer.from(writer.view());
}

/** What the client library makes of the same arguments. */
function expected(args: readonly (string | number | Uint8Array)[]): Buffer {
  const values = args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg));
  return Buffer.from(new Command(NAME, values).toWritable({}));
}

describe('RespWriter', () => {
  it('writes a count, and each argument behind its length', () => {
    const writer = new RespWriter(1);
    expect(written(writer, ['a', 12, new Uint8Array([0, 13, 10])]).toString('latin1')).toBe(
      '*4\r\n$7\r\nevalsha\r\n$1\r\na\r\n$2\r\n12\r\n$3\r\n\0\r\n\r\n',
    );
  });

  it.each<[string, string | number | Uint8Array]>([
    ['nothing', ''],
    ['no bytes', new Uint8Array(0)],
    ['a text of two bytes for each letter', 'äöü'],
    ['a text that begins in ASCII', `${'a'.repeat(63)}€`],
    ['letters outside the first plane', '😀😀'],
    ['a text of 64', 'x'.repeat(64)],
    ['a text of 65', 'x'.repeat(65)],
    ['a long text', 'tick '.repeat(20_000)],
    ['zero', 0],
    ['a negative number', -17],
    ['an epoch', 1_795_538_670_154_745],
    ['the largest whole number', Number.MAX_SAFE_INTEGER],
    ['bytes that are a view', new Uint8Array(100).fill(7).subarray(9, 19)],
    ['many bytes', new Uint8Array(300_000).fill(1)],
  ])('writes %s as the client library does', (_, arg) => {
    const writer = new RespWriter(8);
    expect(written(writer, [arg, 'next'])).toEqual(expected([arg, 'next']));
  });

  it.each([1, 9, 10, 99, 100, 999, 1_000, 100_000])('writes a command of %d arguments', (count) => {
    const args = Array.from({ length: count }, (_, i) => i);
    expect(written(new RespWriter(16), args)).toEqual(expected(args));
  });

  it('writes one command after the other, whatever their lengths', () => {
    const seeded = new Seeded(17);
    const writer = new RespWriter(4);
    for (let i = 0; i < 300; i++) {
      const args = Array.from({ length: seeded.integer(0, 30) }, () =>
        seeded.pick<string | number | Uint8Array>([
          'é'.repeat(seeded.integer(0, 40)),
          'e'.repeat(seeded.integer(0, 90)),
          seeded.integer(-1_000_000, 1_000_000),
          new Uint8Array(seeded.integer(0, 200)).fill(i),
        ]),
      );
      expect(written(writer, args)).toEqual(expected(args));
    }
  });
});
