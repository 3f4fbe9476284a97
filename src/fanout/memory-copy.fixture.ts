/** A partition as a replica has it: what it holds later changes no more in the copy. */
import type { MemoryPartition } from './memory-store.js';

export function copyOf(kept: MemoryPartition): MemoryPartition {
  const { meta } = kept;
  return {
    ...kept,
    meta: meta === undefined ? undefined : { ...meta, marks: new Map(meta.marks) },
    tape: [...kept.tape],
    log: [...kept.log],
  };
}
