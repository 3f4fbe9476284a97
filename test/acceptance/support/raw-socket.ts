/** A WebSocket client that breaks RFC 6455 on purpose: bytes go out as they are, frames of the server are read back. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Waiters } from '../../support/waiters.js';

const HANDSHAKE = [
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

export class RawSocket {
  /** Everything that came, the head of the answer first. */
  received = Buffer.alloc(0);
  isClosed = false;
  private readonly waiters = new Waiters();

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.waiters.look();
    });
    socket.on('drain', () => this.waiters.look());
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.waiters.look();
    });
  }

  /** @param port on loopback */
  static async to(port: number): Promise<RawSocket> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawSocket(socket);
  }

  /** Makes the upgrade; resolves behind its 101. */
  static async upgraded(port: number, path: string, headers: readonly string[] = []): Promise<RawSocket> {
    const raw = await RawSocket.to(port);
    raw.write([`GET ${path} HTTP/1.1`, ...HANDSHAKE, ...headers, '', ''].join('\r\n'));
    await raw.waiters.until('101', () => raw.received.includes('\r\n\r\n') || raw.isClosed);
    if (!raw.head.startsWith('HTTP/1.1 101')) throw new Error(`Expected 101, was ${raw.head}`);
    return raw;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Resolves when the kernel has taken what was written, or the connection is gone. */
  flushed(): Promise<void> {
    return this.waiters.until('room to write', () => this.isClosed || this.socket.writableLength === 0);
  }

  get head(): string {
    return this.received.toString('latin1').split('\r\n\r\n', 1)[0]!;
  }

  /** Resolves when the server has closed, with the code of its close frame; null when it sent none. */
  async closeCode(): Promise<number | null> {
    await this.waiters.until('the server to close', () => this.isClosed || this.findClose() !== null);
    const code = this.findClose();
    this.socket.destroy();
    return code;
  }

  async answered(): Promise<string> {
    await this.waiters.until(
      'an answer or the end',
      () => this.isClosed || this.received.includes('\r\n\r\n'),
    );
    return this.head;
  }

  /** Walks the frames of the server, which are never masked. */
  private findClose(): number | null {
    let at = this.received.indexOf('\r\n\r\n') + 4;
    while (at + 2 <= this.received.length) {
      const opcode = this.received[at]! & 0x0f;
      let length = this.received[at + 1]! & 0x7f;
      let header = 2;
      if (length === 126) [length, header] = [this.received.readUInt16BE(at + 2), 4];
      else if (length === 127) [length, header] = [Number(this.received.readBigUInt64BE(at + 2)), 10];
      if (opcode === 8) return length >= 2 ? this.received.readUInt16BE(at + header) : 1005;
      at += header + length;
    }
    return null;
  }
}

export interface FrameOptions {
  readonly fin?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Length that the header claims, whatever follows. */
  readonly claims?: bigint;
}

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9 } as const;

/** One frame of a client, right or wrong. */
export function frame(
  opcode: number,
  payload: Uint8Array,
  { fin = true, reserved = 0, masked = true, claims }: FrameOptions = {},
): Buffer {
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const length = claims ?? BigInt(payload.length);
  const mask = masked ? 0x80 : 0;
  const header =
    length < 126n
      ? Buffer.from([first, mask | Number(length)])
      : Buffer.concat([Buffer.from([first, mask | 127]), bigEndian(length)]);
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0), payload]);
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
