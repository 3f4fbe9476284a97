import { Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { QUOTE, type Tick } from '#market-data';
import { type RedisServer, redisCli, startRedis } from '../../test/support/redis-server.js';
import { readConfig } from '../config.js';
import { CoreModule } from '../core.module.js';
import { Lifecycle } from '../ops/lifecycle.js';
import { Metrics } from '../ops/metrics.js';
import { Readiness } from '../ops/readiness.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import { SymbolsModule } from '../symbols/symbols.module.js';
import { FanoutModule } from './fanout.module.js';
import { FOLLOWER, type Follower, type ImageSink } from './image-sink.js';
import { groupOf, tradeOf } from './owner.fixture.js';
import { TICK_LOG_WRITER, type TickLogWriter } from './tick-log-writer.js';

const apps: TestingModule[] = [];

async function start(environment: Record<string, string> = {}): Promise<TestingModule> {
  const config = readConfig({ TICKCAST_LOG_LEVEL: 'silent', ...environment });
  @Module({ imports: [CoreModule.forRoot(config), FanoutModule, SymbolsModule] })
  class App {}
  const app = await Test.createTestingModule({ imports: [App] }).compile();
  apps.push(app);
  await app.init();
  return app;
}

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

/** Trades by their id, and the promise of the next ones. */
class TradeSink implements ImageSink {
  readonly ids: string[] = [];
  /** Read back from the tape after the join. */
  readonly past: string[] = [];
  private waiting: { id: string; resolve: () => void }[] = [];

  seen(id: string): Promise<void> {
    if (this.ids.includes(id) || this.past.includes(id)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ id, resolve }));
  }

  trade(...[, , , , , id]: Parameters<ImageSink['trade']>): void {
    this.tell(this.ids, id ?? '');
  }

  pastTrade(...[, , , , , id]: Parameters<ImageSink['pastTrade']>): void {
    this.tell(this.past, id ?? '');
  }

  private tell(list: string[], id: string): void {
    list.push(id);
    for (const one of this.waiting) if (one.id === id) one.resolve();
  }

  beginBatch = () => undefined;
  update = () => undefined;
  endBatch = () => undefined;
  beginReload = () => undefined;
  image = () => undefined;
  endReload = () => undefined;
  beginHistory = () => undefined;
  endHistory = () => undefined;
  historyComplete = () => undefined;
  silent = () => undefined;
  heard = () => undefined;
}

async function follow(app: TestingModule): Promise<TradeSink> {
  const sink = new TradeSink();
  const follower = app.get<Follower>(FOLLOWER);
  await follower.start(sink);
  app.get(Lifecycle).onStop('owner', 'spec', () => follower.stop());
  return sink;
}

/** Until then a tick may wait in the log for the owner after this one: it is stored, but not published by it. */
async function ownsAll(app: TestingModule): Promise<void> {
  const owned = /^tickcast_owner_partitions 16$/m;
  while (!owned.test(await app.get(Metrics).text())) await new Promise((resolve) => setImmediate(resolve));
}

const sidOf = (app: TestingModule, symbol: string) =>
  app.get<SymbolRegistry>(SYMBOL_REGISTRY).bySymbol(symbol)?.sid ?? 0;

describe('FanoutModule', () => {
  it('brings ticks from the writer to the follower in an embedded process', async () => {
    const app = await start();
    const sink = await follow(app);
    const writer = app.get<TickLogWriter>(TICK_LOG_WRITER);
    const sid = sidOf(app, 'AAPL');
    const quote: Tick = {
      ...{ kind: QUOTE, sid, bidPrice: 1, bidSize: 1, askPrice: 2, askSize: 1 },
      ...{ exchangeTimeUs: null, receiveTimeUs: 1, line: null, sequence: null },
    };
    expect(await writer.offer([groupOf('spec', '1', 1, quote, tradeOf(sid, 'first'))])).toEqual({
      outcome: 'stored',
    });
    await sink.seen('first');
    expect(sink.ids).toEqual(['first']);
    expect(app.get(Readiness).faults()).not.toHaveProperty('fanout');
    const text = await app.get(Metrics).text();
    expect(text).toMatch(/^tickcast_owner_trades_total 1$/m);
    expect(text).toMatch(/^tickcast_owner_partitions 16$/m);
    expect(text).toMatch(/^tickcast_log_offers_stored_total 1$/m);
  });

  it('refuses offers once the log stops', async () => {
    const app = await start();
    const writer = app.get<TickLogWriter>(TICK_LOG_WRITER);
    await app.get(Lifecycle).stop();
    const answer = await writer.offer([groupOf('spec', '1', 1, tradeOf(1, 'late'))]);
    expect(answer).toMatchObject({ outcome: 'busy', why: 'stopping' });
  });
});

