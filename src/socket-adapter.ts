/**
 * Does the WebSocket upgrades of the process: one listener, routed by path through SocketRoutes. A gateway class gets
 * `handleConnection(socket, request)` and `handleDisconnect(socket)`, and hands the bytes to plain classes itself:
 * nothing is bound per connection, so that an idle one costs as little as with bare ws.
 */
import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { INestApplicationContext } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketServer } from 'ws';
import type { Lifecycle } from './ops/lifecycle.js';
import type { Metrics } from './ops/metrics.js';
import { refuseUpgrade } from './refuse-upgrade.js';
import type { SocketRoute, SocketRoutes } from './socket-routes.js';

/** Browsers never fragment a message, other clients rarely; ws allows 16,384, which costs memory to who is attacked. */
const FRAGMENTS_MAX = 64;
/** Smallest segment of TCP: a slow path may bring the longest message in pieces of this size. */
const CHUNK_BYTES_MIN = 512;
/** After close() a peer that does not answer has this long; ws would wait 30 s, and a stop with it. */
const CLOSE_TIMEOUT_MS = 2_000;

type MadeServer = WebSocketServer & { readonly path: string };

export class SocketAdapter extends WsAdapter {
  private readonly serversByPath = new Map<string, MadeServer>();
  private readonly errorsByCode = new Map<string, number>();
  private readonly http: Server;
  private refusing = false;

  constructor(
    app: INestApplicationContext,
    private readonly routes: SocketRoutes,
    lifecycle: Lifecycle,
    metrics: Metrics,
  ) {
    super(app);
    this.http = this.httpServer as Server;
    this.http.on('upgrade', this.upgrade);
    // While the proxy still has to notice that this process is going, new clients are let in and told later with the
    // others: turned away, they would come back here at once, as to the server with the fewest connections.
    lifecycle.onStop('sessions', 'upgrades', () => {
      this.refusing = true;
    });
    metrics.counter(
      'tickcast_socket_errors_total',
      'WebSocket connections that broke the protocol or broke off, by the code of the error.',
      ['code'],
      () => [...this.errorsByCode].map(([code, count]) => [{ code }, count] as const),
    );
  }

  /** Called by Nest for each gateway class before any room has started: limits come with the first upgrade. */
  override create(_port: number, options: { path?: string } = {}): MadeServer {
    const { path } = options;
    if (path === undefined) throw new Error('Expected a path in @WebSocketGateway({ path }), there is none');
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // The codec is the compression: deflate made fan-out more than five times as expensive.
      perMessageDeflate: false,
      maxFragments: FRAGMENTS_MAX,
      handleProtocols: (offered) => firstKnown(offered, this.routes.get(path)) ?? false,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // The types of ws do not know maxFragments and closeTimeout yet.
    } as ConstructorParameters<typeof WebSocketServer>[0]);
    server.on('wsClientError', (error: Error, socket: Duplex, request: IncomingMessage) =>
      refuseUpgrade(socket, request, { status: 400, code: 'malformed_request', message: error.message }),
    );
    const made = Object.assign(server, { path });
    this.serversByPath.set(path, made);
    return made;
  }

  /** Nest would bind its own message handling to each connection here. */
  override bindMessageHandlers(): void {
    return;
  }

  /** Rooms have closed their sessions with a code when this is called; nobody is terminated here. */
  override async close(server: MadeServer): Promise<void> {
    this.serversByPath.delete(server.path);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  override async dispose(): Promise<void> {
    this.http.off('upgrade', this.upgrade);
  }

  private readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return this.ignoreUpgrade(request, socket);
    const path = pathOf(request);
    const server = this.serversByPath.get(path);
    const route = this.routes.get(path);
    if (server === undefined || route === undefined) {
      const message = `There is no WebSocket at ${path}`;
      return refuseUpgrade(socket, request, { status: 404, code: 'not_found', message });
    }
    if (this.refusing) {
      const message = 'This process is stopping; connect again, to another one';
      return refuseUpgrade(socket, request, { status: 503, code: 'stopping', message, retryAfterSeconds: 1 });
    }
    const refusal = unknownProtocol(request, route) ?? route.admit(request);
    if (refusal !== null) return refuseUpgrade(socket, request, refusal);
    server.options.maxPayload = route.messageBytesMax;
    Object.assign(server.options, { maxBufferedChunks: chunksMax(route) });
    server.handleUpgrade(request, socket, head, (client) => {
      client.on('error', this.countError);
      server.emit('connection', client, request);
    });
  };

  /**
   * RFC 9110 7.8: a server may ignore an Upgrade that it does not know. Some HTTP clients offer `h2c` with every
   * first request, and Node takes each Upgrade away from the ordinary way.
   */
  private ignoreUpgrade(request: IncomingMessage, socket: Duplex): void {
    if (
      request.headers['content-length'] !== undefined ||
      request.headers['transfer-encoding'] !== undefined
    ) {
      const message = `Expected no Upgrade header with a body, was ${request.headers.upgrade}`;
      return refuseUpgrade(socket, request, { status: 400, code: 'malformed_request', message });
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as ConstructorParameters<typeof ServerResponse>[0]['socket']);
    response.on('finish', () => socket.end());
    this.http.emit('request', request, response);
  }

  /** ws closes the connection by itself; without a listener its error would end the process. */
  private readonly countError = (error: Error & { code?: string }): void => {
    const code = error.code ?? 'unknown';
    this.errorsByCode.set(code, (this.errorsByCode.get(code) ?? 0) + 1);
  };
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function firstKnown(offered: Iterable<string>, route: SocketRoute | undefined): string | undefined {
  for (const protocol of offered) if (route?.protocols.includes(protocol)) return protocol;
  return undefined;
}

function unknownProtocol(request: IncomingMessage, route: SocketRoute) {
  const header = request.headers['sec-websocket-protocol'];
  if (header === undefined) return null;
  const offered = header.split(',').map((protocol) => protocol.trim());
  if (firstKnown(offered, route) !== undefined) return null;
  return {
    status: 400,
    code: 'unknown_subprotocol',
    message: `Expected one of ${route.protocols.join(', ')} in Sec-WebSocket-Protocol, was ${header}`,
  };
}

function chunksMax(route: SocketRoute): number {
  return FRAGMENTS_MAX + Math.ceil(route.messageBytesMax / CHUNK_BYTES_MIN);
}
