import { StreamPeer } from '../../support/stream-peer.js';
import type { OwnerImage } from './history.js';

/** What a subscriber that comes now is told of each symbol, by sid. */
export async function freshImages(
  url: string,
  symbols: readonly string[],
): Promise<ReadonlyMap<number, OwnerImage>> {
  const peer = await StreamPeer.open(url);
  await peer.subscribe(symbols.map((symbol) => `ticker:${symbol}`));
  await peer.untilImages(symbols);
  const images = [...peer.state.bySid].map(([sid, { image }]) => {
    const { epoch, seq, values } = image!;
    return [sid, { epoch, seq, values: { ...values } }] as const;
  });
  await peer.close();
  return new Map(images);
}
