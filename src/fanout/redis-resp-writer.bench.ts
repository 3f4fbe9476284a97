/** The arguments of a turn's commits: sixteen partitions of 31 symbols, written here and by the client library. */
import { deepEqual } from 'node:assert/strict';
import { Command } from 'ioredis';
import { measure } from '../../bench/micro/cases.js';
import { RespWriter } from './redis-resp-writer.js';

const PARTITIONS = 16;
const BATCH_BYTES = 780;
const EPOCH = 1_795_538_670_154_745;

function commitOf(partition: number): (string | number | Buffer)[] {
  const batch = Buffer.alloc(BATCH_BYTES, partition);
  const keys = ['lease', 'meta', 'tape', 'image', 'live', 'log'].map((key) => `tc:{${partition}}:${key}`);
  const head = [
    'batch',
    '0c7c5bd2-5d9f-4d4e-8f0e-2f1f4e8b7a11',
    3_000,
    'a'.repeat(40),
    EPOCH,
    'token',
    1_234,
  ];
  const tail = [
    '1795538670154-0',
    '1795538670154-1',
    `${EPOCH}-1200`,
    '',
    1,
    'mark:bench:leg',
    '1234 0 1795538670',
  ];
  return [...keys, ...head, `${EPOCH}-1234`, batch, 1_795_538_670_154, ...tail];
}

const args = Array.from({ length: PARTITIONS }, (_, partition) => commitOf(partition)).flat();
const byTheLibrary = () => Buffer.from(new Command('evalsha', args).toWritable({}));
const writer = new RespWriter(64 * 1024);

function written(): Buffer {
  writer.command(1 + args.length);
  writer.argument('evalsha');
  for (const arg of args) writer.argument(arg);
  return Buffer.from(writer.view());
}

const verify = (bytes: Buffer) => deepEqual(bytes, byTheLibrary());
measure('write an argument', { items: args.length, run: written, verify });
measure('the same by the client library', {
  items: args.length,
  run: byTheLibrary,
  verify: (bytes) => deepEqual(bytes, written()),
});
