/**
 * A whole installation on loopback: the store, two processes that take feeds and own partitions, two gateways behind
 * HAProxy, each process on a wire of its own; handlers that send, clients that listen, a tap on the tapes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { partitionOf, preferredNode } from '#market-data';
import { freePort } from '../../support/free-port.js';
import { type Haproxy, startHaproxy } from '../../support/haproxy.js';
import { FEED_KEY, metrics, total } from '../../support/installation.js';
import { Seeded } from '../../support/seeded.js';
import { type FaultLink, FaultProxy } from './fault-proxy.js';
import { freshImages } from './fresh-images.js';
import { GatewayWatch } from './gateway-watch.js';
import type { History, SymbolName } from './history.js';
import { type Handlers, Market } from './market.js';
import { Member } from './member.js';
import type { SteadyClient } from './steady-client.js';
import type { Topology } from './store.js';
import { TapeTap } from './tape-tap.js';
import { makeClients, makeHandlers } from './traffic.js';

export const PARTITIONS = 8;
const SCALES = { priceScale: 2, sizeScale: 0, volumeScale: 0 };
/** Node's own footprint, the heap of a busy second, and rings of a minute: what a leak would pass within an outage. */
const MEGABYTES_LIMIT = 450;

const OF_ALL: Readonly<Record<string, string>> = {
  TICKCAST_ADMIN_KEY: 'operator-of-the-faults',
  TICKCAST_FEED_KEY: FEED_KEY,
  TICKCAST_ANONYMOUS: 'on',
  TICKCAST_TEST_SYMBOL: 'off',
  TICKCAST_PARTITIONS: String(PARTITIONS),
  // The checker reads the whole tape at the end.
  TICKCAST_TAPE_SECONDS: '900',
  TICKCAST_TRADE_RING_SECONDS: '120',
  TICKCAST_CLIENT_HEARTBEAT_MS: '1000',
  TICKCAST_DRAIN_MS: '1500',
  TICKCAST_DRAIN_SPREAD_MS: '500',
  TICKCAST_RECONNECT_SPREAD_MS: '500',
};

export interface RigOptions {
  /** Names of the two that own partitions: by name and partition it is decided who owns what. */
  readonly owners?: readonly [string, string];
  /** Settings of all processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** Settings of single processes, by name. */
  readonly envOf?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export class Rig {
  readonly members = new Map<string, Member>();
  readonly links = new Map<string, FaultLink>();
  readonly watches = new Map<string, GatewayWatch>();
  readonly clients: SteadyClient[] = [];
  market!: Market;
  handlers!: Handlers;
  tap!: TapeTap;
  readonly symbols = symbolsOfAll();
  private proxy!: FaultProxy;
  private haproxy: Haproxy | null = null;
  private subscriber: Redis | null = null;
  private folder = '';

  private constructor(
    readonly topology: Topology,
    readonly seed: number,
    readonly options: RigOptions,
  ) {}

  static async begin(topology: Topology, seed: number, options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(topology, seed, options);
    try {
      await rig.start();
    } catch (error) {
      await rig.end();
      throw error;
    }
    return rig;
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`Expected a process of the rig, was ${name}`);
    return member;
  }

  link(name: string): FaultLink {
    const link = this.links.get(name);
    if (link === undefined) throw new Error(`Expected a process with a wire of its own, was ${name}`);
    return link;
  }

  watch(name: string): GatewayWatch {
    return this.watches.get(name)!;
  }

