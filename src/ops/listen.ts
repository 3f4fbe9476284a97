import type { Server } from 'node:net';

/**
 * Resolves when the server listens.
 * @returns its port: a free one where 0 was asked for
 * @throws what the system says against it, e.g. EADDRINUSE
 */
export async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return address === null || typeof address === 'string' ? port : address.port;
}
