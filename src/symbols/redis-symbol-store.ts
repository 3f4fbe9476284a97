/** The registry in Redis, shared by all processes: scripts for what changes, one channel for announcements. */
import { randomUUID } from 'node:crypto';
import { type Instrument } from '#market-data';
import { type Names, parseControl } from '../fanout/names.js';
import type { RedisCommands } from '../fanout/redis-commands.js';
import type { RedisConnections } from '../fanout/redis-connections.js';
import { unavailable } from '../fanout/redis-errors.js';
import { array, streamEntries, text } from '../fanout/redis-reply.js';
import { RedisScript, type ScriptArgument } from '../fanout/redis-script.js';
import type { RedisSubscription } from '../fanout/redis-subscription.js';
import { StoreUnavailable } from '../fanout/store-unavailable.js';
import type { InstrumentDefinition, InstrumentPatch } from './instrument-rules.js';
import { CHANGE, CHANGES_AFTER, CREATE, RESTORE } from './registry-scripts.js';
import { auditEntryOf, instrumentOf, tryInstrument } from './stored-instrument.js';
import {
  AUDIT_ENTRIES_MAX,
  type AuditEntry,
  type ChangeAnswer,
  type ChangeNote,
  type ChangesPage,
  type CreateAnswer,
  pieces,
  type RestoreAnswer,
  type StoreListener,
  type SymbolStore,
} from './symbol-store.js';

const SCRIPTS = {
  changesAfter: new RedisScript(CHANGES_AFTER),
  change: new RedisScript(CHANGE),
  create: new RedisScript(CREATE),
  restore: new RedisScript(RESTORE),
};
/**
 * Below the 400 ms after which a command on this connection fails, by more than the 100 ms between two looks of Redis at
 * who has waited long enough: a lagging replica is told from a silent server.
 */
const REPLICAS_WAIT_MS = 200;
/** For a subscription that is not answered. */
const SUBSCRIBE_MS_MAX = 5_000;

export class RedisSymbolStore implements SymbolStore {
  private readonly redis: RedisCommands;
  private readonly keys: readonly [string, ...string[]];
  private readonly listeners = new Set<StoreListener>();
  private subscription: RedisSubscription | undefined;
  private subscribed: Promise<void> = Promise.resolve();

  constructor(
    private readonly connections: RedisConnections,
    private readonly names: Names,
  ) {
    const { symbols, sids, changes, version, audit } = names.registry;
    this.keys = [symbols, sids, changes, version, audit];
    this.redis = connections.command('registry');
    // What was asked while this connection was down was not answered: it is to be asked again.
    const tellUp = () => this.tellUp();
    this.redis.watch({ lost: () => undefined, back: tellUp }, version);
    void this.redis.serving().then(tellUp);
  }

  whenReady(): Promise<void> {
    return this.connections.whenReady(this.redis);
  }

  async changesAfter(version: number, count: number): Promise<ChangesPage> {
    const answer = await this.run(SCRIPTS.changesAfter, [version, count]);
    const [origin, run, stored, size, seeded, ...entries] = answer;
    const instruments: Instrument[] = [];
    const malformed: string[] = [];
    const end = Math.min(entries.length, count * 3);
    for (let i = 0; i < end; i += 3) {
      const text = entries[i + 2]!;
      // Its place is known, but the instrument itself was lost: `size` tells the reader.
      if (text === '') continue;
      const instrument = tryInstrument(text);
      if (typeof instrument === 'string') malformed.push(`${entries[i]}: ${instrument}`);
      else instruments.push(instrument);
    }
    return {
      origin: origin === '' ? '' : `${origin}/${run}`,
      version: Number(stored),
      size: Number(size),
      seeded: seeded === '1',
      through: entries.length > end ? Number(entries[end - 2]) : Number(stored),
      instruments,
      malformed,
    };
  }

  async change(
    symbol: string,
    patch: InstrumentPatch,
    expectedVersion: number | null,
    note: ChangeNote,
  ): Promise<ChangeAnswer> {
    const [outcome, text = ''] = await this.run(SCRIPTS.change, [
      symbol,
      JSON.stringify(patch),
      expectedVersion ?? '',
      JSON.stringify(note),
      ...this.common(),
    ]);
    if (outcome === 'changed' || outcome === 'unchanged' || outcome === 'version_mismatch') {
      return { outcome, instrument: instrumentOf(text) };
    }
    return { outcome: 'unknown_symbol' };
  }

