/**
 * The client hears the first error of a stream only (redis/ioredis#962), and TLS says some faults twice: the second,
 * heard by nobody, would end the process.
 */
import type { Duplex } from 'node:stream';
import type { Redis } from 'ioredis';

/** What the client makes its streams with; its own business, but there is no other place that sees each of them. */
interface Connector {
  stream?: Duplex | null;
  /** Of a connection whose address sentinels are asked for: makes the connection to a sentinel. */
  connectToSentinel?(...args: unknown[]): Redis;
}

/** From now on no stream of this connection, nor of those to sentinels that it makes, ends the process by an error. */
export function outliveStreamErrors(redis: Redis): void {
  const connector = (redis as unknown as { connector: Connector }).connector;
  let stream = connector.stream;
  stream?.on('error', heard);
  Object.defineProperty(connector, 'stream', {
    get: () => stream,
    set: (made: Duplex | null | undefined) => {
      stream = made;
      stream?.on('error', heard);
    },
  });
  const connectToSentinel = connector.connectToSentinel?.bind(connector);
  if (connectToSentinel === undefined) return;
  connector.connectToSentinel = (...args) => {
    const sentinel = connectToSentinel(...args);
    outliveStreamErrors(sentinel);
    return sentinel;
  };
}

/** The first error is told to whoever listens on the connection; what follows says no more. */
function heard(): void {
  return undefined;
}
