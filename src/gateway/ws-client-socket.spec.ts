/** On real sockets: what the kernel does not take at once is seen, and frames stay whole beside those of ws. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { frameOf } from './frame-writer.js';
import { WsClientSocket } from './ws-client-socket.js';

const MIB = 1024 * 1024;

let http: Server;
let server: WebSocketServer;

beforeEach(async () => {
  http = createServer();
  server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  http.on('upgrade', (request, socket, head) => {
    server.handleUpgrade(request, socket, head, (webSocket) => server.emit('connection', webSocket, request));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
});

afterEach(async () => {
  server.close();
  http.close();
  http.closeAllConnections();
  await once(http, 'close');
});

/** The server's end of the next connection. */
async function accepted(): Promise<{ socket: WsClientSocket; webSocket: WebSocket }> {
  const [webSocket, request] = (await once(server, 'connection')) as [WebSocket, { socket: Socket }];
  return { socket: new WsClientSocket(webSocket, request.socket), webSocket };
}

const port = () => (http.address() as AddressInfo).port;

/** A client that has shaken hands and reads only when it is told to. */
async function lazyClient(): Promise<Socket> {
  const client = connect(port(), '127.0.0.1');
  client.write(
    'GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(client, 'connect');
  client.pause();
  return client;
}

describe('WsClientSocket', () => {
  it('delivers whole frames in order, between pings and the close of ws', async () => {
    const accept = accepted();
    const client = new WebSocket(`ws://127.0.0.1:${port()}/`);
    const { socket } = await accept;
    const messages: string[] = [];
    const pings: Buffer[] = [];
    client.on('message', (message) => messages.push(String(message)));
    client.on('ping', (payload) => pings.push(payload));
    for (let i = 0; i < 50; i++) {
      socket.write(frameOf(Buffer.from(`message ${i} ${'x'.repeat(i * 100)}`), false));
      socket.ping(Buffer.of(i));
    }
    socket.close(4100, 'slow_consumer');
    const [code, reason] = (await once(client, 'close')) as [number, Buffer];
    expect(messages.map((message) => message.split(' ')[1])).toEqual(
      Array.from({ length: 50 }, (_, i) => String(i)),
    );
    expect(pings.map((payload) => payload[0])).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect([code, String(reason)]).toEqual([4100, 'slow_consumer']);
  });

  it('reads nothing more while it is paused, and then everything in its order', async () => {
    const accept = accepted();
    const client = new WebSocket(`ws://127.0.0.1:${port()}/`);
    const { socket, webSocket } = await accept;
    const messages: string[] = [];
    webSocket.on('message', (message) => messages.push(String(message)));
    await once(client, 'open');
    socket.pause();
    const bytes = MIB;
    for (let i = 0; i < 20; i++) client.send(`${i} ${'x'.repeat(bytes)}`);
    // More than the buffers on its way hold: what a paused end does not read stays with the client.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(messages).toEqual([]);
    expect(client.bufferedAmount).toBeGreaterThan(bytes);
    socket.resume();
    while (messages.length < 20) await once(webSocket, 'message');
    expect(messages.map((message) => message.split(' ')[0])).toEqual(
      Array.from({ length: 20 }, (_, i) => String(i)),
    );
    client.terminate();
    await once(webSocket, 'close');
    socket.pause();
    socket.resume();
  });

  it('shows what the kernel has not taken, and tells once it has', async () => {
    const accept = accepted();
    const client = await lazyClient();
    const { socket } = await accept;
    expect(socket.pendingBytes).toBe(0);
    const frame = frameOf(Buffer.alloc(MIB, 'x'), true);
    let written = 0;
    while (socket.pendingBytes === 0) {
      socket.write(frame);
      written += frame.length;
    }
    const drained = new Promise<void>((resolve) => socket.whenDrained(resolve));
    let read = 0;
    client.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    client.resume();
    await drained;
    expect(socket.pendingBytes).toBe(0);
    while (read < written) await once(client, 'data');
    client.destroy();
  });

  it('says nothing about draining when the connection fails, and stands any call after that', async () => {
    const accept = accepted();
    const client = await lazyClient();
    const { socket, webSocket } = await accept;
    webSocket.on('error', () => undefined);
    while (socket.pendingBytes === 0) socket.write(frameOf(Buffer.alloc(MIB), true));
    let drained = false;
    socket.whenDrained(() => {
      drained = true;
    });
    client.resetAndDestroy();
    await once(webSocket, 'close');
    socket.write(Buffer.of(0x82, 0));
    socket.whenDrained(() => {
      drained = true;
    });
    socket.ping(Buffer.of(1));
    socket.close(1012, 'service_restart');
    socket.terminate();
    await new Promise(setImmediate);
    expect(drained).toBe(false);
  });

  it('cuts a client off that does not answer the close', async () => {
    const accept = accepted();
    const client = await lazyClient();
    const { socket, webSocket } = await accept;
    socket.close(4100, 'slow_consumer');
    socket.terminate();
    const [code] = (await once(webSocket, 'close')) as [number];
    expect(code).toBe(1006);
    client.destroy();
  });
});
