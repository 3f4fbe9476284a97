/** Clients and a feed handler that mind their own business while somebody else attacks the same process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedHandler } from '../../support/feed-handler.js';
import { metrics } from '../../support/installation.js';
import { StreamPeer } from '../../support/stream-peer.js';
import type { Tickcast } from '../../support/tickcast.js';

export const BYSTANDER = 'HX-STEADY';

/** What attacks may leave in the memory of the process: a few caches, never what the attackers sent. */
const MEMORY_BYTES_MAX = 120_000_000;

export class Bystanders {
  private over = false;
  private pushing: Promise<void> = Promise.resolve();
  private sent = 0;

  private constructor(
    private readonly attacked: Tickcast,
    readonly peers: readonly StreamPeer[],
    private readonly handler: FeedHandler,
    private readonly memoryBytes: number,
  ) {}

  static async beside(attacked: Tickcast): Promise<Bystanders> {
    const handler = new FeedHandler('bystander', 'one');
    await handler.connect(attacked.url);
    const peers = await Promise.all(
      (['json', 'msgpack'] as const).map(async (codec) => {
        const peer = await StreamPeer.open(attacked.url, { codec });
        await peer.subscribe([`ticker:${BYSTANDER}`, `trade:${BYSTANDER}`]);
        return peer;
      }),
    );
    const bystanders = new Bystanders(attacked, peers, handler, await memory(attacked));
    bystanders.pushing = bystanders.push();
    return bystanders;
  }

  private async push(): Promise<void> {
    for (; !this.over; await sleep(10)) {
      const n = ++this.sent;
      this.handler.push([
        {
          type: 'quote',
          symbol: BYSTANDER,
          bidPrice: n / 100,
          bidSize: n,
          askPrice: (n + 1) / 100,
          askSize: n,
        },
        { type: 'trade', symbol: BYSTANDER, price: n / 100, size: 1, tradeId: String(n) },
      ]);
    }
  }

  /** Ends their traffic, and expects that none of them has noticed anything. */
  async expectUndisturbed(): Promise<void> {
    this.over = true;
    await this.pushing;
    await this.handler.allAcknowledged();
    expect([this.handler.faults, this.handler.busy]).toEqual([[], 0]);
    for (const peer of this.peers) {
      const state = peer.state.of(BYSTANDER);
      await peer.until('every trade', () => state.trades.length >= this.sent);
      expect(state.trades.map(({ id }) => id)).toEqual(
        Array.from({ length: this.sent }, (_, i) => String(i + 1)),
      );
      await peer.until('the last state', () => state.image?.values.bidSize === this.sent);
      expect([peer.isClosed, peer.goodbye, peer.errors, peer.state.faults]).toEqual([false, null, [], []]);
    }
    expect((await memory(this.attacked)) - this.memoryBytes).toBeLessThan(MEMORY_BYTES_MAX);
    // A fault of ours would stand in the log as an error.
    expect(this.attacked.output()).not.toMatch(/"level":[56]0/);
  }
}

async function memory(tickcast: Tickcast): Promise<number> {
  return (await metrics(tickcast)).get('process_resident_memory_bytes')!;
}
