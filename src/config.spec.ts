import {
  type Config,
  ConfigError,
  describeConfig,
  ROLES,
  readConfig,
  SETTINGS,
  showValue,
} from './config.js';
import type { Setting } from './setting.js';

const REDIS = { REDIS_URL: 'redis://:secret@10.0.0.7:6379/0' };
const KEYS = {
  TICKCAST_ADMIN_KEY: 'admin-key',
  TICKCAST_FEED_KEY: 'feed-key',
  TICKCAST_CLIENT_KEY: 'client-key',
};

function faultsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  it('runs embedded without Redis: this machine only, made-up keys, anonymous clients, moving prices', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      embedded: true,
      host: '127.0.0.1',
      port: 8080,
      roles: ROLES,
      anonymous: true,
      simulator: true,
      drainMs: 0,
    });
    expect(config.adminKey).toMatch(/^[A-Za-z0-9_-]{24}$/);
    expect(config.feedKey).not.toBe(config.adminKey);
    expect(config.sources).toMatchObject({ adminKey: 'made up', feedKey: 'made up', port: 'default' });
    expect(readConfig({}).adminKey).not.toBe(config.adminKey);
  });

  it('is open to the network and asks for keys with Redis', () => {
    const config = readConfig({ ...REDIS, ...KEYS });
    expect(config).toMatchObject({
      embedded: false,
      host: '0.0.0.0',
      anonymous: false,
      simulator: false,
      drainMs: 2_000,
      adminKey: 'admin-key',
    });
    expect(config.sources.adminKey).toBe('environment');
  });

  it('keeps a given key when embedded', () => {
    const config = readConfig({ TICKCAST_ADMIN_KEY: 'mine' });
    expect(config.adminKey).toBe('mine');
    expect(config.sources).toMatchObject({ adminKey: 'environment', feedKey: 'made up' });
  });

  it('takes an empty value as not set', () => {
    const config = readConfig({ TICKCAST_PORT: '', REDIS_URL: '' });
    expect(config).toMatchObject({ embedded: true, port: 8080 });
    expect(config.sources.port).toBe('default');
  });

  it('parses each kind of value', () => {
    const config = readConfig({
      ...REDIS,
      ...KEYS,
      TICKCAST_ROLES: 'feed, gateway',
      TICKCAST_COALESCE_INTERVAL_MS: '0',
      TICKCAST_REPLAY_SPEED: 'max',
      TICKCAST_SIMULATOR: 'on',
      TICKCAST_ORIGINS: 'https://desk.example.com,http://localhost:5173',
    });
    expect(config).toMatchObject({
      roles: ['feed', 'gateway'],
      coalesceIntervalMs: 0,
      replaySpeed: 'max',
      simulator: true,
      origins: ['https://desk.example.com', 'http://localhost:5173'],
    });
    expect(readConfig({ TICKCAST_REPLAY_SPEED: '2.5' }).replaySpeed).toBe(2.5);
  });

  it('is frozen, lists and sources too', () => {
    const config = readConfig({
      ...REDIS,
      ...KEYS,
      TICKCAST_ROLES: 'feed',
      TICKCAST_PROXY_FROM: '10.0.0.0/8',
    });
    for (const part of [config, config.sources, config.roles, config.proxyFrom]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(Object.isFrozen(readConfig({}).roles)).toBe(true);
  });
});

