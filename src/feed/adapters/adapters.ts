/** The built-in feed handlers: one line each. Which of them run is the configuration's word. */
import { resolve } from 'node:path';
import type { Clock } from '../../clock.js';
import type { Config } from '../../config.js';
import type { Log } from '../../ops/log.js';
import type { Metrics, Sample } from '../../ops/metrics.js';
import type { SymbolRegistry } from '../../symbols/symbol-registry.js';
import type { BatchDoor } from '../batch-door.js';
import type { StoredListener } from '../batch-gate.js';
import { AdapterError, type FeedAdapter } from './feed-adapter.js';
import { type Pauses, systemPauses } from './pauses.js';
import { RecordAdapter } from './record/adapter.js';
import { ReplayAdapter, type ReplayConfig } from './replay/adapter.js';
import { SimulatedAdapter, type SimulatedConfig } from './simulated/adapter.js';
import { TestSymbolAdapter } from './test-symbol/adapter.js';

export type AdaptersConfig = SimulatedConfig &
  ReplayConfig &
  Pick<Config, 'simulator' | 'replayFile' | 'recordFile' | 'testSymbol'>;

export interface AdaptersParts {
  readonly config: AdaptersConfig;
  readonly door: BatchDoor;
  readonly registry: SymbolRegistry;
  readonly clock: Clock;
  readonly log: Log;
  /** Calls back with every stored batch and the ticks of it that were taken. @returns ends the calls */
  readonly onStored: (listener: StoredListener) => () => void;
  /** In [0, 1); makes the names of the sessions. */
  readonly random?: () => number;
  readonly pauses?: Pauses;
  readonly metrics?: Metrics;
}

export class Adapters {
  /** Those that bring ticks. */
  private readonly feeds: readonly FeedAdapter[];
  private readonly record: RecordAdapter | undefined;

  constructor(private readonly parts: AdaptersParts) {
    const { config, metrics } = parts;
    const shared = { random: Math.random, pauses: systemPauses, ...parts };
    const feeds: FeedAdapter[] = [];
    if (config.testSymbol) feeds.push(new TestSymbolAdapter(shared));
    if (config.simulator) feeds.push(new SimulatedAdapter(shared));
    if (config.replayFile !== null) feeds.push(new ReplayAdapter({ ...shared, file: config.replayFile }));
    this.feeds = feeds;
    if (config.recordFile !== null) this.record = new RecordAdapter({ ...parts, file: config.recordFile });
    metrics?.counter(
      'tickcast_adapter_total',
      'What the built-in feed handlers counted.',
      ['adapter', 'what'],
      () => this.samples(),
    );
  }

  /**
   * Starts what the configuration asks for, the record first, so that it misses nothing.
   * @throws AdapterError when one of them cannot; then none is left running
   */
  async start(): Promise<void> {
    const { replayFile, recordFile } = this.parts.config;
    if (replayFile !== null && recordFile !== null && resolve(replayFile) === resolve(recordFile)) {
      throw new AdapterError(
        'record_file_unwritable',
        `TICKCAST_RECORD is ${JSON.stringify(recordFile)}, which is being replayed; allowed: another file`,
      );
    }
    try {
      await this.record?.start();
      for (const feed of this.feeds) await feed.start();
    } catch (error) {
      await this.stop();
      await this.stopRecord();
      throw error;
    }
  }

  /** Stops bringing ticks; resolves when no batch of theirs is at the door. */
  async stop(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }

  /** Ends the record. Comes after the last waiting tick was stored, or the file would miss it. */
  async stopRecord(): Promise<void> {
    await this.record?.stop();
  }

  private *samples(): Generator<Sample> {
    const all: readonly FeedAdapter[] = this.record === undefined ? this.feeds : [...this.feeds, this.record];
    for (const adapter of all) {
      for (const [what, count] of Object.entries(adapter.counts()))
        yield [{ adapter: adapter.name, what }, count];
    }
  }
}
