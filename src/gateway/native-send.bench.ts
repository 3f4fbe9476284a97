/**
 * The shares of 64 sessions, each with 50 of 500 symbols, of which all have changed, gathered and sent over loopback:
 * with all that the kernel does for a send, up to the other end's buffer. That is read in between, by this process, so
 * no sleeping reader is woken.
 */
import { deepEqual } from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextLoop } from 'node:timers/promises';
import { decodeMsgpack } from '#wire';
import { measure } from '../../bench/micro/cases.js';
import { MSGPACK, payloadsOf } from './gateway.fixture.js';
import { MarketGateway, TakingSocket } from './market-gateway.fixture.js';
import { loadNativeSend } from './native-send.js';

const SESSIONS = 64;
const FOLLOWED = 50;

const native = loadNativeSend();
if (native === null) throw new Error('Expected the native part: it is built where there is a C compiler');

/** Our end of a connection, as the gateway uses it, and what has come to the other end. */
class LoopbackSocket extends TakingSocket {
  received = 0;
  /** Copies of it; null = none are made. */
  parts: Buffer[] | null = [];

  constructor(
    private readonly ours: Socket,
    theirs: Socket,
  ) {
    super((ours as unknown as { readonly _handle: { readonly fd: number } })._handle.fd);
    theirs.on('data', (part) => {
      this.received += part.length;
      this.parts?.push(part);
    });
  }

  override write(frames: Uint8Array): void {
    super.write(frames);
    this.ours.write(Uint8Array.from(frames));
  }
}

const server = createServer({ noDelay: true });
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

const scene = new MarketGateway(500, native);
const { counters } = scene.gateway.server;
const clients: { readonly socket: LoopbackSocket; readonly sids: readonly number[] }[] = [];
for (let i = 0; i < SESSIONS; i++) {
  const theirs = connect(port, '127.0.0.1');
  const [ours] = (await once(server, 'connection')) as [Socket];
  const client = { socket: new LoopbackSocket(ours, theirs), sids: scene.choose(FOLLOWED) };
  clients.push(client);
  scene.join(client.socket, MSGPACK, client.sids);
}

/** Everything that was sent natively, or written, has been read. */
async function allRead(): Promise<void> {
  const missing = () =>
    clients.reduce((rest, { socket }) => rest + socket.bytes - socket.received, counters.bytes);
  while (missing() > 0) await nextLoop();
}

measure('session, sent over loopback', {
  items: SESSIONS,
  async before() {
    await allRead();
    scene.turn();
    scene.flush();
  },
  run: () => scene.serve(),
  async verify() {
    await allRead();
    const last = clients.map(({ socket }) => payloadsOf(Buffer.concat(socket.parts!), true).at(-1)!);
    deepEqual(
      last.map((payload) => (decodeMsgpack(payload) as number[][]).map(([, sid]) => sid)),
      clients.map(({ sids }) => sids),
    );
    for (const { socket } of clients) socket.parts = null;
  },
});
