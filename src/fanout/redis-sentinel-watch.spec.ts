import type { Redis } from 'ioredis';
import { SentinelWatch } from './redis-sentinel-watch.js';

const FORMER = 7001;
const PROMOTED = 7002;

/** What a sentinel answers: the address in SENTINEL MASTER, that by name, and the epoch. */
interface Saying {
  readonly master: number;
  readonly byName: number;
  readonly epoch: number;
}

const sentinel = ({ master, byName, epoch }: Saying) =>
  ({
    call: async (_: string, subcommand: string) =>
      subcommand === 'MASTER'
        ? ['ip', '127.0.0.1', 'port', String(master), 'config-epoch', String(epoch)].map((word) =>
            Buffer.from(word),
          )
        : ['127.0.0.1', String(byName)].map((word) => Buffer.from(word)),
  }) as unknown as Redis;

const connection = (port: number) =>
  ({ status: 'ready', stream: { remoteAddress: '127.0.0.1', remotePort: port } }) as unknown as Redis;

describe('SentinelWatch', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  /** Ports of the connections that were cut within some looks. */
  async function cutBy(sayings: readonly Saying[], ports: readonly number[]): Promise<number[]> {
    const connections = ports.map(connection);
    const cut = new Set<number>();
    const watch = new SentinelWatch(
      sayings.map(sentinel),
      'spec',
      () => connections,
      (redis) => cut.add(ports[connections.indexOf(redis)]!),
    );
    await jest.advanceTimersByTimeAsync(3_000);
    watch.close();
    return [...cut];
  }

  it('leaves connections at the promoted server, also while the one that leads the failover still lists the former', async () => {
    const leader = { master: FORMER, byName: PROMOTED, epoch: 2 };
    const other = { master: FORMER, byName: FORMER, epoch: 1 };
    expect(await cutBy([other, leader], [FORMER, PROMOTED])).toEqual([FORMER]);
  });

  it('believes the newest epoch, not the most sentinels', async () => {
    const late = { master: FORMER, byName: FORMER, epoch: 1 };
    const told = { master: PROMOTED, byName: PROMOTED, epoch: 2 };
    expect(await cutBy([late, told, late], [FORMER, PROMOTED])).toEqual([FORMER]);
  });

  it('cuts none when all are where they should be', async () => {
    const calm = { master: FORMER, byName: FORMER, epoch: 1 };
    expect(await cutBy([calm, calm, calm], [FORMER, FORMER])).toEqual([]);
  });
});
