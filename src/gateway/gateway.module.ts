import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { ApiKeys } from '../api-keys.js';
import { CLOCK, type Clock } from '../clock.js';
import { CONFIG, type Config } from '../config.js';
import { FOLLOWER, type Follower } from '../fanout/image-sink.js';
import { Health } from '../ops/health.js';
import { Lifecycle } from '../ops/lifecycle.js';
import { LOG, type Log } from '../ops/log.js';
import { Metrics } from '../ops/metrics.js';
import { Readiness } from '../ops/readiness.js';
import { SocketRoutes } from '../socket-routes.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import { StreamAdmission, subjectOfToken } from './admission.js';
import { nodeTimers } from './flusher.js';
import { Gateway } from './gateway.js';
import { GatewayLife } from './gateway-life.js';
import { gatewayMetrics } from './gateway-metrics.js';
import { loadNativeSend } from './native-send.js';
import { STREAM_PATH, StreamGateway } from './stream.gateway.js';

@Module({
  providers: [
    StreamGateway,
    {
      provide: Gateway,
      inject: [CONFIG, SYMBOL_REGISTRY, CLOCK, LOG],
      useFactory: (config: Config, registry: SymbolRegistry, clock: Clock, log: Log) => {
        const keys = new ApiKeys(config);
        const authenticate = (token: string) => subjectOfToken(keys, token);
        const { random } = Math;
        const native = config.nativeSend ? loadNativeSend() : null;
        if (native === null && config.nativeSend)
          log.info('frames go through streams: native/send-frames.node was not built (no C compiler?)');
        return new Gateway({ config, registry, clock, timers: nodeTimers, authenticate, random, native });
      },
    },
    {
      provide: StreamAdmission,
      inject: [CONFIG, Gateway, CLOCK],
      useFactory: (config: Config, gateway: Gateway, clock: Clock) =>
        new StreamAdmission(config, new ApiKeys(config), () => gateway.sessions.length, clock, Math.random),
    },
    {
      provide: GatewayLife,
      inject: [Gateway, FOLLOWER, CONFIG],
      useFactory: (gateway: Gateway, follower: Follower, config: Config) =>
        new GatewayLife(gateway, follower, config),
    },
  ],
})
export class GatewayModule implements OnApplicationBootstrap {
  constructor(
    @Inject(FOLLOWER) private readonly follower: Follower,
    private readonly gateway: Gateway,
    private readonly admission: StreamAdmission,
    private readonly life: GatewayLife,
    private readonly routes: SocketRoutes,
    private readonly lifecycle: Lifecycle,
    private readonly readiness: Readiness,
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.routes.add(this.admission.route(STREAM_PATH));
    this.readiness.add('stream', () => this.follower.unready());
    this.health.add('partitions', () => {
      const { silent } = this.gateway.staleness;
      return silent === 0 ? null : `nothing is heard of ${silent} partitions`;
    });
    gatewayMetrics(this.metrics, this.gateway, this.admission);
    this.lifecycle.onStop('sessions', 'streams', () => this.life.drain());
    this.lifecycle.onStop('owner', 'follower', () => this.life.stop());
    await this.life.start();
  }
}
