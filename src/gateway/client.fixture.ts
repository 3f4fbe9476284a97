/** A client of a gateway in a spec: says commands, and keeps what images, updates and trades tell it. */
import { IMAGE_FIELDS, type ImageField } from '#market-data';
import type { StreamRecord } from '#wire';
import type { Config } from '../config.js';
import { DIALECTS } from './dialects.js';
import type { Slice } from './flusher.js';
import {
  type ClockFixture,
  command,
  type GatewayFixture,
  gatewayFixture,
  JSON_DIALECT,
  SocketFixture,
} from './gateway.fixture.js';
import type { NativeSend } from './native-send.js';
import { PublisherFixture } from './publisher.fixture.js';
import type { Session } from './session.js';

export interface HeldImage {
  readonly epoch: number;
  readonly seq: number;
  readonly timeUs: number;
  readonly values: Readonly<Record<ImageField, number | null>>;
}

export class ClientFixture {
  readonly socket: SocketFixture;
  readonly session: Session;
  private readonly images = new Map<number, HeldImage>();

  constructor(
    private readonly fixture: GatewayFixture,
    readonly dialectAt: number,
    subject: string | null = 'client',
  ) {
    const { gateway } = fixture;
    this.socket = new SocketFixture(DIALECTS[dialectAt]!.binary, (records) => {
      for (const record of records) this.take(record);
    });
    this.session = gateway.open(this.socket, dialectAt, subject);
  }

  say(body: Readonly<Record<string, unknown>>): void {
    command(this.fixture.gateway, this.session, body);
  }

  subscribe(channels: readonly string[], more: Readonly<Record<string, unknown>> = {}): void {
    this.say({ op: 'subscribe', channels, ...more });
  }

  /** What the records since the last call were. */
  fresh(): StreamRecord[] {
    return this.socket.records.splice(0);
  }

  /** Types of the records since the last call, in order. */
  freshTypes(): string[] {
    return this.fresh().map(({ type }) => type);
  }

  image(sid: number): HeldImage | undefined {
    return this.images.get(sid);
  }

  get imagesHeld(): number {
    return this.images.size;
  }

  private take(record: StreamRecord): void {
    if (record.type === 'image') {
      const { sid, epoch, seq, timeUs } = record;
      const values = Object.fromEntries(IMAGE_FIELDS.map((field) => [field, record[field]]));
      this.images.set(sid, { epoch, seq, timeUs, values: values as Record<ImageField, number | null> });
    } else if (record.type === 'update') {
      const held = this.images.get(record.sid);
      if (held === undefined) throw new Error(`Expected an image before an update of ${record.sid}`);
      const { sid, seq, timeUs } = record;
      const values = { ...held.values };
      for (const field of IMAGE_FIELDS)
        if (record[field] !== undefined) values[field] = record[field] ?? null;
      this.images.set(sid, { ...held, seq, timeUs, values });
    }
  }
}

/** A gateway with its publisher, and clients at hand. */
export interface Scene extends GatewayFixture {
  readonly publisher: PublisherFixture;
  join(dialectAt?: number, subject?: string | null): ClientFixture;
  /** Lets what is due be flushed. */
  flush(): void;
}

/** A gateway with symbols S1, S2, … that have no state yet. */
export function scene(
  symbols: number,
  settings: Partial<Config> = {},
  slice?: Slice,
  clock?: ClockFixture,
  native?: NativeSend | null,
): Scene {
  const fixture = gatewayFixture(symbols, settings, slice, clock, native);
  return {
    ...fixture,
    publisher: new PublisherFixture(fixture.gateway.sink),
    join: (dialectAt = JSON_DIALECT, subject = 'client') => new ClientFixture(fixture, dialectAt, subject),
    flush: () => fixture.timers.pass(FLUSH_MS),
  };
}

/** A little more than a flush waits for further causes. */
export const FLUSH_MS = 4;

/** 1, 2, … count. */
export const sidsTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
