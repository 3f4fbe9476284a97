import 'reflect-metadata';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { WebSocketGateway } from '@nestjs/websockets';
import WebSocket from 'ws';
import { Lifecycle } from './ops/lifecycle.js';
import { Metrics } from './ops/metrics.js';
import { SocketAdapter } from './socket-adapter.js';
import { SocketRoutes } from './socket-routes.js';

const connections: { socket: WebSocket; request: IncomingMessage }[] = [];
let gone = 0;

@WebSocketGateway({ path: '/v1/echo' })
class EchoGateway {
  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    connections.push({ socket, request });
    socket.on('message', (bytes, isBinary) => socket.send(bytes, { binary: isBinary }));
  }
  handleDisconnect(): void {
    gone++;
  }
}

@WebSocketGateway({ path: '/v1/other' })
class OtherGateway {
  handleConnection(socket: WebSocket): void {
    socket.send('other');
  }
}

@Controller('hello')
class HelloController {
  @Get()
  hello(): string {
    return 'hello';
  }
}

@Module({ providers: [EchoGateway, OtherGateway], controllers: [HelloController] })
class SpecModule {}

describe('SocketAdapter', () => {
  let app: NestFastifyApplication;
  let lifecycle: Lifecycle;
  let metrics: Metrics;
  let port: number;

  beforeEach(async () => {
    connections.length = 0;
    gone = 0;
    const routes = new SocketRoutes();
    const admit = (request: IncomingMessage) =>
      request.headers.origin === 'https://evil.example'
        ? { status: 403, code: 'origin_not_allowed', message: 'Not from there', retryAfterSeconds: 3 }
        : null;
    routes.add({
      path: '/v1/echo',
      protocols: ['echo.json', 'echo.msgpack'],
      protocolByDefault: 'echo.json',
      messageBytesMax: 1_000,
      admit,
    });
    routes.add({
      path: '/v1/other',
      protocols: ['other'],
      protocolByDefault: 'other',
      messageBytesMax: 10,
      admit: () => null,
    });
    lifecycle = new Lifecycle((name, error) => {
      throw new Error(name, { cause: error });
    });
    metrics = new Metrics();
    app = await NestFactory.create<NestFastifyApplication>(SpecModule, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    app.useWebSocketAdapter(new SocketAdapter(app, routes, lifecycle, metrics));
    await app.listen(0, '127.0.0.1');
    port = Number(new URL(await app.getUrl()).port);
  });

  afterEach(async () => {
    for (const { socket } of connections) socket.close(1012);
    await app.close();
  });

  const open = async (path: string, protocols: string[] = [], options: WebSocket.ClientOptions = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options);
    await once(socket, 'open');
    return socket;
  };
  const refused = async (path: string, protocols: string[] = [], options: WebSocket.ClientOptions = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    const body = JSON.parse(Buffer.concat(await response.toArray()).toString());
    return { headers: response.headers, body };
  };

  it('routes by path, also with a query, and hands each gateway its sockets', async () => {
    const echo = await open('/v1/echo?a=b');
    echo.send('hello');
    expect(String((await once(echo, 'message'))[0])).toBe('hello');
    expect(connections[0]?.request.url).toBe('/v1/echo?a=b');

    const other = new WebSocket(`ws://127.0.0.1:${port}/v1/other`);
    expect(String((await once(other, 'message'))[0])).toBe('other');

    const closed = once(echo, 'close');
    other.close();
    echo.close();
    await closed;
    expect(gone).toBe(1);
  });

  it('takes the first known subprotocol, and echoes nothing when none was offered', async () => {
    const both = await open('/v1/echo', ['unknown', 'echo.msgpack', 'echo.json']);
    expect(both.protocol).toBe('echo.msgpack');
    expect(connections[0]?.socket.protocol).toBe('echo.msgpack');
    const none = await open('/v1/echo');
    expect(none.protocol).toBe('');
  });

  it('negotiates no compression', async () => {
    const socket = await open('/v1/echo', [], { perMessageDeflate: true });
    expect(socket.extensions).toBe('');
  });

  it.each([
    ['an unknown path', '/v1/nothing', [], {}, 404, 'not_found'],
    ['only unknown subprotocols', '/v1/echo', ['soap', 'graphql-ws'], {}, 400, 'unknown_subprotocol'],
    [
      'what the route does not admit',
      '/v1/echo',
      [],
      { origin: 'https://evil.example' },
      403,
      'origin_not_allowed',
    ],
  ])('refuses %s with problem details', async (_what, path, protocols, options, status, code) => {
    const { headers, body } = await refused(path, protocols, options);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(body).toMatchObject({ status, code, type: `urn:tickcast:problem:${code}`, instance: path });
    if (status === 403) expect(headers['retry-after']).toBe('3');
  });

  it('answers a malformed handshake, and lets an unknown Upgrade pass as an ordinary request', async () => {
    const raw = async (headers: string[], path = '/v1/echo') => {
      const socket = connect(port, '127.0.0.1');
      socket.end(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n${headers.join('\r\n')}\r\n\r\n`);
      return Buffer.concat(await socket.toArray()).toString();
    };
    expect(await raw(['Upgrade: websocket', 'Sec-WebSocket-Version: 13'])).toMatch(
      /^HTTP\/1.1 400 Bad Request[\s\S]*malformed_request[\s\S]*Sec-WebSocket-Key/,
    );
    const old = await raw([
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 9',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]);
    expect(old).toMatch(/^HTTP\/1.1 400[\s\S]*Sec-WebSocket-Version: 13, 8/);
    expect(await raw(['Upgrade: h2c'], '/hello')).toMatch(/^HTTP\/1.1 200 OK[\s\S]*hello$/);
    expect(await raw(['Upgrade: h2c', 'Content-Length: 2'], '/hello')).toMatch(/^HTTP\/1.1 400/);
  });

  it('closes too long messages by the limit of their route, and counts', async () => {
    const echo = await open('/v1/echo');
    echo.send('x'.repeat(1_000));
    await once(echo, 'message');
    echo.send('x'.repeat(1_001));
    expect((await once(echo, 'close'))[0]).toBe(1009);
    const other = await open('/v1/other');
    other.send('x'.repeat(11));
    expect((await once(other, 'close'))[0]).toBe(1009);
    expect(await metrics.text()).toContain(
      'tickcast_socket_errors_total{code="WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"} 2',
    );
  });

  it('closes a flood of empty fragments', async () => {
    const socket = await open('/v1/echo');
    for (let i = 0; i < 100; i++) socket.send('', { fin: false });
    expect((await once(socket, 'close'))[0]).toBe(1008);
  });

  it('refuses upgrades once clients are being closed, and leaves open ones to their room', async () => {
    const before = await open('/v1/echo');
    await lifecycle.stop();
    const { headers, body } = await refused('/v1/echo');
    expect(body).toMatchObject({ status: 503, code: 'stopping' });
    expect(headers['retry-after']).toBe('1');
    before.send('still here');
    expect(String((await once(before, 'message'))[0])).toBe('still here');
  });

  it('ends the connection of a client that does not answer a close', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'GET /v1/echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'data');
    connections[0]?.socket.close(4100, 'slow_consumer');
    socket.resume();
    await once(socket, 'close');
  });

  it('gives the HTTP server back without its listener', async () => {
    const server = app.getHttpServer();
    await app.close();
    expect(server.listenerCount('upgrade')).toBe(0);
    const response = httpRequest({ port, host: '127.0.0.1' });
    const [error] = await once(response, 'error');
    expect(error.code).toBe('ECONNREFUSED');
  });
});
