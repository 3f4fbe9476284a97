/** What operators are answered, as the API page shows it. */

import { ApiProperty } from '@nestjs/swagger';
import type { InstrumentStatus } from '#market-data';
import { type Instrument, SCALE_MAX, statusOf, TRADING_STATUSES, type TradingStatus } from '#market-data';
import { type AuditEntry, CHANGE_ACTIONS, type ChangeAction } from '../symbols/symbol-store.js';

const scale = { type: 'integer', minimum: 0, maximum: SCALE_MAX } as const;

export class SymbolAnswer {
  @ApiProperty({ type: 'integer', description: 'The same in every process, for good.' })
  readonly sid!: number;
  @ApiProperty()
  readonly symbol!: string;
  @ApiProperty()
  readonly name!: string;
  @ApiProperty({ description: 'Venue code; empty when unknown.' })
  readonly exchange!: string;
  @ApiProperty()
  readonly group!: string;
  @ApiProperty({ ...scale, description: 'Decimals of a price.' })
  readonly priceScale!: number;
  @ApiProperty({ ...scale, description: 'Decimals of a size.' })
  readonly sizeScale!: number;
  @ApiProperty({ ...scale, description: 'Decimals of the volume.' })
  readonly volumeScale!: number;
  @ApiProperty()
  readonly enabled!: boolean;
  @ApiProperty({ enum: TRADING_STATUSES })
  readonly tradingStatus!: TradingStatus;
  @ApiProperty({
    enum: [...TRADING_STATUSES, 'disabled'],
    description: 'What subscribers are told: the trading status, or disabled.',
  })
  readonly status!: InstrumentStatus;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Why the status last changed; subscribers are told.',
  })
  readonly statusReason!: string | null;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Caps the rate of this symbol; null: as the service.',
  })
  readonly coalesceIntervalMs!: number | null;
  @ApiProperty({ type: 'integer', description: 'Registry version of its last change: the ETag.' })
  readonly version!: number;
}

export class SymbolsAnswer {
  @ApiProperty({ type: 'integer', description: 'Registry version that this process shows.' })
  readonly version!: number;
  @ApiProperty({ type: 'integer', description: 'Symbols in the registry, whatever was asked for.' })
  readonly size!: number;
  @ApiProperty({ type: () => [SymbolAnswer] })
  readonly symbols!: readonly SymbolAnswer[];
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'For `after` of the next page; null at the end.',
  })
  readonly next!: string | null;
}

export class AuditEntryAnswer {
  @ApiProperty()
  readonly id!: string;
  @ApiProperty({ type: 'integer', description: 'µs since the Unix epoch.' })
  readonly timeUs!: number;
  @ApiProperty({ enum: CHANGE_ACTIONS })
  readonly action!: ChangeAction;
  @ApiProperty({
    description: 'Role and fingerprint of the key, or the part of the service that acted by itself.',
  })
  readonly actor!: string;
  @ApiProperty()
  readonly reason!: string;
  @ApiProperty({ type: String, nullable: true })
  readonly requestId!: string | null;
  @ApiProperty({ type: String, nullable: true })
  readonly ip!: string | null;
  @ApiProperty({ type: 'integer', description: 'Registry version after it.' })
  readonly version!: number;
  @ApiProperty({ type: [String] })
  readonly symbols!: readonly string[];
  @ApiProperty({
    type: () => SymbolAnswer,
    nullable: true,
    description: 'null when many symbols were changed.',
  })
  readonly before!: SymbolAnswer | null;
  @ApiProperty({ type: () => SymbolAnswer, nullable: true })
  readonly after!: SymbolAnswer | null;
}

export class AuditAnswer {
  @ApiProperty({ type: () => [AuditEntryAnswer] })
  readonly entries!: readonly AuditEntryAnswer[];
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'For `after` of the next page; null at the end.',
  })
  readonly next!: string | null;
}

export function symbolAnswer(instrument: Instrument): SymbolAnswer {
  return { ...instrument, status: statusOf(instrument), statusReason: instrument.statusReason ?? null };
}

export function auditAnswer(entries: readonly AuditEntry[], limit: number): AuditAnswer {
  return {
    entries: entries.map((entry) => ({
      ...entry,
      before: entry.before && symbolAnswer(entry.before),
      after: entry.after && symbolAnswer(entry.after),
    })),
    next: entries.length < limit ? null : (entries.at(-1)?.id ?? null),
  };
}
