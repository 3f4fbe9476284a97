/** Which methods each address takes, so that a wrong method is answered as such (405) and not as a wrong address. */
import type { FastifyInstance } from 'fastify';

interface Route {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

export class RouteMethods {
  private readonly routesByUrl = new Map<string, Route>();

  /** @param fastify an instance whose routes are still to come */
  follow(fastify: Pick<FastifyInstance, 'addHook'>): void {
    fastify.addHook('onRoute', ({ url, method }) => {
      const route = this.routesByUrl.get(url) ?? { pattern: patternOf(url), methods: new Set() };
      for (const name of [method].flat()) route.methods.add(name);
      this.routesByUrl.set(url, route);
    });
  }

  /** @param path as it was sent, percent-encoded, without a query @returns sorted; empty for an unknown address */
  of(path: string): readonly string[] {
    const methods = new Set<string>();
    for (const route of this.routesByUrl.values()) {
      if (route.pattern.test(path)) for (const method of route.methods) methods.add(method);
    }
    return [...methods].sort();
  }
}

/** `/v1/ticks/:id` and `/files/*`, as routes are written. A lone `/*` takes every address: it says nothing of any. */
function patternOf(url: string): RegExp {
  if (url === '*' || url === '/*') return /^$/;
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
