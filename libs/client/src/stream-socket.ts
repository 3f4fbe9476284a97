/**
 * The part of the WebSocket standard that the client needs. Browsers and Node 22 have one on globalThis; on Node 20
 * pass the constructor of `ws`.
 */

/** Sockets call with more than the client reads; a method's parameters may be wider in the runtime's own types. */
type Heard<T> = { heard(what: T): void }['heard'] | null;

export interface StreamSocket {
  binaryType: string;
  /** The subprotocol that the service echoed; empty before the socket is open. */
  readonly protocol: string;
  onmessage: Heard<{ readonly data: unknown }>;
  onclose: Heard<{ readonly code: number; readonly reason: string }>;
  onerror: Heard<unknown>;
  send(message: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type StreamSocketConstructor = new (url: string, protocols: string[]) => StreamSocket;

/** @throws when this runtime has no WebSocket of its own */
export function socketOfRuntime(): StreamSocketConstructor {
  // The one place where a global is looked for: not every runtime has it, and none agrees on its type.
  const { WebSocket: found } = globalThis as unknown as { WebSocket?: StreamSocketConstructor };
  if (found === undefined)
    throw new Error('Expected a WebSocket on globalThis; pass one: new StreamClient({ url, WebSocket })');
  return found;
}