describe('FanoutModule on Redis', () => {
  let server: RedisServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const environment = (more: Record<string, string> = {}) => ({
    REDIS_URL: server.url,
    TICKCAST_REDIS_PREFIX: `spec${prefixes}:`,
    TICKCAST_FEED_KEY: 'key',
    TICKCAST_ADMIN_KEY: 'key',
    TICKCAST_ANONYMOUS: 'on',
    ...more,
  });
  beforeEach(() => {
    prefixes++;
  });

  it('brings ticks of one process to the gateways of others, through the owner of a third', async () => {
    const feed = await start(environment({ TICKCAST_ROLES: 'feed,admin' }));
    await start(environment({ TICKCAST_ROLES: 'fanout' }));
    const gateways = [
      await start(environment({ TICKCAST_ROLES: 'gateway' })),
      await start(environment({ TICKCAST_ROLES: 'gateway' })),
    ];
    const sinks = await Promise.all(gateways.map(follow));
    const writer = feed.get<TickLogWriter>(TICK_LOG_WRITER);
    const sids = ['AAPL', 'MSFT', 'NVDA', 'TEST'].map((symbol) => sidOf(feed, symbol));
    for (let sequence = 1; sequence <= 20; sequence++) {
      const ticks = sids.map((sid) => tradeOf(sid, `${sid} #${sequence}`));
      expect(await writer.offer([groupOf('spec', '1', sequence, ...ticks)])).toEqual({ outcome: 'stored' });
    }
    for (const sink of sinks) {
      await Promise.all(sids.map((sid) => sink.seen(`${sid} #20`)));
      for (const sid of sids)
        expect(sink.ids.filter((id) => id.startsWith(`${sid} `))).toEqual(
          Array.from({ length: 20 }, (_, i) => `${sid} #${i + 1}`),
        );
    }
  });

  it('loses nothing that was stored when the process stops right after', async () => {
    const first = await start(environment());
    await ownsAll(first);
    const sid = sidOf(first, 'AAPL');
    await first
      .get<TickLogWriter>(TICK_LOG_WRITER)
      .offer([groupOf('spec', '1', 1, tradeOf(sid, 'last words'))]);
    await first.get(Lifecycle).stop();
    const tape = await redisCli(server, 'KEYS', `spec${prefixes}:{*}:tape`);
    expect(tape).not.toBe('');
    const leases = await redisCli(server, 'KEYS', `spec${prefixes}:{*}:lease`);
    expect(leases).toBe('');
    const next = await start(environment());
    const sink = await follow(next);
    await sink.seen('last words');
    expect(sink.past).toEqual(['last words']);
    const metrics = await next.get(Metrics).text();
    expect(metrics).toMatch(/^tickcast_owner_epochs_total\{reason="run_changed"\} 0$/m);
    expect(metrics).toMatch(/^tickcast_owner_epochs_total\{reason="state_lost"\} 0$/m);
  });

  it('does not start on a store that was begun with another number of partitions', async () => {
    await start(environment({ TICKCAST_PARTITIONS: '16' }));
    await expect(start(environment({ TICKCAST_PARTITIONS: '32' }))).rejects.toThrow(
      /TICKCAST_PARTITIONS is "32", but this store was begun with 16; set TICKCAST_PARTITIONS=16/,
    );
  });
});
