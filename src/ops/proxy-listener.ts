import type { Server as HttpServer } from 'node:http';
import { type BlockList, createServer, type Socket } from 'node:net';
import { listen } from './listen.js';
import type { Log } from './log.js';
import { isListed, readProxyHeader } from './proxy-header.js';

/** The specification asks for at least 3 s, so that one lost packet is survived. */
const HEADER_TIMEOUT_MS = 3_000;

export interface ProxyListenerOptions {
  readonly port: number;
  readonly host: string;
  /** From which addresses a header is believed; every other connection is closed. */
  readonly trusted: BlockList;
  /** Of all connections, those that still owe their header too. */
  readonly connectionsMax: number;
}

/**
 * Takes connections that a proxy forwards, reads the PROXY header, and hands them to the HTTP server as if the client
 * had connected itself: everything behind sees the client's address. On its own port, because a server that takes
 * both forms lets anyone claim any address.
 */
export class ProxyListener {
  private readonly server = createServer((socket) => this.greet(socket));
  private refusedCount = 0;

  constructor(
    private readonly http: HttpServer,
    private readonly options: ProxyListenerOptions,
    private readonly log: Log,
  ) {
    this.server.maxConnections = options.connectionsMax;
  }

  /** Connections that were closed for a missing, malformed or untrusted header. */
  get refused(): number {
    return this.refusedCount;
  }

  /** @returns the port, where 0 was asked for */
  open(): Promise<number> {
    return listen(this.server, this.options.port, this.options.host);
  }

  /** Takes no more connections; those it has are the HTTP server's, which closes them. */
  close(): void {
    this.server.close();
  }

  private greet(socket: Socket): void {
    if (!isListed(this.options.trusted, socket.remoteAddress)) {
      return this.refuse(socket, 'address not in TICKCAST_PROXY_FROM');
    }
    let bytes = Buffer.alloc(0);
    const timer = setTimeout(
      () => this.refuse(socket, `no header within ${HEADER_TIMEOUT_MS} ms`),
      HEADER_TIMEOUT_MS,
    );
    const done = () => {
      clearTimeout(timer);
      socket.off('readable', read);
      socket.off('error', broken);
      socket.off('end', broken);
    };
    const broken = () => {
      done();
      this.refuse(socket, 'closed before its header was complete');
    };
    const read = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes);
      if (header.outcome === 'incomplete') return;
      done();
      if (header.outcome === 'malformed') return this.refuse(socket, header.why);
      if (header.source !== null) pretend(socket, header.source);
      if (bytes.length > header.bytes) socket.unshift(bytes.subarray(header.bytes));
      this.http.emit('connection', socket);
    };
    socket.on('readable', read);
    socket.once('error', broken);
    socket.once('end', broken);
  }

  private refuse(socket: Socket, why: string): void {
    this.refusedCount++;
    this.log.debug({ from: socket.remoteAddress, why }, 'a connection without a PROXY header was closed');
    socket.destroy();
  }
}

function pretend(socket: Socket, source: { address: string; port: number }): void {
  Object.defineProperty(socket, 'remoteAddress', { value: source.address });
  Object.defineProperty(socket, 'remotePort', { value: source.port });
  Object.defineProperty(socket, 'remoteFamily', { value: source.address.includes(':') ? 'IPv6' : 'IPv4' });
}
