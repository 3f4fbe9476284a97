/** NodeRegister in memory: an embedded process is alone, but asks the same questions. */
import type { MemoryStore } from './memory-store.js';
import { NODE_MS_MAX, type NodeListener, type NodeRegister } from './node-register.js';

export class MemoryNodeRegister implements NodeRegister {
  constructor(private readonly store: MemoryStore) {}

  async beat(node: string): Promise<readonly string[]> {
    const { nodes, clock } = this.store;
    const now = clock.monotonicMs();
    nodes.set(node, now);
    for (const [name, beatMs] of nodes) if (now - beatMs > NODE_MS_MAX) nodes.delete(name);
    return [...nodes.keys()].sort();
  }

  async leave(node: string): Promise<void> {
    this.store.nodes.delete(node);
  }

  watch(listener: NodeListener): () => void {
    return this.store.onReleased((partition) => listener.released(partition));
  }
}
