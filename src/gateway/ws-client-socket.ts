/**
 * A client's socket by `ws`. Frames are written straight to the TCP socket: they are whole, and `ws` itself writes
 * only whole control frames, so they interleave at frame borders (permessage-deflate is off).
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { ClientSocket } from './client-socket.js';

const NOTHING = Buffer.alloc(0);
const CLOSED = 3;

export class WsClientSocket implements ClientSocket {
  constructor(
    private readonly webSocket: WebSocket,
    private readonly stream: Duplex,
  ) {}

  get pendingBytes(): number {
    return this.stream.writableLength;
  }

  write(frames: Uint8Array): void {
    // Nothing may follow our Close frame, which ws answers to the client's by itself.
    if (this.webSocket.readyState === this.webSocket.OPEN && this.stream.writable) this.stream.write(frames);
  }

  whenDrained(drained: () => void): void {
    // 'drain' comes only after a write that passed the high-water mark; an empty write's callback comes always.
    this.stream.write(NOTHING, (error) => {
      // A socket that failed is closed: whoever waits hears of it by that.
      if (error === null || error === undefined) drained();
    });
  }

  ping(payload: Uint8Array): void {
    if (this.webSocket.readyState === this.webSocket.OPEN) this.webSocket.ping(payload);
  }

  close(code: number, reason: string): void {
    this.webSocket.close(code, reason);
  }

  terminate(): void {
    if (this.webSocket.readyState !== CLOSED) this.webSocket.terminate();
  }
}
