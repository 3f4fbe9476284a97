/** The wires themselves: each mode does to a connection what it says. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from '../support/waiters.js';
import { type FaultLink, FaultProxy } from './support/fault-proxy.js';

/** Long enough for what would pass to have passed. */
const QUIET_MS = 300;

describe('a wire', () => {
  let proxy: FaultProxy;
  let echo: Server;
  let heard: string;
  let link: FaultLink;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    proxy = await FaultProxy.start();
    echo = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => {
        heard += bytes;
        socket.write(bytes);
      });
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
  });
  beforeEach(async () => {
    heard = '';
    link = await proxy.link((echo.address() as AddressInfo).port);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    echo.close();
    await proxy.stop();
  });

  /** Resolves when it is open, or was refused. */
  async function open() {
    const socket = connect(link.port, '127.0.0.1');
    const client = { socket, text: '', error: '', closed: false };
    sockets.push(socket);
    socket.on('data', (bytes) => (client.text += bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => (client.error = error.code ?? ''));
    socket.on('close', () => (client.closed = true));
    await Promise.race([
      once(socket, 'connect'),
      new Promise((resolve) => socket.on('close', resolve)),
    ]).catch((error: Error) => expect(error.message).toContain('ECONNRESET'));
    return client;
  }
  type Client = Awaited<ReturnType<typeof open>>;
  const untilText = (client: Client, text: string) =>
    poll(
      text,
      () => client.text,
      (now) => now === text,
    );

  it('passes', async () => {
    const client = await open();
    client.socket.write('one ');
    await untilText(client, 'one ');
  });

  it('holds everything back in a stall, new ones too, and passes it afterwards', async () => {
    const client = await open();
    client.socket.write('one ');
    await untilText(client, 'one ');
    await link.set('stall');
    client.socket.write('two ');
    const late = await open();
    late.socket.write('late ');
    await sleep(QUIET_MS);
    expect([client.text, late.text, heard, client.closed]).toEqual(['one ', '', 'one ', false]);
    await link.set('pass');
    await untilText(client, 'one two ');
    await untilText(late, 'late ');
  });

  it('passes one way only when half open', async () => {
    const client = await open();
    await link.set('half-open');
    client.socket.write('one ');
    await poll(
      'the target to hear',
      () => heard,
      (now) => now === 'one ',
    );
    await sleep(QUIET_MS);
    expect([client.text, client.closed]).toEqual(['', false]);
    await link.set('pass');
    await untilText(client, 'one ');
  });

  it('resets what is open and what comes', async () => {
    const client = await open();
    await link.set('reset');
    await poll(
      'the reset',
      () => client.error,
      (code) => code === 'ECONNRESET',
    );
    const late = await open();
    await poll(
      'the reset',
      () => late.closed,
      (closed) => closed,
    );
    await link.set('pass');
    const again = await open();
    again.socket.write('on ');
    await untilText(again, 'on ');
  });

  it('delays, in order', async () => {
    const client = await open();
    await link.set('delay', 150);
    const begun = performance.now();
    client.socket.write('one ');
    await sleep(20);
    client.socket.write('two ');
    await untilText(client, 'one two ');
    expect(performance.now() - begun).toBeGreaterThan(300);
  });

  it('keeps the order when a delay ends', async () => {
    const client = await open();
    await link.set('delay', 300);
    client.socket.write('one ');
    await sleep(50);
    await link.set('pass');
    client.socket.write('two ');
    await untilText(client, 'one two ');
    client.socket.write('three ');
    await untilText(client, 'one two three ');
  });
});
