/** The admin REST as the program wires it, on any store; requests go straight into Fastify. */
import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { readConfig } from '../config.js';
import { CoreModule } from '../core.module.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../fanout/redis-connections.js';
import { createHttpAdapter } from '../http-limits.js';
import { ProblemModule } from '../problem.module.js';
import { SymbolsModule } from '../symbols/symbols.module.js';
import { AdminModule } from './admin.module.js';

export const ADMIN_KEY = 'the-operators-key';
export const FEED_KEY = 'the-feed-key';
export const CLIENT_KEY = 'the-client-key';

@Global()
@Module({})
class StoreModule {
  static forRoot(connections: RedisConnections | null): DynamicModule {
    const provider = { provide: REDIS_CONNECTIONS, useValue: connections };
    return { module: StoreModule, providers: [provider], exports: [provider] };
  }
}

export async function startAdmin(given: {
  readonly connections?: RedisConnections | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly controllers?: readonly Type[];
  /** Called before the application initializes. */
  readonly before?: (app: NestFastifyApplication) => void;
}): Promise<NestFastifyApplication> {
  const config = readConfig({
    TICKCAST_LOG_LEVEL: 'silent',
    TICKCAST_ADMIN_KEY: ADMIN_KEY,
    TICKCAST_FEED_KEY: FEED_KEY,
    TICKCAST_CLIENT_KEY: CLIENT_KEY,
    ...given.environment,
  });
  const built = await Test.createTestingModule({
    imports: [
      CoreModule.forRoot(config),
      StoreModule.forRoot(given.connections ?? null),
      SymbolsModule,
      AdminModule,
      ProblemModule,
    ],
    controllers: [...(given.controllers ?? [])],
  }).compile();
  const app = built.createNestApplication<NestFastifyApplication>(createHttpAdapter(config), {
    logger: false,
  });
  given.before?.(app);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

export interface Ask {
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string as it is. */
  readonly body?: unknown;
}

/** What the answers of this REST hold, each a part of it; a spec says which. */
export interface AnswerBody {
  readonly [key: string]: unknown;
  readonly code: string;
  readonly detail: string;
  readonly version: number;
  readonly symbol: string;
  readonly sid: number;
  readonly field: string;
  readonly reason: string;
  readonly next: string | null;
  readonly symbols: readonly AnswerBody[];
  readonly entries: readonly AnswerBody[];
  readonly errors: readonly AnswerBody[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: AnswerBody;
}

/** @param line e.g. `GET /v1/admin/symbols` */
export async function ask(app: NestFastifyApplication, line: string, given: Ask = {}): Promise<Answer> {
  const [method, url] = line.split(' ') as ['GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', string];
  const { key = ADMIN_KEY, body } = given;
  const answer = await app.inject({
    method,
    url,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...given.headers,
    },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.body === '' ? (null as never) : answer.json<AnswerBody>(),
  };
}
