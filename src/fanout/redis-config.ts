/** The settings about Redis, as config.ts reads them: what cannot hold together, and the topology that they describe. */
import { readFileSync } from 'node:fs';
import {
  type RedisAccess,
  type RedisTls,
  type RedisTopology,
  readAddress,
  readRedisUrl,
} from './redis-topology.js';

export interface RedisSettings {
  readonly redisUrl: string | null;
  readonly redisSentinels: readonly string[] | null;
  readonly redisSentinelName: string | null;
  readonly redisClusterNodes: readonly string[] | null;
  readonly redisUsername: string | null;
  readonly redisPassword: string | null;
  readonly redisSentinelUsername: string | null;
  readonly redisSentinelPassword: string | null;
  readonly redisDatabase: number | null;
  readonly redisTls: boolean;
  readonly redisTlsCa: string | null;
  readonly redisTlsCert: string | null;
  readonly redisTlsKey: string | null;
  readonly redisTlsServerName: string | null;
  readonly redisSentinelTls: boolean | null;
}

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

/** @returns what cannot hold together; no passwords in it */
export function redisFaults(settings: RedisSettings): string[] {
  const { redisUrl, redisSentinels, redisClusterNodes } = settings;
  const given = [redisUrl, redisSentinels, redisClusterNodes].filter((value) => value !== null).length;
  if (given > 1) {
    return [
      'More than one of REDIS_URL, REDIS_SENTINELS and REDIS_CLUSTER_NODES is set; allowed: the one that says where Redis is.',
    ];
  }
  if (given === 0) return faultsWithoutRedis(settings);
  return [
    ...portFaults([...(redisSentinels ?? []), ...(redisClusterNodes ?? [])]),
    ...(redisUrl === null ? [] : urlFaults(redisUrl, settings)),
    ...sentinelFaults(settings),
    ...databaseFaults(settings),
    ...accessFaults(settings),
    ...tlsFaults(settings),
  ];
}

/** Running embedded because something was forgotten would lose ticks in silence. */
function faultsWithoutRedis(settings: RedisSettings): string[] {
  const further: readonly (readonly [string, boolean])[] = [
    ['REDIS_SENTINEL_NAME', settings.redisSentinelName !== null],
    ['REDIS_USERNAME', settings.redisUsername !== null],
    ['REDIS_PASSWORD', settings.redisPassword !== null],
    ['REDIS_DATABASE', settings.redisDatabase !== null],
    ['REDIS_TLS', settings.redisTls],
  ];
  return further
    .filter(([, isSet]) => isSet)
    .map(
      ([variable]) =>
        `${variable} is set, but nothing says where Redis is; allowed: with REDIS_URL, REDIS_SENTINELS or REDIS_CLUSTER_NODES.`,
    );
}

function portFaults(addresses: readonly string[]): string[] {
  return addresses
    .filter((address) => !isPort(readAddress(address, 1).port))
    .map((address) => `${address} has no port from 1 to 65535.`);
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}

function urlFaults(url: string, settings: RedisSettings): string[] {
  const faults: string[] = [];
  let read: ReturnType<typeof readRedisUrl>;
  try {
    read = readRedisUrl(url);
  } catch {
    return [
      'REDIS_URL cannot be read: characters such as @ / : % in its password are written %40 %2F %3A %25.',
    ];
  }
  if (!isPort(read.address.port)) faults.push('REDIS_URL has no port from 1 to 65535.');
  const twice = (inUrl: boolean, isSet: boolean, variable: string) => {
    if (inUrl && isSet) faults.push(`${variable} is set, and REDIS_URL says it too; allowed: one of them.`);
  };
  twice(read.username !== null, settings.redisUsername !== null, 'REDIS_USERNAME');
  twice(read.password !== null, settings.redisPassword !== null, 'REDIS_PASSWORD');
  twice(read.database !== null, settings.redisDatabase !== null, 'REDIS_DATABASE');
  return faults;
}

function sentinelFaults(settings: RedisSettings): string[] {
  const hasSentinels = settings.redisSentinels !== null;
  const faults: string[] = [];
  if (hasSentinels && settings.redisSentinelName === null)
    faults.push('REDIS_SENTINEL_NAME is not set; allowed: what the sentinels call the master.');
  const only: readonly (readonly [string, boolean])[] = [
    ['REDIS_SENTINEL_NAME', settings.redisSentinelName !== null],
    ['REDIS_SENTINEL_USERNAME', settings.redisSentinelUsername !== null],
    ['REDIS_SENTINEL_PASSWORD', settings.redisSentinelPassword !== null],
    ['REDIS_SENTINEL_TLS', settings.redisSentinelTls !== null],
  ];
  for (const [variable, isSet] of only)
    if (isSet && !hasSentinels) faults.push(`${variable} is set; allowed: with REDIS_SENTINELS only.`);
  return faults;
}

