/** The pages of the browser, as they were built to dist/web. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** Beside the built program: dist/src/ops/first-screen.js → dist/web. */
const BUILT_PAGES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'web');

/** Own scripts, styles and connections only: nothing that someone writes into a symbol’s name can run. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tickcast</title>
<p>Tickcast is running, but its pages are not built. Run <code>npm run build</code> and start it again.
<p>Its interface for machines stands at <a href="/docs">/docs</a>.</html>`;

/** @param pages the folder to serve; another one in tests */
export async function serveFirstScreen(fastify: FastifyInstance, pages = BUILT_PAGES): Promise<void> {
  if (!existsSync(join(pages, 'index.html'))) {
    fastify.get('/', (_request, reply) => {
      reply.headers(SECURITY_HEADERS).header('cache-control', 'no-cache').type('text/html').send(NOT_BUILT);
    });
    return;
  }
  await fastify.register(fastifyStatic, {
    root: pages,
    // Each file is a route of its own: any other address is answered like every unknown one.
    wildcard: false,
    cacheControl: false,
    setHeaders: (reply: FastifyReply, path: string) => {
      reply.headers(SECURITY_HEADERS);
      // Vite names assets after their contents.
      const forever = path.startsWith(join(pages, 'assets'));
      reply.header('cache-control', forever ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
}
