import type { Server } from 'node:http';
import type { Config } from '../config.js';
import { type AgentAnswer, AgentListener } from './agent-listener.js';
import type { EventLoopLag } from './event-loop-lag.js';
import type { Health } from './health.js';
import type { Lifecycle } from './lifecycle.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { ProxyListener } from './proxy-listener.js';
import { trustedAddresses } from './proxy-trust.js';
import type { Readiness } from './readiness.js';

/** Beside streaming clients: operators and feeds that come through the proxy. */
const OTHER_CONNECTIONS_MAX = 2_000;

export interface OpsParts {
  readonly config: Config;
  readonly http: Server;
  readonly lifecycle: Lifecycle;
  readonly readiness: Readiness;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly lag: EventLoopLag;
  readonly log: Log;
}

/** What the process has for its proxy beside the HTTP port, and its own conditions of readiness and health. */
export class OpsListeners {
  private proxy: ProxyListener | undefined;

  constructor(private readonly parts: OpsParts) {
    const { lifecycle, readiness, health, metrics, lag, config } = parts;
    readiness.add('process', () => (lifecycle.stopping ? 'stopping' : null));
    readiness.add('event_loop', () => lag.stuck());
    health.add('event_loop', () => lag.behind());
    const { drainMs } = config;
    lifecycle.onStop('drain', 'proxy notices', () => new Promise((resolve) => setTimeout(resolve, drainMs)));
    metrics.gauge(
      'tickcast_event_loop_lag_seconds',
      '99th percentile of the event loop’s delay in the last whole second.',
      [],
      () => [[{}, lag.p99Ms / 1_000]],
    );
    metrics.gauge('tickcast_ready', '1 when the process is ready, else 0.', [], () => [
      [{}, readiness.ready ? 1 : 0],
    ]);
    metrics.counter(
      'tickcast_proxy_refused_total',
      'Connections to the PROXY port that were closed for a missing, malformed or untrusted header.',
      [],
      () => [[{}, this.proxy?.refused ?? 0]],
    );
  }

  async start(): Promise<void> {
    const { config, http, lifecycle, lag, log } = this.parts;
    lag.start();
    lifecycle.onStop('store', 'event loop lag', () => lag.stop());
    if (config.proxyPort !== null) {
      const proxy = new ProxyListener(
        http,
        {
          port: config.proxyPort,
          host: config.host,
          trusted: trustedAddresses(config),
          connectionsMax: config.sessionsMax + OTHER_CONNECTIONS_MAX,
        },
        log,
      );
      this.proxy = proxy;
      log.info({ port: await proxy.open() }, 'listening for PROXY protocol v2');
      lifecycle.onStop('store', 'PROXY port', () => proxy.close());
    }
    if (config.agentPort !== null) {
      const agent = new AgentListener(() => this.agentAnswer());
      log.info({ port: await agent.open(config.agentPort, config.host) }, 'listening for agent checks');
      lifecycle.onStop('store', 'agent port', () => agent.close());
    }
  }

  private agentAnswer(): AgentAnswer {
    if (this.parts.lifecycle.stopping) return 'drain';
    return this.parts.health.ready ? 'ready up 100%' : 'ready up 10%';
  }
}
