/** A process with the feed's room alone, on a real HTTP server, for the specs that speak to it from outside. */
import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { WebSocket } from 'ws';
import { decodeMsgpack } from '#wire';
import { CONFIG, type Config, readConfig } from '../config.js';
import { CoreModule } from '../core.module.js';
import { FanoutModule } from '../fanout/fanout.module.js';
import { FOLLOWER, type Follower } from '../fanout/image-sink.js';
import { REDIS_CONNECTIONS } from '../fanout/redis-connections.js';
import { TICK_LOG_WRITER } from '../fanout/tick-log-writer.js';
import { createHttpAdapter } from '../http-limits.js';
import { Lifecycle } from '../ops/lifecycle.js';
import { Metrics } from '../ops/metrics.js';
import { ProblemModule } from '../problem.module.js';
import { SocketAdapter } from '../socket-adapter.js';
import { SocketRoutes } from '../socket-routes.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import { SYMBOL_STORE, type SymbolStore } from '../symbols/symbol-store.js';
import { SymbolsModule } from '../symbols/symbols.module.js';
import { AppliedLog, type Fate, FeedLog, switchSymbol } from './feed.fixture.js';
import { FeedModule } from './feed.module.js';

export const FEED_KEY = 'the-key-of-the-feeds';

@Global()
@Module({})
class LogModule {
  static of(nextFate: () => Fate | undefined): DynamicModule {
    const providers = [
      { provide: REDIS_CONNECTIONS, useValue: null },
      {
        provide: TICK_LOG_WRITER,
        inject: [SYMBOL_REGISTRY, CONFIG],
        useFactory: (registry: SymbolRegistry, config: Config) =>
          new FeedLog(registry, new AppliedLog(nextFate), config.partitions),
      },
    ];
    return { module: LogModule, providers, exports: providers };
  }
}

@Module({})
class FeedOnlyModule {
  static of(config: Config, log: DynamicModule | Type): DynamicModule {
    const imports = [CoreModule.forRoot(config), ProblemModule, log, SymbolsModule, FeedModule];
    return { module: FeedOnlyModule, imports };
  }
}

export class FeedApplication {
  private constructor(
    private readonly app: NestFastifyApplication,
    readonly url: string,
    /** What becomes of the next appends. */
    readonly fates: (Fate | undefined)[],
  ) {}

  /** @param whole with the whole fan-out in memory, in place of a log that fails as it is told */
  static async start(
    variables: Readonly<Record<string, string>> = {},
    whole = false,
  ): Promise<FeedApplication> {
    const config = readConfig({
      TICKCAST_SIMULATOR: 'off',
      TICKCAST_TEST_SYMBOL: 'off',
      TICKCAST_LOG_LEVEL: 'silent',
      TICKCAST_FEED_KEY: FEED_KEY,
      TICKCAST_CLIENT_KEY: 'the-key-of-the-clients',
      TICKCAST_ADMIN_KEY: 'the-key-of-the-operators',
      ...variables,
    });
    const fates: (Fate | undefined)[] = [];
    const module = FeedOnlyModule.of(config, whole ? FanoutModule : LogModule.of(() => fates.shift()));
    const app = await NestFactory.create<NestFastifyApplication>(module, createHttpAdapter(config), {
      logger: false,
      abortOnError: false,
    });
    app.useWebSocketAdapter(
      new SocketAdapter(app, app.get(SocketRoutes), app.get(Lifecycle), app.get(Metrics)),
    );
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    return new FeedApplication(app, `http://127.0.0.1:${port}`, fates);
  }

  get log(): FeedLog {
    return this.app.get(TICK_LOG_WRITER);
  }

  get follower(): Follower {
    return this.app.get(FOLLOWER);
  }

  get registry(): SymbolRegistry {
    return this.app.get(SYMBOL_REGISTRY);
  }

  /** As an operator does. */
  switchSymbol(symbol: string, enabled: boolean): Promise<void> {
    return switchSymbol(this.app.get<SymbolStore>(SYMBOL_STORE), this.registry, symbol, enabled);
  }

  disable(symbol: string): Promise<void> {
    return this.switchSymbol(symbol, false);
  }

  metrics(): Promise<string> {
    return this.app.get(Metrics).text();
  }

  /** Only the phases; the server still listens. */
  stopRooms(): Promise<void> {
    return this.app.get(Lifecycle).stop();
  }

  async stop(): Promise<void> {
    await this.stopRooms();
    await this.app.close();
  }

  async post(
    body: string | Uint8Array | ReadableStream,
    type: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
    const response = await fetch(`${this.url}/v1/ticks`, {
      method: 'POST',
      body: body as string,
      headers: { authorization: `Bearer ${FEED_KEY}`, 'content-type': type, ...headers },
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    } as RequestInit);
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body: answer };
  }

  socket(
    protocols: string[] = [],
    headers: Readonly<Record<string, string>> = { authorization: `Bearer ${FEED_KEY}` },
  ) {
    return new FeedSocket(new WebSocket(`${this.url.replace('http', 'ws')}/v1/feed`, protocols, { headers }));
  }
}

type Reply = { readonly op: string; readonly [key: string]: unknown };

/** A handler's socket that can be waited on. */
export class FeedSocket {
  readonly replies: Reply[] = [];
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
  private waiting: (() => void)[] = [];

  constructor(readonly socket: WebSocket) {
    socket.on('message', (message: Buffer, binary) => {
      this.replies.push((binary ? decodeMsgpack(message) : JSON.parse(message.toString())) as Reply);
      for (const wake of this.waiting.splice(0)) wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', resolve);
    });
  }

  async opened(): Promise<this> {
    await new Promise((resolve, reject) => this.socket.once('open', resolve).once('error', reject));
    return this;
  }

  /** HTTP status and body of a refused upgrade. */
  async refused(): Promise<{ status: number; body: Record<string, unknown> }> {
    return new Promise((resolve) => {
      this.socket.once('unexpected-response', async (_request, response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
      });
    });
  }

  send(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The next reply that nobody has taken. */
  async next(): Promise<Reply> {
    while (this.replies.length === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.replies.shift()!;
  }
}