function databaseFaults({ redisClusterNodes, redisDatabase }: RedisSettings): string[] {
  if (redisClusterNodes === null || redisDatabase === null || redisDatabase === 0) return [];
  return [
    `REDIS_DATABASE is "${redisDatabase}"; allowed: unset or 0 with REDIS_CLUSTER_NODES, a cluster has no other. ` +
      'TICKCAST_REDIS_PREFIX keeps several installations apart.',
  ];
}

function accessFaults(settings: RedisSettings): string[] {
  const faults: string[] = [];
  const inUrl = settings.redisUrl === null ? null : passwordInUrl(settings.redisUrl);
  if (settings.redisUsername !== null && settings.redisPassword === null && inUrl === null)
    faults.push('REDIS_USERNAME is set without REDIS_PASSWORD; allowed: both, or the password alone.');
  if (settings.redisSentinelUsername !== null && settings.redisSentinelPassword === null)
    faults.push(
      'REDIS_SENTINEL_USERNAME is set without REDIS_SENTINEL_PASSWORD; allowed: both, or the password alone.',
    );
  return faults;
}

function passwordInUrl(url: string): string | null {
  try {
    return readRedisUrl(url).password;
  } catch {
    return null;
  }
}

function tlsFaults(settings: RedisSettings): string[] {
  const { redisTlsCa, redisTlsCert, redisTlsKey, redisTlsServerName } = settings;
  const faults: string[] = [];
  const isTls =
    settings.redisTls ||
    settings.redisSentinelTls === true ||
    settings.redisUrl?.startsWith('rediss:') === true;
  const needTls: readonly (readonly [string, string | null])[] = [
    ['REDIS_TLS_CA', redisTlsCa],
    ['REDIS_TLS_CERT', redisTlsCert],
    ['REDIS_TLS_KEY', redisTlsKey],
    ['REDIS_TLS_SERVER_NAME', redisTlsServerName],
  ];
  for (const [variable, value] of needTls)
    if (value !== null && !isTls)
      faults.push(
        `${variable} is set, but there is no TLS; allowed: with REDIS_TLS=on, or rediss:// in REDIS_URL.`,
      );
  if ((redisTlsCert === null) !== (redisTlsKey === null))
    faults.push('REDIS_TLS_CERT and REDIS_TLS_KEY go together; allowed: both or neither.');
  return faults;
}

/**
 * @param settings without faults
 * @returns null when embedded
 * @throws when a file of TLS cannot be read; the message names it
 */
export function topologyOf(settings: RedisSettings): RedisTopology | null {
  const { redisUrl, redisSentinels, redisClusterNodes, redisUsername, redisPassword } = settings;
  const given = { username: redisUsername, password: redisPassword };
  const database = settings.redisDatabase ?? 0;
  if (redisUrl !== null) {
    const read = readRedisUrl(redisUrl);
    return {
      kind: 'standalone',
      address: read.address,
      access: {
        username: read.username ?? given.username,
        password: read.password ?? given.password,
        tls: tlsIf(read.isTls || settings.redisTls, settings),
      },
      database: read.database ?? database,
    };
  }
  const access: RedisAccess = { ...given, tls: tlsIf(settings.redisTls, settings) };
  if (redisSentinels !== null) {
    return {
      kind: 'sentinel',
      sentinels: redisSentinels.map((address) => readAddress(address, SENTINEL_PORT)),
      name: settings.redisSentinelName ?? '',
      access,
      sentinelAccess: {
        username: settings.redisSentinelUsername,
        password: settings.redisSentinelPassword,
        tls: tlsIf(settings.redisSentinelTls ?? settings.redisTls, settings),
      },
      database,
    };
  }
  if (redisClusterNodes === null) return null;
  return {
    kind: 'cluster',
    nodes: redisClusterNodes.map((address) => readAddress(address, REDIS_PORT)),
    access,
  };
}

function tlsIf(isOn: boolean, settings: RedisSettings): RedisTls | null {
  if (!isOn) return null;
  const { redisTlsCa, redisTlsCert, redisTlsKey, redisTlsServerName } = settings;
  return {
    ...(redisTlsCa === null ? {} : { ca: readPem('REDIS_TLS_CA', redisTlsCa) }),
    ...(redisTlsCert === null ? {} : { cert: readPem('REDIS_TLS_CERT', redisTlsCert) }),
    ...(redisTlsKey === null ? {} : { key: readPem('REDIS_TLS_KEY', redisTlsKey) }),
    ...(redisTlsServerName === null ? {} : { serverName: redisTlsServerName }),
  };
}

function readPem(variable: string, path: string): string {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new PemFault(`${variable} is "${path}", which cannot be read (${code}); allowed: a PEM file.`);
  }
  if (!pem.includes('-----BEGIN ')) throw new PemFault(`${variable} is "${path}"; allowed: a PEM file.`);
  return pem;
}

/** A file that a setting names. */
export class PemFault extends Error {
  override readonly name = 'PemFault';
}
