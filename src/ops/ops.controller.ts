import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import { CONFIG, type Config } from '../config.js';
import { VERSION } from '../version.js';
import { Health } from './health.js';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';

/** The part of Fastify's reply that is used here. */
interface Reply {
  status(code: number): void;
}

/** For the proxy, the supervisor and whoever looks: no key is needed, and nothing secret is told. */
@Controller()
export class OpsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly readiness: Readiness,
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {}

  /** Answers as long as the event loop turns; a supervisor restarts a process that does not. */
  @Get('live')
  @Header('cache-control', 'no-store')
  live(): { live: true } {
    return { live: true };
  }

  /** 200, or 503 with a reason for each condition that does not hold: the proxy sends no new clients. */
  @Get('ready')
  @Header('cache-control', 'no-store')
  ready(@Res({ passthrough: true }) reply: Reply): { ready: boolean; faults: Record<string, string> } {
    const faults = this.readiness.faults();
    const ready = Object.keys(faults).length === 0;
    reply.status(ready ? 200 : 503);
    return { ready, faults };
  }

  /** Always 200: what this process is, and what is not as it should be. */
  @Get('health')
  @Header('cache-control', 'no-store')
  state(): Record<string, unknown> {
    const degraded = this.health.faults();
    const faults = this.readiness.faults();
    const well = Object.keys(degraded).length === 0 && Object.keys(faults).length === 0;
    return {
      status: well ? 'ok' : 'degraded',
      version: VERSION,
      node: this.config.node,
      roles: this.config.roles,
      embedded: this.config.embedded,
      uptimeSeconds: Math.floor(process.uptime()),
      faults,
      degraded,
    };
  }

  /** Prometheus text. */
  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  figures(): Promise<string> {
    return this.metrics.text();
  }
}
