import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A TCP port on loopback that is free now. Only for programs that cannot take port 0 themselves. Below 32768, where
 * no outgoing connection is given its own port: a server that is restarted gets it again.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('Expected a free port between 10000 and 32000 on 127.0.0.1, 100 attempts found none');
}
