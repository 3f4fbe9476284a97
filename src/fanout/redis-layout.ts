/** Fixes the layout of a store at its first use, and reads it at every other start. */
import type { Redis } from 'ioredis';
import { PARTITION_HASH } from '#market-data';
import { checkLayout } from './layout.js';
import type { Names } from './names.js';
import { LAYOUT } from './redis-lua.js';
import { array, text } from './redis-reply.js';
import { RedisScript } from './redis-script.js';

const layout = new RedisScript(LAYOUT);

/** @throws LayoutMismatch, StoreUnavailable */
export async function fixLayout(redis: Redis, names: Names, partitions: number): Promise<void> {
  const reply = array(await layout.run(redis, [names.registry.layout], [partitions, PARTITION_HASH]));
  checkLayout({ partitions: text(reply[0]), hash: text(reply[1]) }, partitions);
}
