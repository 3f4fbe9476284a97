/**
 * The only reader of the environment: one typed, frozen object. Every limit of the service stands here with its
 * unit, its default and why. The README's table is generated from SETTINGS (`npm run docs:config`).
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { redisFaults } from './fanout/redis-config.js';
import { decimal, integer, listOf, oneOf, onOff, optional, type Setting, setting, text } from './setting.js';

/** Nest token of the Config. */
export const CONFIG = Symbol('CONFIG');

export const ROLES = Object.freeze(['feed', 'fanout', 'gateway', 'admin'] as const);
export type Role = (typeof ROLES)[number];

const KIB = 1024;
const MIB = 1024 * KIB;
const key = text('1 to 256 visible characters without spaces', /^[\x21-\x7e]{1,256}$/);
const path = text('the path of a file', /^.{1,4096}$/);
/** host[:port], an IPv6 host in brackets. */
const address = text(
  'host[:port], such as 10.0.0.7:6379',
  /^(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._-]{1,253})(:\d{1,5})?$/,
);
const user = text('1 to 256 visible characters without spaces', /^[\x21-\x7e]{1,256}$/);
const password = text('1 to 1024 characters', /^[^\r\n]{1,1024}$/);

export const SETTINGS = {
  // The process
  port: setting('TICKCAST_PORT', integer(0, 65535), 8080, 'Pages, REST and sockets; 0 takes any free port.'),
  host: setting(
    'TICKCAST_HOST',
    text('an address or host name to listen on', /^[0-9A-Za-z.:_-]{1,253}$/),
    (embedded: boolean) => (embedded ? '127.0.0.1' : '0.0.0.0'),
    'Embedded, keys are made up: only this machine may come in.',
  ),
  roles: setting('TICKCAST_ROLES', listOf(oneOf(...ROLES)), ROLES, 'What this process does.'),
  node: setting(
    'TICKCAST_NODE',
    text('1 to 64 letters, digits, and . _ -', /^[A-Za-z0-9._-]{1,64}$/),
    () =>
      `${hostname()
        .replace(/[^A-Za-z0-9._-]/g, '-')
        .slice(0, 40)}-${process.pid}-${randomBytes(3).toString('hex')}`,
    'Name of this process among its peers; must be unique.',
  ),
  logLevel: setting(
    'TICKCAST_LOG_LEVEL',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'Logs are JSON lines on standard error.',
  ),
  drainMs: setting(
    'TICKCAST_DRAIN_MS',
    integer(0, 600_000),
    (embedded: boolean) => (embedded ? 0 : 2_000),
    'Between failing readiness and closing clients: the proxy must notice first.',
    { unit: 'ms' },
  ),
  drainSpreadMs: setting(
    'TICKCAST_DRAIN_SPREAD_MS',
    integer(0, 600_000),
    1_000,
    'Clients of a draining gateway are closed evenly over this time, so that the others are not stormed.',
    { unit: 'ms' },
  ),
  reconnectSpreadMs: setting(
    'TICKCAST_RECONNECT_SPREAD_MS',
    integer(0, 600_000),
    2_000,
    'Upper bound of the random retryAfterMs in goodbye.',
    { unit: 'ms' },
  ),

  // Who may come in
  adminKey: setting(
    'TICKCAST_ADMIN_KEY',
    optional(key),
    null,
    'Key of the operators (Authorization: Bearer).',
    {
      secret: true,
    },
  ),
  feedKey: setting(
    'TICKCAST_FEED_KEY',
    optional(key),
    null,
    'Key of the feed handlers (Authorization: Bearer).',
    {
      secret: true,
    },
  ),
  clientKey: setting(
    'TICKCAST_CLIENT_KEY',
    optional(key),
    null,
    'Key of the streaming clients; needed by gateways where TICKCAST_ANONYMOUS is off.',
    { secret: true },
  ),
  anonymous: setting(
    'TICKCAST_ANONYMOUS',
    onOff,
    (embedded: boolean) => embedded,
    'Whether streaming clients need no token.',
  ),
  origins: setting(
    'TICKCAST_ORIGINS',
    optional(listOf(text('an origin such as https://desk.example.com', /^https?:\/\/[^\s/,]{1,253}$/))),
    null,
    'Browser origins that may open a stream beside the own host; unset: only the own host. Non-browsers send none.',
  ),

  // Redis
  redisUrl: setting(
    'REDIS_URL',
    optional(
      text(
        'redis://[user:password@]host[:port][/database] or rediss://…',
        /^rediss?:\/\/([^\s/?#]{0,1024}@)?(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._-]{1,253})(:\d{1,5})?(\/\d{0,4})?$/,
      ),
    ),
    null,
    'Standalone Redis, or one behind a single address. Neither this nor the next two: embedded, one process, nothing survives it.',
    { secret: true },
  ),
  redisSentinels: setting(
    'REDIS_SENTINELS',
    optional(listOf(address)),
    null,
    'Sentinels (port 26379), which know the master; the others are learnt from them.',
  ),
  redisClusterNodes: setting(
    'REDIS_CLUSTER_NODES',
    optional(listOf(address)),
    null,
    'Nodes of a Redis Cluster (port 6379) to begin with; the others are learnt from them.',
  ),
  redisSentinelName: setting(
    'REDIS_SENTINEL_NAME',
    optional(text('1 to 64 letters, digits, and . _ -', /^[A-Za-z0-9._-]{1,64}$/)),
    null,
    'What the sentinels call the master.',
  ),
  redisUsername: setting('REDIS_USERNAME', optional(user), null, 'ACL user; unset: the default user.'),
  redisPassword: setting('REDIS_PASSWORD', optional(password), null, 'Password of Redis.', { secret: true }),
  redisSentinelUsername: setting(
    'REDIS_SENTINEL_USERNAME',
    optional(user),
    null,
    'ACL user of the sentinels, which have users and passwords of their own.',
  ),
  redisSentinelPassword: setting(
    'REDIS_SENTINEL_PASSWORD',
    optional(password),
    null,
    'Password of the sentinels.',
    { secret: true },
  ),
  redisDatabase: setting(
    'REDIS_DATABASE',
    optional(integer(0, 9_999)),
    null,
    'Database number; unset: 0, the only one that a cluster has.',
  ),
  redisTls: setting('REDIS_TLS', onOff, false, 'TLS to Redis, and to sentinels; rediss:// says it too.'),
  redisTlsCa: setting(
    'REDIS_TLS_CA',
    optional(path),
    null,
    'PEM of the authorities that the servers’ certificates come from; unset: those of the system.',
  ),
  redisTlsCert: setting(
    'REDIS_TLS_CERT',
    optional(path),
    null,
    'PEM of this client’s certificate, where the servers ask for one.',
  ),
  redisTlsKey: setting('REDIS_TLS_KEY', optional(path), null, 'PEM of its key.'),
  redisTlsServerName: setting(
    'REDIS_TLS_SERVER_NAME',
    optional(text('a host name', /^[0-9A-Za-z.-]{1,253}$/)),
    null,
    'Name that the servers’ certificates are made out to; unset: the host that is connected to.',
  ),
  redisSentinelTls: setting(
    'REDIS_SENTINEL_TLS',
    optional(onOff),
    null,
    'TLS to the sentinels; unset: as REDIS_TLS says.',
  ),
  redisPrefix: setting(
    'TICKCAST_REDIS_PREFIX',
    text('1 to 32 letters, digits, and : _ -', /^[A-Za-z0-9:_-]{1,32}$/),
    'tc:',
    'First part of every key and channel.',
  ),

  // Fan-out
  coalesceIntervalMs: setting(
    'TICKCAST_COALESCE_INTERVAL_MS',
    integer(5, 60_000, 0),
    50,
    'The tick interval: one publish per partition and interval. 0: the next turn starts when the last commit is answered.',
    { unit: 'ms' },
  ),
  partitions: setting(
    'TICKCAST_PARTITIONS',
    integer(1, 256),
    16,
    'Fixed when the store is first used; 16 cost less than 64. A store with another number stops the start.',
  ),
  ingestAck: setting(
    'TICKCAST_INGEST_ACK',
    oneOf('stored', 'replicated'),
    'stored',
    'When a tick is acknowledged: stored by Redis, or by its replicas too.',
  ),
  logGatherMs: setting(
    'TICKCAST_LOG_GATHER_MS',
    integer(0, 100),
    8,
    'Ticks are gathered per partition this long before one append: Redis pays per wake-up and per entry.',
    { unit: 'ms' },
  ),
  logEntriesMax: setting(
    'TICKCAST_LOG_ENTRIES_MAX',
    integer(100, 1_000_000),
    20_000,
    'Entries of one partition of the tick log; full means busy, never a drop.',
    { unit: 'entries' },
  ),
  logEntryBytesMax: setting(
    'TICKCAST_LOG_ENTRY_BYTES_MAX',
    integer(1_024, 1_048_576),
    64 * KIB,
    'An entry beyond this is begun anew; a single group may be larger, it is never split.',
    { unit: 'bytes' },
  ),
  logQueueBytesMax: setting(
    'TICKCAST_LOG_QUEUE_BYTES_MAX',
    integer(64 * KIB, 1_024 * MIB),
    32 * MIB,
    'Ticks of one process that wait for their append; beyond: busy.',
    { unit: 'bytes' },
  ),
  logTailMs: setting(
    'TICKCAST_LOG_TAIL_MS',
    integer(0, 600_000),
    10_000,
    'Acknowledged ticks that a feed process keeps to append again on another Redis run.',
    { unit: 'ms' },
  ),
  logTailBytesMax: setting(
    'TICKCAST_LOG_TAIL_BYTES_MAX',
    integer(0, 1_024 * MIB),
    64 * MIB,
    'Bound of that tail.',
    {
      unit: 'bytes',
    },
  ),
  tapeSeconds: setting(
    'TICKCAST_TAPE_SECONDS',
    integer(1, 86_400),
    60,
    'Published batches kept for gateways and resuming clients.',
    { unit: 's' },
  ),
  tapeBytesMax: setting(
    'TICKCAST_TAPE_BYTES_MAX',
    integer(64 * KIB, 4_096 * MIB),
    32 * MIB,
    'Bound of the tape of one partition.',
    { unit: 'bytes' },
  ),
  ringMs: setting(
    'TICKCAST_RING_MS',
    integer(0, 600_000),
    10_000,
    'Published batches that an owner keeps to refill a tape that lost its tail.',
    { unit: 'ms' },
  ),
  ringBytesMax: setting('TICKCAST_RING_BYTES_MAX', integer(0, 1_024 * MIB), 64 * MIB, 'Bound of that ring.', {
    unit: 'bytes',
  }),
  leaseMs: setting(
    'TICKCAST_LEASE_MS',
    integer(500, 60_000),
    3_000,
    'Life of an owner’s lease without renewal.',
    {
      unit: 'ms',
    },
  ),
  heartbeatMs: setting(
    'TICKCAST_HEARTBEAT_MS',
    integer(50, 10_000),
    500,
    'An idle partition says its position this often; three missed are stale.',
    { unit: 'ms' },
  ),
  checkpointBatches: setting(
    'TICKCAST_CHECKPOINT_BATCHES',
    integer(1, 10_000),
    20,
    'Every so many batches the commit also writes all images of the partition.',
    { unit: 'batches' },
  ),
  marksMax: setting(
    'TICKCAST_FEED_SESSIONS_MAX',
    integer(1, 1_000_000),
    10_000,
    'Feed sessions remembered per partition for 24 h after their last tick; beyond: busy for new sessions.',
    { unit: 'sessions' },
  ),
  dayRoll: setting(
    'TICKCAST_DAY_ROLL',
    oneOf('off', 'utc'),
    'off',
    'Whether the first trade of a later UTC day starts a new open, high, low, volume, and sets the previous close.',
  ),

  // Symbols
  symbolsFile: setting(
    'TICKCAST_SYMBOLS_FILE',
    optional(path),
    null,
    'JSON seed of an empty registry; unset: the built-in one.',
  ),
  symbolsMax: setting(
    'TICKCAST_SYMBOLS_MAX',
    integer(1, 1_000_000),
    100_000,
    'Symbols in the registry; each costs a gateway about 1 KB.',
    { unit: 'symbols' },
  ),
  symbolsAutoRegister: setting(
    'TICKCAST_SYMBOLS_AUTO_REGISTER',
    onOff,
    false,
    'Whether the first tick of an unknown symbol registers it (price scale 6, size scale 4, volume scale 0).',
  ),
  reconcileMs: setting(
    'TICKCAST_RECONCILE_MS',
    integer(100, 600_000),
    5_000,
    'The registry version is compared with Redis this often, whatever was announced.',
    { unit: 'ms' },
  ),

  // Feed
  crossedQuotes: setting(
    'TICKCAST_CROSSED_QUOTES',
    oneOf('reject', 'accept'),
    'reject',
    'A bid above the ask: rejected, or accepted and flagged. Counted in both cases.',
  ),
  tickAgeMsMax: setting(
    'TICKCAST_TICK_AGE_MS_MAX',
    integer(0, 8_640_000_000),
    0,
    'Older exchange times are rejected as stale; 0 = off, since replay is legitimate.',
    { unit: 'ms' },
  ),
  feedMessageBytesMax: setting(
    'TICKCAST_FEED_MESSAGE_BYTES_MAX',
    integer(KIB, 64 * MIB),
    4 * MIB,
    'One message on a feed socket, one JSON or msgpack body; NDJSON is streamed and may be of any length.',
    { unit: 'bytes' },
  ),
  feedBatchTicksMax: setting(
    'TICKCAST_FEED_BATCH_TICKS_MAX',
    integer(1, 100_000),
    10_000,
    'Ticks in one batch of a feed socket or one JSON or msgpack body.',
    { unit: 'ticks' },
  ),
  feedBatchesInFlightMax: setting(
    'TICKCAST_FEED_BATCHES_IN_FLIGHT_MAX',
    integer(1, 10_000),
    64,
    'Unacknowledged batches of one feed socket; beyond: busy.',
    { unit: 'batches' },
  ),
  simulator: setting(
    'TICKCAST_SIMULATOR',
    onOff,
    (embedded: boolean) => embedded,
    'The built-in synthetic feed.',
  ),
  simulatorSeed: setting(
    'TICKCAST_SIMULATOR_SEED',
    integer(0, 4_294_967_295),
    1,
    'The same seed makes the same ticks.',
  ),
  simulatorRate: setting(
    'TICKCAST_SIMULATOR_RATE',
    integer(1, 1_000_000),
    400,
    'Synthetic ticks per second over all symbols, on average.',
    { unit: 'ticks/s' },
  ),
  simulatorBars: setting(
    'TICKCAST_SIMULATOR_BARS',
    optional(path),
    null,
    'CSV of daily bars (symbol,date,open,high,low,close,volume) that the synthetic days bridge.',
  ),
  simulatorDaySeconds: setting(
    'TICKCAST_SIMULATOR_DAY_SECONDS',
    integer(1, 86_400),
    23_400,
    'How long one bridged day lasts; a real session of 6.5 hours has 23,400 s.',
    { unit: 's' },
  ),
  testSymbol: setting(
    'TICKCAST_TEST_SYMBOL',
    onOff,
    true,
    'Whether TEST ticks once per second when no feed is connected.',
  ),
  replayFile: setting(
    'TICKCAST_REPLAY',
    optional(path),
    null,
    'CSV or NDJSON file of ticks to replay, .gz too.',
  ),
  replaySpeed: setting(
    'TICKCAST_REPLAY_SPEED',
    {
      allowed: 'max, or a factor from 0.01 to 10000 such as 1 or 10',
      schema: decimal(0.01, 10_000).schema.or(oneOf('max').schema),
    },
    1 as number | 'max',
    'As the file’s times say, times this; max: as fast as it is taken.',
  ),
  replayLoop: setting('TICKCAST_REPLAY_LOOP', onOff, false, 'Whether the replay starts over at its end.'),
  replayColumns: setting(
    'TICKCAST_REPLAY_COLUMNS',
    optional(text('field=column pairs, comma-separated; see docs/adapters.md', /^[^\s].{0,1023}$/)),
    null,
    'Column map of a CSV, e.g. time=0:yyyyMMdd HHmmssSSS,bidPrice=1,askPrice=2,symbol:EURUSD.',
  ),
  recordFile: setting(
    'TICKCAST_RECORD',
    optional(path),
    null,
    'NDJSON file to which every accepted tick is appended.',
  ),

  // Gateways
  connectsPerSecond: setting(
    'TICKCAST_CONNECTS_PER_SECOND',
    integer(1, 1_000_000),
    500,
    'Clients that one gateway lets in, steadily; more are answered 503 with Retry-After, so that a storm of reconnects does not hold up those who are there.',
    { unit: '1/s' },
  ),
  connectBurst: setting(
    'TICKCAST_CONNECT_BURST',
    integer(1, 10_000_000),
    2_000,
    'Clients that it lets in at once after a quiet time.',
  ),
  sessionsMax: setting(
    'TICKCAST_SESSIONS_MAX',
    integer(1, 1_000_000),
    50_000,
    'Streaming clients of one gateway; beyond: 503.',
    {
      unit: 'sessions',
    },
  ),
  clientFrameBytesMax: setting(
    'TICKCAST_CLIENT_FRAME_BYTES_MAX',
    integer(256, 16 * MIB),
    64 * KIB,
    'One message of a client; longer is closed with 1009.',
    { unit: 'bytes' },
  ),
  channelsPerCommandMax: setting(
    'TICKCAST_CHANNELS_PER_COMMAND_MAX',
    integer(1, 100_000),
    500,
    'Channels in one command.',
    {
      unit: 'channels',
    },
  ),
  channelsPerSessionMax: setting(
    'TICKCAST_CHANNELS_PER_SESSION_MAX',
    integer(1, 100_000),
    1_000,
    'Named channels of one session; a wildcard counts as one.',
    { unit: 'channels' },
  ),
  symbolsPerSessionMax: setting(
    'TICKCAST_SYMBOLS_PER_SESSION_MAX',
    integer(1, 1_000_000),
    20_000,
    'Symbols that a session may follow, wildcards expanded; the answer to its subscribe takes about 330 bytes for each.',
    { unit: 'symbols' },
  ),
  commandsPerSecond: setting(
    'TICKCAST_COMMANDS_PER_SECOND',
    integer(1, 100_000),
    5,
    'Commands of one session, steadily.',
    {
      unit: 'commands/s',
    },
  ),
  commandBurst: setting(
    'TICKCAST_COMMAND_BURST',
    integer(1, 100_000),
    20,
    'Commands of one session at once.',
    {
      unit: 'commands',
    },
  ),
  authMs: setting(
    'TICKCAST_AUTH_MS',
    integer(100, 600_000),
    5_000,
    'A client that must authenticate has this long.',
    {
      unit: 'ms',
    },
  ),
  clientHeartbeatMs: setting(
    'TICKCAST_CLIENT_HEARTBEAT_MS',
    integer(100, 600_000),
    5_000,
    'heartbeat records to clients.',
    {
      unit: 'ms',
    },
  ),
  probeMs: setting(
    'TICKCAST_PROBE_MS',
    integer(100, 600_000),
    1_000,
    'Lag probe of a session that is sent data.',
    {
      unit: 'ms',
    },
  ),
  probeIdleMs: setting(
    'TICKCAST_PROBE_IDLE_MS',
    integer(100, 600_000),
    15_000,
    'Lag probe of an idle session.',
    { unit: 'ms' },
  ),
  probeLagMsMax: setting(
    'TICKCAST_PROBE_LAG_MS_MAX',
    integer(100, 600_000),
    900,
    'A probe unanswered this long means blocked: kernel buffers hide about 4 MB.',
    { unit: 'ms' },
  ),
  blockedMsMax: setting(
    'TICKCAST_BLOCKED_MS_MAX',
    integer(100, 600_000),
    10_000,
    'A session blocked this long without a break is closed as slow_consumer.',
    { unit: 'ms' },
  ),
  bufferedBytesMax: setting(
    'TICKCAST_BUFFERED_BYTES_MAX',
    integer(4 * KIB, 1_024 * MIB),
    256 * KIB,
    'A session with more bytes buffered in this process is closed as slow_consumer.',
    { unit: 'bytes' },
  ),
  tradeRingSeconds: setting(
    'TICKCAST_TRADE_RING_SECONDS',
    integer(1, 86_400),
    60,
    'Trades kept for resuming clients.',
    {
      unit: 's',
    },
  ),
  tradeRingBytesMax: setting(
    'TICKCAST_TRADE_RING_BYTES_MAX',
    integer(64 * KIB, 16_384 * MIB),
    256 * MIB,
    'Bound of all trade rings of one gateway together.',
    { unit: 'bytes' },
  ),

  nativeSend: setting(
    'TICKCAST_NATIVE_SEND',
    onOff,
    true,
    'Frames are handed to the kernel by a small native part, where the build could compile it; off: through streams.',
  ),
  unsentBytesMax: setting(
    'TICKCAST_UNSENT_BYTES_MAX',
    integer(4 * KIB, 4 * MIB),
    16 * KIB,
    'What the kernel takes for a client that does not read, beyond what is on the way; with the native part only.',
    { unit: 'bytes' },
  ),

  // Proxies
  proxyPort: setting(
    'TICKCAST_PROXY_PORT',
    optional(integer(0, 65535)),
    null,
    'Listener for PROXY protocol v2; unset: off.',
  ),
  proxyFrom: setting(
    'TICKCAST_PROXY_FROM',
    listOf(text('an address or a range such as 10.0.0.0/8', /^[0-9A-Fa-f.:]{2,45}(\/\d{1,3})?$/)),
    Object.freeze(['127.0.0.0/8', '::1']) as readonly string[],
    'Addresses from which a PROXY header is believed.',
  ),
  agentPort: setting(
    'TICKCAST_AGENT_PORT',
    optional(integer(0, 65535)),
    null,
    'Listener for HAProxy’s agent check; unset: off.',
  ),
} as const;

type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
type Settings = { readonly [name in SettingName]: ValueOf<(typeof SETTINGS)[name]> };

export interface Config extends Settings {
  /** True without Redis: memory forms, one process. */
  readonly embedded: boolean;
  /** Where each value came from. */
  readonly sources: { readonly [name in SettingName]: ConfigSource };
}
export type ConfigSource = 'default' | 'environment' | 'made up';

/** The start stops on this: the message names each variable, its value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: string = 'config_invalid';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

/** One of them says where Redis is. */
const TOPOLOGIES = ['REDIS_URL', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration.
 * @param environment variables by name, normally process.env; an empty value counts as not set
 * @throws ConfigError with every fault at once
 */
export function readConfig(environment: Environment = process.env): Config {
  const faults = unknownVariables(environment);
  const embedded = !TOPOLOGIES.some((variable) => isSet(environment[variable]));
  const values: Record<string, unknown> = {};
  const sources: Record<string, ConfigSource> = {};
  for (const [name, entry] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    const given = environment[entry.variable];
    sources[name] = isSet(given) ? 'environment' : 'default';
    if (!isSet(given)) {
      values[name] = entry.initial(embedded);
      continue;
    }
    const parsed = entry.schema.safeParse(given);
    if (parsed.success) values[name] = parsed.data;
    else
      faults.push(
        `${entry.variable} is ${entry.secret ? '(hidden)' : JSON.stringify(given)}; allowed: ${entry.allowed}.`,
      );
  }
  if (faults.length > 0) throw new ConfigError(faults);
  if (embedded) makeUpKeys(values, sources);
  const config = Object.freeze({
    ...(values as unknown as Settings),
    embedded,
    sources: Object.freeze(sources),
  }) as Config;
  const contradictions = [...contradictionsIn(config), ...redisFaults(config)];
  if (contradictions.length > 0) throw new ConfigError(contradictions);
  return config;
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function unknownVariables(environment: Environment): string[] {
  const known = new Set<string>(Object.values(SETTINGS).map((entry) => entry.variable));
  return Object.keys(environment)
    .filter((variable) => variable.startsWith('TICKCAST_') && !known.has(variable))
    .map(
      (variable) =>
        `${variable} is ${JSON.stringify(environment[variable])}, but there is no such setting; ` +
        `allowed: the variables in the README's table${nearest(variable, known)}.`,
    );
}

function nearest(variable: string, known: ReadonlySet<string>): string {
  const words = new Set(variable.split('_'));
  let best = '';
  let bestShared = 1;
  for (const candidate of known) {
    const shared = candidate.split('_').filter((word) => words.has(word)).length;
    if (shared > bestShared) [best, bestShared] = [candidate, shared];
  }
  return best === '' ? '' : `, such as ${best}`;
}

function makeUpKeys(values: Record<string, unknown>, sources: Record<string, ConfigSource>): void {
  for (const name of ['adminKey', 'feedKey'] as const) {
    if (values[name] !== null) continue;
    values[name] = randomBytes(18).toString('base64url');
    sources[name] = 'made up';
  }
}

function contradictionsIn(config: Config): string[] {
  const faults: string[] = [];
  if (config.embedded && config.roles.length !== ROLES.length) {
    faults.push(
      `TICKCAST_ROLES is "${config.roles.join(',')}", but without Redis one process does everything; ` +
        `allowed: unset, or ${ROLES.join(',')}. Set ${TOPOLOGIES.join(' or ')} to run several processes.`,
    );
  }
  const needs = (role: Role, value: unknown, variable: string, instead = '') => {
    if (config.roles.includes(role) && value === null) {
      faults.push(`${variable} is not set, and role ${role} needs it; allowed: ${key.allowed}${instead}.`);
    }
  };
  needs('admin', config.adminKey, 'TICKCAST_ADMIN_KEY');
  needs('feed', config.feedKey, 'TICKCAST_FEED_KEY');
  if (!config.anonymous)
    needs(
      'gateway',
      config.clientKey,
      'TICKCAST_CLIENT_KEY',
      ', or TICKCAST_ANONYMOUS=on for clients without a token',
    );
  if (config.heartbeatMs * 2 > config.leaseMs) {
    faults.push(
      `TICKCAST_HEARTBEAT_MS is "${config.heartbeatMs}"; allowed: at most half of TICKCAST_LEASE_MS (${config.leaseMs}), it renews the lease.`,
    );
  }
  return faults;
}

export interface ConfigLine {
  readonly variable: string;
  /** Secrets are masked. */
  readonly value: string;
  readonly source: ConfigSource;
}

/** Effective values in the order of SETTINGS, for `--print-config` and the log of the start. */
export function describeConfig(config: Config): readonly ConfigLine[] {
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const entry: Setting<unknown> = SETTINGS[name];
    const value = config[name];
    const shown = entry.secret && value !== null ? '********' : showValue(value);
    return { variable: entry.variable, value: shown, source: config.sources[name] };
  });
}

/** A value as it would be written in the environment; `(unset)` for null. */
export function showValue(value: unknown): string {
  if (value === null) return '(unset)';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return Array.isArray(value) ? value.join(',') : String(value);
}