describe('a configuration that cannot hold', () => {
  it('names an unknown variable, its value, and what may have been meant', () => {
    const [fault] = faultsOf({ TICKCAST_COALESCE_MS: '50' });
    expect(fault).toContain('TICKCAST_COALESCE_MS is "50", but there is no such setting');
    expect(fault).toContain('such as TICKCAST_COALESCE_INTERVAL_MS');
    expect(faultsOf({ TICKCAST_NONSENSE: 'x' })[0]).toContain(
      "allowed: the variables in the README's table.",
    );
  });

  it('leaves variables of others alone', () => {
    expect(faultsOf({ PATH: '/usr/bin', TICKCASTLE: 'x', REDIS_HOST: 'x' })).toEqual([]);
  });

  it.each([
    ['TICKCAST_PORT', '80a', 'TICKCAST_PORT is "80a"; allowed: an integer from 0 to 65535.'],
    ['TICKCAST_SIMULATOR', 'yes', 'TICKCAST_SIMULATOR is "yes"; allowed: on or off.'],
    [
      'TICKCAST_ROLES',
      'feed,owner',
      'allowed: a comma-separated list, each feed or fanout or gateway or admin.',
    ],
    ['TICKCAST_REPLAY_SPEED', '0', 'allowed: max, or a factor from 0.01 to 10000'],
    ['TICKCAST_COALESCE_INTERVAL_MS', '4', 'allowed: 0, or an integer from 5 to 60000.'],
    ['TICKCAST_REDIS_PREFIX', 'a b', 'TICKCAST_REDIS_PREFIX is "a b"'],
    ['REDIS_URL', 'http://x', 'allowed: redis://'],
  ])('names variable, value and what is allowed: %s=%s', (variable, value, words) => {
    const faults = faultsOf({ ...KEYS, [variable]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(words);
  });

  it('never shows the value of a secret', () => {
    const secrets = ['TICKCAST_ADMIN_KEY', 'TICKCAST_FEED_KEY', 'TICKCAST_CLIENT_KEY', 'REDIS_URL'];
    for (const variable of [...secrets, 'REDIS_PASSWORD', 'REDIS_SENTINEL_PASSWORD']) {
      const [fault] = faultsOf({ [variable]: 'hush\rhush' });
      expect(fault).toContain(`${variable} is (hidden); allowed: `);
      expect(fault).not.toContain('hush');
    }
  });

  it.each<[environment: Record<string, string>, words: string]>([
    [
      { ...REDIS, REDIS_CLUSTER_NODES: 'a:1' },
      'More than one of REDIS_URL, REDIS_SENTINELS and REDIS_CLUSTER_NODES',
    ],
    [{ REDIS_SENTINELS: 'a:1,b:2' }, 'REDIS_SENTINEL_NAME is not set'],
    [{ REDIS_SENTINELS: 'a:70000', REDIS_SENTINEL_NAME: 'm' }, 'a:70000 has no port from 1 to 65535'],
    [
      { ...REDIS, REDIS_SENTINEL_NAME: 'm' },
      'REDIS_SENTINEL_NAME is set; allowed: with REDIS_SENTINELS only',
    ],
    [
      { ...REDIS, REDIS_SENTINEL_TLS: 'off' },
      'REDIS_SENTINEL_TLS is set; allowed: with REDIS_SENTINELS only',
    ],
    [
      { REDIS_CLUSTER_NODES: 'a:1', REDIS_DATABASE: '2' },
      'REDIS_DATABASE is "2"; allowed: unset or 0 with REDIS_CLUSTER',
    ],
    [{ ...REDIS, REDIS_PASSWORD: 'hush' }, 'REDIS_PASSWORD is set, and REDIS_URL says it too'],
    [{ ...REDIS, REDIS_DATABASE: '0' }, 'REDIS_DATABASE is set, and REDIS_URL says it too'],
    [{ REDIS_URL: 'redis://a:0' }, 'REDIS_URL has no port from 1 to 65535'],
    [{ REDIS_URL: 'redis://u:%@a' }, 'REDIS_URL cannot be read: characters such as @ / : % in its password'],
    [{ REDIS_CLUSTER_NODES: 'a:1', REDIS_USERNAME: 'u' }, 'REDIS_USERNAME is set without REDIS_PASSWORD'],
    [{ REDIS_PASSWORD: 'hush' }, 'REDIS_PASSWORD is set, but nothing says where Redis is'],
    [{ REDIS_SENTINEL_NAME: 'm' }, 'REDIS_SENTINEL_NAME is set, but nothing says where Redis is'],
    [{ ...REDIS, REDIS_TLS_CA: '/ca.pem' }, 'REDIS_TLS_CA is set, but there is no TLS'],
    [{ ...REDIS, REDIS_TLS: 'on', REDIS_TLS_KEY: '/k.pem' }, 'REDIS_TLS_CERT and REDIS_TLS_KEY go together'],
  ])('is refused where settings of Redis contradict each other: %j', (environment, words) => {
    const faults = faultsOf({ ...KEYS, ...environment });
    expect(faults).toEqual([expect.stringContaining(words)]);
    expect(faults[0]).not.toContain('hush');
  });

  it.each<Record<string, string>>([
    { REDIS_URL: 'redis://127.0.0.1', REDIS_USERNAME: 'u', REDIS_PASSWORD: 'p w', REDIS_DATABASE: '3' },
    { REDIS_URL: 'rediss://[::1]:6380', REDIS_TLS_CA: '/ca.pem', REDIS_TLS_SERVER_NAME: 'redis.example.com' },
    {
      REDIS_SENTINELS: 'a,b:26380',
      REDIS_SENTINEL_NAME: 'm',
      REDIS_SENTINEL_PASSWORD: 's',
      REDIS_SENTINEL_TLS: 'on',
    },
    { REDIS_CLUSTER_NODES: 'a,[fe80::1]:7000', REDIS_PASSWORD: 'p', REDIS_TLS: 'on', REDIS_DATABASE: '0' },
  ])('is taken where they do not: %j', (environment) => {
    expect(readConfig({ ...KEYS, ...environment })).toMatchObject({ embedded: false });
  });

  it('says all faults at once', () => {
    const environment = { TICKCAST_PORT: '-1', TICKCAST_SIMULATOR: '1', TICKCAST_WHAT: '2' };
    expect(faultsOf(environment)).toHaveLength(3);
    expect(() => readConfig(environment)).toThrow(/TICKCAST_WHAT.*TICKCAST_PORT.*TICKCAST_SIMULATOR/s);
  });

  it('does not run half a system without Redis', () => {
    const [fault] = faultsOf({ TICKCAST_ROLES: 'gateway' });
    expect(fault).toContain('TICKCAST_ROLES is "gateway", but without Redis one process does everything');
    expect(faultsOf({ TICKCAST_ROLES: 'admin,gateway,fanout,feed' })).toEqual([]);
  });

  it.each([
    ['admin', 'TICKCAST_ADMIN_KEY'],
    ['feed', 'TICKCAST_FEED_KEY'],
    ['gateway', 'TICKCAST_CLIENT_KEY'],
  ])('asks for the key that role %s needs, with Redis', (role, variable) => {
    const [fault, ...others] = faultsOf({ ...REDIS, TICKCAST_ROLES: role });
    expect(fault).toContain(`${variable} is not set, and role ${role} needs it`);
    expect(others).toEqual([]);
    expect(faultsOf({ ...REDIS, TICKCAST_ROLES: role, [variable]: 'key' })).toEqual([]);
  });

  it('needs no client key where clients are anonymous, and no key at all for fan-out alone', () => {
    expect(faultsOf({ ...REDIS, TICKCAST_ROLES: 'gateway', TICKCAST_ANONYMOUS: 'on' })).toEqual([]);
    expect(faultsOf({ ...REDIS, TICKCAST_ROLES: 'fanout' })).toEqual([]);
  });

  it('wants at least two heartbeats in the life of a lease', () => {
    const [fault] = faultsOf({ TICKCAST_LEASE_MS: '1000', TICKCAST_HEARTBEAT_MS: '501' });
    expect(fault).toContain(
      'TICKCAST_HEARTBEAT_MS is "501"; allowed: at most half of TICKCAST_LEASE_MS (1000)',
    );
    expect(faultsOf({ TICKCAST_LEASE_MS: '1000', TICKCAST_HEARTBEAT_MS: '500' })).toEqual([]);
  });
});

describe('describeConfig', () => {
  const lineOf = (config: Config, variable: string) =>
    describeConfig(config).find((line) => line.variable === variable);

  it('shows every setting, its effective value as it would be written, and where it came from', () => {
    const config = readConfig({ TICKCAST_PORT: '0', TICKCAST_PROXY_FROM: '10.0.0.0/8, ::1' });
    expect(describeConfig(config)).toHaveLength(Object.keys(SETTINGS).length);
    expect(lineOf(config, 'TICKCAST_PORT')).toMatchObject({ value: '0', source: 'environment' });
    expect(lineOf(config, 'TICKCAST_PROXY_FROM')).toMatchObject({ value: '10.0.0.0/8,::1' });
    expect(lineOf(config, 'TICKCAST_SIMULATOR')).toMatchObject({ value: 'on', source: 'default' });
    expect(lineOf(config, 'TICKCAST_REPLAY')).toMatchObject({ value: '(unset)', source: 'default' });
  });

  it('masks secrets, given and made up', () => {
    const config = readConfig({ ...REDIS, ...KEYS });
    const shown = JSON.stringify([describeConfig(config), describeConfig(readConfig({}))]);
    for (const secret of [...Object.values(KEYS), 'secret', readConfig({}).adminKey!]) {
      expect(shown).not.toContain(secret);
    }
    expect(lineOf(config, 'REDIS_URL')!.value).toBe('********');
    expect(lineOf(readConfig({}), 'TICKCAST_ADMIN_KEY')).toMatchObject({
      value: '********',
      source: 'made up',
    });
    expect(lineOf(readConfig({}), 'TICKCAST_CLIENT_KEY')!.value).toBe('(unset)');
  });
});

describe('SETTINGS', () => {
  const entries: [string, Setting<unknown>][] = Object.entries(SETTINGS);

  it('has one variable for each setting, and says why', () => {
    const variables = entries.map(([, { variable }]) => variable);
    expect(new Set(variables).size).toBe(variables.length);
    for (const [, { variable, why }] of entries) {
      expect(variable).toMatch(/^(TICKCAST|REDIS)_[A-Z_]+$/);
      expect(why).toMatch(/[.)]$/);
    }
  });

  it.each(entries)('%s takes its own default, as it is shown', (_, { initial, schema }) => {
    for (const embedded of [true, false]) {
      const value = initial(embedded);
      if (value === null) continue;
      const parsed = schema.safeParse(showValue(value));
      expect(parsed.success && parsed.data).toEqual(value);
    }
  });
});
