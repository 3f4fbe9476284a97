/**
 * A Redis and processes that share it, started as operators start them; and what they answer over HTTP. End it in an
 * afterAll of a describe: those run before that of own-process.ts, which would take Redis away from running processes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, startRedis } from './redis-server.js';
import { startTickcast, type Tickcast } from './tickcast.js';
import { poll } from './waiters.js';

export const ADMIN_KEY = 'operator-of-the-acceptance';
export const FEED_KEY = 'feed-of-the-acceptance';

/** Symbol → [priceScale, sizeScale, volumeScale]. */
export type Seed = Readonly<Record<string, readonly [number, number, number]>>;

export class Installation {
  private readonly processes: Tickcast[] = [];

  private constructor(
    readonly redis: RedisServer,
    private readonly folder: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /**
   * @param seed symbols of the registry; left out: the built-in ones
   * @param env settings of all its processes
   */
  static async begin(seed?: Seed, env: Readonly<Record<string, string>> = {}): Promise<Installation> {
    const redis = await startRedis();
    const folder = await mkdtemp(join(tmpdir(), 'tickcast-acceptance-'));
    const own: Record<string, string> = {
      REDIS_URL: redis.url,
      TICKCAST_ADMIN_KEY: ADMIN_KEY,
      TICKCAST_FEED_KEY: FEED_KEY,
      TICKCAST_ANONYMOUS: 'on',
      TICKCAST_TEST_SYMBOL: 'off',
      ...env,
    };
    if (seed !== undefined) own['TICKCAST_SYMBOLS_FILE'] = await seedFile(folder, seed);
    return new Installation(redis, folder, own);
  }

  /** One more process. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<Tickcast> {
    const started = await startTickcast({ env: { ...this.env, ...env } });
    this.processes.push(started);
    return started;
  }

  /** Ends what still runs. */
  async end(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop()));
    await this.redis.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function seedFile(folder: string, seed: Seed): Promise<string> {
  const file = join(folder, 'symbols.json');
  const rows = Object.entries(seed).map(([symbol, [priceScale, sizeScale, volumeScale]]) => ({
    ...{ symbol, name: `Acceptance ${symbol}`, group: 'acceptance' },
    ...{ priceScale, sizeScale, volumeScale },
  }));
  await writeFile(file, JSON.stringify(rows));
  return file;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the service answers
  readonly body: any;
}

export interface Request {
  readonly method?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
}

/** One request; the answer's body is parsed where it is JSON. */
export async function http(url: string, request: Request = {}): Promise<Answer> {
  const { key, body } = request;
  const method = request.method ?? (body === undefined ? 'GET' : 'POST');
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const headers: Record<string, string> = { ...request.headers };
  if (key !== undefined) headers['authorization'] = `Bearer ${key}`;
  if (body !== undefined && !isRaw) headers['content-type'] ??= 'application/json';
  const sent = body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) };
  const response = await fetch(url, { method, headers, ...sent });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : text,
  };
}

/**
 * Switches a symbol as an operator does; repeats it where the store did not answer in time, as the docs say.
 * @throws when it is not answered 200
 */
export async function switchSymbol(
  { url }: Tickcast,
  symbol: string,
  action: 'enable' | 'disable' | 'halt' | 'resume',
  reason = `to ${action}`,
): Promise<void> {
  const path = `/v1/admin/symbols/${encodeURIComponent(symbol)}/${action}`;
  const { status, body } = await poll(
    'an answer of the store',
    () => http(`${url}${path}`, { key: ADMIN_KEY, body: { reason } }),
    (answer) => answer.body.code !== 'store_unavailable',
  );
  if (status !== 200) throw new Error(`Expected 200, was ${status}: ${JSON.stringify(body)}`);
}

/** Every series of `/metrics` by its whole name, labels included. */
export async function metrics({ url }: Pick<Tickcast, 'url'>): Promise<ReadonlyMap<string, number>> {
  const { body } = await http(`${url}/metrics`);
  const lines = (body as string).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** Sum of all series of one metric. */
export function total(all: ReadonlyMap<string, number>, name: string): number {
  let sum = 0;
  for (const [series, value] of all) if (series === name || series.startsWith(`${name}{`)) sum += value;
  return sum;
}