  async create(
    definitions: readonly InstrumentDefinition[],
    sizeMax: number,
    note: ChangeNote,
  ): Promise<readonly CreateAnswer[]> {
    const answers: CreateAnswer[] = [];
    for (const piece of pieces(definitions)) {
      const flat = await this.createPiece(piece, sizeMax, note, '');
      for (let i = 0; i < flat.length; i += 2) {
        const outcome = flat[i];
        if (outcome === 'created' || outcome === 'exists') {
          answers.push({ outcome, instrument: instrumentOf(flat[i + 1]!) });
        } else answers.push({ outcome: 'registry_full' });
      }
    }
    await this.replicated();
    return answers;
  }

  async seed(definitions: readonly InstrumentDefinition[], note: ChangeNote): Promise<number> {
    const all = pieces(definitions);
    let created = 0;
    for (const [i, piece] of all.entries()) {
      const seeding = i === all.length - 1 ? 'last' : 'more';
      const answer = await this.createPiece(piece, Number.MAX_SAFE_INTEGER, note, seeding);
      if (answer[0] === 'SEEDED') break;
      created += answer.filter((outcome) => outcome === 'created').length;
    }
    await this.replicated();
    return created;
  }

  async restore(known: readonly Instrument[], version: number, note: ChangeNote): Promise<RestoreAnswer> {
    let restored = 0;
    const conflicts: string[] = [];
    for (const piece of pieces(known)) {
      const [count, ...refused] = await this.run(SCRIPTS.restore, [
        JSON.stringify(piece),
        version,
        JSON.stringify(note),
        ...this.common(),
      ]);
      restored += Number(count);
      conflicts.push(...refused);
    }
    await this.replicated();
    return { restored, conflicts };
  }

  async auditAfter(id: string | null, count: number): Promise<readonly AuditEntry[]> {
    const from = id === null ? '-' : `(${id}`;
    const { audit } = this.names.registry;
    const read = streamEntries(await this.redis.call(audit, 'xrange', [audit, from, '+', 'COUNT', count]));
    return read.map((entry) => auditEntryOf(entry.id, entry.fields.map(text)));
  }

  async follow(listener: StoreListener): Promise<() => Promise<void>> {
    if (this.subscription === undefined) this.subscribe();
    await this.untilSubscribed();
    this.listeners.add(listener);
    listener.up();
    return async () => void this.listeners.delete(listener);
  }

  private subscribe(): void {
    this.subscription = this.connections.subscriber('registry-changes');
    this.subscribed = this.subscription.follow(
      [this.names.control],
      {
        message: (_channel, bytes) => {
          const message = parseControl(bytes.toString());
          if (message?.kind !== 'registry') return;
          for (const one of this.listeners) one.announced(message.number);
        },
        up: () => this.tellUp(),
        down: () => undefined,
      },
      { isLive: false },
    );
  }

  private async untilSubscribed(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new StoreUnavailable('Changes of the registry cannot be subscribed to')),
        SUBSCRIBE_MS_MAX,
      );
    });
    try {
      await Promise.race([this.subscribed, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private tellUp(): void {
    for (const listener of this.listeners) listener.up();
  }

  private createPiece(
    piece: readonly InstrumentDefinition[],
    sizeMax: number,
    note: ChangeNote,
    seeding: '' | 'more' | 'last',
  ): Promise<readonly string[]> {
    return this.run(SCRIPTS.create, [
      JSON.stringify(piece),
      sizeMax,
      JSON.stringify(note),
      ...this.common(),
      seeding,
    ]);
  }

  private common(): readonly ScriptArgument[] {
    return [this.names.control, AUDIT_ENTRIES_MAX, randomUUID()];
  }

  /** Waits until every replica that is in step has what this connection wrote. */
  private async replicated(): Promise<void> {
    const server = this.redis.server(this.names.registry.version);
    const replication = await this.ask(() => server.info('replication'));
    const replicas = replication.match(/^slave\d+:.*state=online/gm)?.length ?? 0;
    if (replicas === 0) return;
    const reached = await this.ask(() => server.wait(replicas, REPLICAS_WAIT_MS));
    if (reached < replicas) {
      throw new StoreUnavailable(
        `Expected ${replicas} replicas to have the registry's change, had ${reached}`,
      );
    }
  }

  /** @returns the flat reply as texts */
  private async run(script: RedisScript, args: readonly ScriptArgument[]): Promise<readonly string[]> {
    return array(await script.run(this.redis, this.keys, args)).map(String);
  }

  private async ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (error) {
      throw unavailable(error);
    }
  }
}
