/**
 * Which partition a symbol lives in, and which node a partition prefers. Both hashes are part of the stored
 * layout (`tc:{registry}:layout` names them): changing one moves symbols away from their history.
 */
export const PARTITION_HASH = 'fmix32-fnv1a32';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const utf8 = new TextEncoder();

/** fmix32(FNV-1a-32(UTF-8 text)), an unsigned 32-bit integer. FNV alone leaves the low bits of short symbols uneven. */
export function hash32(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of utf8.encode(text)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

/** Partition of a symbol, 0 to partitions - 1. */
export function partitionOf(symbol: string, partitions: number): number {
  return hash32(symbol) % partitions;
}

/** The node that should own a partition: highest hash of `node/partition` (rendezvous hashing); undefined without nodes. */
export function preferredNode(partition: number, nodes: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestHash = -1;
  for (const node of nodes) {
    const hash = hash32(`${node}/${partition}`);
    if (hash > bestHash || (hash === bestHash && best !== undefined && node < best)) {
      best = node;
      bestHash = hash;
    }
  }
  return best;
}
