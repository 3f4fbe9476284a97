/** How the Redis of an installation is laid out, and how to get in. Nothing here connects; secrets stay in here. */

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** TLS with what the system trusts, unless said otherwise. PEM texts. */
export interface RedisTls {
  /** Instead of the authorities that the system trusts. */
  readonly ca?: string;
  /** Of this client, with its key: where the server asks for one. */
  readonly cert?: string;
  readonly key?: string;
  /** What the server's certificate must be made out to, instead of the host that is connected to. */
  readonly serverName?: string;
}

export interface RedisAccess {
  readonly username: string | null;
  readonly password: string | null;
  /** Null: plain text. */
  readonly tls: RedisTls | null;
}

export type RedisTopology =
  /** One address, whatever stands behind it. */
  | {
      readonly kind: 'standalone';
      readonly address: RedisAddress;
      readonly access: RedisAccess;
      readonly database: number;
    }
  /** Sentinels know which server is master; `sentinelAccess` is to them. */
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      readonly name: string;
      readonly access: RedisAccess;
      readonly sentinelAccess: RedisAccess;
      readonly database: number;
    }
  /** The nodes are where a process begins to ask; the cluster names the others. It has database 0 only. */
  | {
      readonly kind: 'cluster';
      readonly nodes: readonly RedisAddress[];
      readonly access: RedisAccess;
    };

/** The settings that say where it is, for messages. */
export function settingOf(topology: RedisTopology): string {
  return { standalone: 'REDIS_URL', sentinel: 'REDIS_SENTINELS', cluster: 'REDIS_CLUSTER_NODES' }[
    topology.kind
  ];
}

/** `host:port`, an IPv6 host in brackets or not, as servers write it; the last colon counts. */
export function readAddress(text: string, portIfNone: number): RedisAddress {
  const match = /^(?:\[(.+)\]|(.*?))(?::(\d+))?$/.exec(text);
  const [, bracketed, bare, port] = match ?? [];
  return { host: bracketed ?? bare ?? '', port: port === undefined ? portIfNone : Number(port) };
}

export function writeAddress({ host, port }: RedisAddress): string {
  return `${host}:${port}`;
}

/** What `redis://[user:password@]host[:port][/database]` says; user and password are percent-decoded. */
export function readRedisUrl(url: string): {
  readonly address: RedisAddress;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number | null;
  readonly isTls: boolean;
} {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const database = pathname.slice(1);
  return {
    address: { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 6379 : Number(port) },
    username: username === '' ? null : decodeURIComponent(username),
    password: password === '' ? null : decodeURIComponent(password),
    database: database === '' ? null : Number(database),
    isTls: protocol === 'rediss:',
  };
}

/** A standalone Redis by its URL alone. */
export function standaloneAt(url: string): RedisTopology {
  const { address, username, password, database, isTls } = readRedisUrl(url);
  return {
    kind: 'standalone',
    address,
    access: { username, password, tls: isTls ? {} : null },
    database: database ?? 0,
  };
}
