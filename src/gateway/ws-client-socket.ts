/**
 * A client's socket by `ws`. Frames are written straight to the TCP socket: they are whole, and `ws` itself writes
 * only whole control frames, so they interleave at frame borders (permessage-deflate is off).
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { ClientSocket } from './client-socket.js';

const NOTHING = Buffer.alloc(0);
const CLOSED = 3;

/** What Node keeps below a net.Socket: gone as soon as the socket lets go of its descriptor. */
interface TcpHandle {
  readonly fd?: number;
}

interface WithHandle {
  readonly _handle?: TcpHandle | null;
}

export class WsClientSocket implements ClientSocket {
  private readonly handle: TcpHandle | null;
  /** -1 = there is none that may be written to: TLS has one too, but what it is sent must be encrypted first. */
  private readonly fd: number;

  constructor(
    private readonly webSocket: WebSocket,
    private readonly stream: Socket,
  ) {
    this.handle = (stream as WithHandle)._handle ?? null;
    this.fd = 'encrypted' in stream ? -1 : (this.handle?.fd ?? -1);
  }

  get descriptor(): number {
    const { stream, webSocket } = this;
    const free =
      stream.writableLength === 0 &&
      webSocket.readyState === webSocket.OPEN &&
      stream.writable &&
      // Another number is behind the descriptor once the handle is gone.
      (stream as WithHandle)._handle === this.handle;
    return free ? this.fd : -1;
  }

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

  pause(): void {
    this.webSocket.pause();
  }

  resume(): void {
    this.webSocket.resume();
  }

  close(code: number, reason: string): void {
    this.webSocket.close(code, reason);
  }

  terminate(): void {
    if (this.webSocket.readyState !== CLOSED) this.webSocket.terminate();
  }
}