  private async start(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'tickcast-faults-'));
    await writeFile(join(this.folder, 'symbols.json'), JSON.stringify(this.symbols.map(instrument)));
    this.proxy = await FaultProxy.start();
    this.tap = new TapeTap(PARTITIONS, () => this.topology.connect(), SCALES);
    this.subscriber = this.topology.subscriber();
    if (this.subscriber !== null) await this.tap.listen(this.subscriber);
    this.tap.start();
    const [one, other] = this.options.owners ?? ['owner1', 'owner2'];
    await this.make(one, { TICKCAST_ROLES: 'feed,fanout,admin' });
    await this.make(other, { TICKCAST_ROLES: 'feed,fanout' });
    const ports = [await this.makeGateway('gateway1'), await this.makeGateway('gateway2')];
    await this.member(one).start();
    await Promise.all([other, 'gateway1', 'gateway2'].map((name) => this.member(name).start()));
    const streams = await this.startHaproxy(this.member(one), ports);
    this.startTraffic(
      [one, other].map((name) => this.member(name).url),
      streams,
    );
  }

  /** Why the partitions are not yet where they belong among the processes that may own them; null when they are. */
  async unshared(): Promise<string | null> {
    const owners = this.options.owners ?? ['owner1', 'owner2'];
    for (const name of owners) {
      let wanted = 0;
      for (let partition = 0; partition < PARTITIONS; partition++)
        if (preferredNode(partition, owners) === name) wanted++;
      const owned = total(await metrics(this.member(name)), 'tickcast_owner_partitions');
      if (owned !== wanted) return `${name} owns ${owned} partitions of ${wanted}`;
    }
    return null;
  }

  private async make(name: string, env: Readonly<Record<string, string>>): Promise<void> {
    const link = await this.topology.link(this.proxy);
    if (link !== null) this.links.set(name, link);
    const { env: ofRig, envOf } = this.options;
    const own = { ...OF_ALL, TICKCAST_SYMBOLS_FILE: join(this.folder, 'symbols.json'), ...env };
    const store = this.topology.env(link);
    this.members.set(name, await Member.make(name, { ...own, ...store, ...ofRig, ...envOf?.[name] }));
  }

  private async makeGateway(name: string): Promise<{ proxy: number; agent: number }> {
    const ports = { proxy: await freePort(), agent: await freePort() };
    await this.make(name, {
      TICKCAST_ROLES: 'gateway',
      TICKCAST_PROXY_PORT: String(ports.proxy),
      TICKCAST_AGENT_PORT: String(ports.agent),
    });
    this.watches.set(name, new GatewayWatch(this.member(name).url, ports.agent));
    return ports;
  }

  /** @returns the address for streaming clients */
  private async startHaproxy(
    feed: Member,
    ports: readonly { proxy: number; agent: number }[],
  ): Promise<string> {
    const [httpPort, streamPort] = [await freePort(), await freePort()];
    const gateways = ports.flatMap(({ proxy, agent }, i) => [
      [`GATEWAY_${i + 1}_HOST`, '127.0.0.1'],
      [`GATEWAY_${i + 1}_PORT`, String(this.member(`gateway${i + 1}`).port)],
      [`GATEWAY_${i + 1}_PROXY_PORT`, String(proxy)],
      [`GATEWAY_${i + 1}_AGENT_PORT`, String(agent)],
    ]);
    this.haproxy = await startHaproxy({
      config: 'haproxy/haproxy.cfg',
      ports: [httpPort, streamPort],
      env: {
        ...{ HTTP_BIND: `127.0.0.1:${httpPort}`, STREAM_BIND: `127.0.0.1:${streamPort}`, MAXCONN: '1000' },
        ...{ FEED_HOST: '127.0.0.1', FEED_PORT: String(feed.port), FEED_PROXY_PORT: String(feed.port) },
        ...Object.fromEntries(gateways),
      },
    });
    return `http://127.0.0.1:${streamPort}`;
  }

  private startTraffic(feeds: readonly string[], streams: string): void {
    const { symbols, seed } = this;
    this.handlers = makeHandlers(feeds, seed);
    for (const each of Object.values(this.handlers)) each.start();
    this.market = new Market(this.handlers, symbols.slice(0, -2), symbols.slice(-2), new Seeded(seed));
    const gateways = [...this.watches.keys()].map((name) => this.member(name));
    this.clients.push(...makeClients(streams, gateways, symbols, seed));
    for (const each of this.clients) each.start();
  }

  client(name: string): SteadyClient {
    return this.clients.find((client) => client.name === name)!;
  }

  /** @param storeKept whether the tapes were never emptied on purpose */
  async history(storeKept: boolean): Promise<History> {
    const { handlers, tap } = this;
    const symbols = new Map<number, SymbolName>();
    for (const client of this.clients)
      for (const [sid, symbol] of client.names)
        symbols.set(sid, { symbol, partition: partitionOf(symbol, PARTITIONS) });
    const gateways = [...this.watches.keys()].map((name) => this.member(name).url);
    const breaches = Object.values(handlers).flatMap((handler) => handler.faults);
    return {
      sent: this.market.sent(),
      refused: [...Object.values(handlers).flatMap(({ refused }) => refused), ...breaches],
      published: tap.published(),
      stored: storeKept ? await tap.stored() : null,
      sightings: tap.sightings,
      symbols,
      clients: this.clients.map((client) => ({ ...client.log, faults: client.faults })),
      images: await Promise.all(gateways.map((url) => freshImages(url, this.symbols))),
      processes: [...this.members.values()].map((member) => member.record()),
      megabytesLimit: MEGABYTES_LIMIT,
    };
  }

  async end(): Promise<void> {
    await this.market?.stop();
    await Promise.all(Object.values(this.handlers ?? {}).map((handler) => handler.stop()));
    await Promise.all(this.clients.map((client) => client.stop()));
    await Promise.all([...this.watches.values()].map((watch) => watch.stop()));
    await this.haproxy?.stop();
    await Promise.all([...this.members.values()].map((member) => member.end()));
    await this.tap?.stop();
    this.subscriber?.disconnect();
    await this.proxy?.stop();
    await this.topology.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function instrument(symbol: string) {
  return { symbol, name: `Faults ${symbol}`, group: 'faults', ...SCALES };
}

/** At least one of each partition, and two more of a line. */
function symbolsOfAll(): readonly string[] {
  const symbols: string[] = [];
  const covered = new Set<number>();
  for (let i = 0; covered.size < PARTITIONS; i++) {
    const symbol = `FS${i}`;
    const partition = partitionOf(symbol, PARTITIONS);
    if (covered.has(partition)) continue;
    covered.add(partition);
    symbols.push(symbol);
  }
  return [...symbols, 'LINE1', 'LINE2'];
}
