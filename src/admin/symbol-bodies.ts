/** What operators send about symbols. Reference data is held to the rules of the registry. */

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateIf,
} from 'class-validator';
import { SCALE_MAX, SYMBOL_PATTERN, TRADING_STATUSES, type TradingStatus } from '#market-data';
import {
  COALESCE_INTERVAL_MS_MAX,
  EXCHANGE_PATTERN,
  GROUP_PATTERN,
  NAME_CHARACTERS_MAX,
  NAME_PATTERN,
} from '../symbols/instrument-rules.js';

const REASON_CHARACTERS_MAX = 500;
/** One line, at least one visible character. */
const REASON_PATTERN = /^(?=.*\S)\P{Cc}{1,500}$/u;
const REASON_TEXT = 'Expected one line of 1 to 500 characters, not all blank';
const NAME_TEXT = 'Expected one line of at most 120 characters';
const PAGE_MAX = 1_000;

/** Left out is one thing, null another: null is checked like any value. */
const Given = () => ValidateIf((_body: object, value: unknown) => value !== undefined);
const GivenNotNull = () =>
  ValidateIf((_body: object, value: unknown) => value !== undefined && value !== null);

const interval = {
  type: Number,
  nullable: true,
  minimum: 1,
  maximum: COALESCE_INTERVAL_MS_MAX,
  description: 'Caps the rate of this symbol below that of the service, in ms; null: as the service.',
} as const;
const scale = { type: 'integer', minimum: 0, maximum: SCALE_MAX } as const;

export class ReasonBody {
  @ApiProperty({ minLength: 1, maxLength: REASON_CHARACTERS_MAX, description: 'Why. The audit keeps it.' })
  @Matches(REASON_PATTERN, { message: REASON_TEXT })
  @IsString()
  readonly reason!: string;
}

export class CreateSymbolBody extends ReasonBody {
  @ApiProperty({ pattern: SYMBOL_PATTERN.source, example: 'BRK.B' })
  @Matches(SYMBOL_PATTERN)
  @IsString()
  readonly symbol!: string;

  @ApiPropertyOptional({ maxLength: NAME_CHARACTERS_MAX, default: '' })
  @Given()
  @Matches(NAME_PATTERN, { message: NAME_TEXT })
  @IsString()
  readonly name?: string;

  @ApiPropertyOptional({
    pattern: EXCHANGE_PATTERN.source,
    default: '',
    description: 'Venue code, e.g. XNAS.',
  })
  @Given()
  @Matches(EXCHANGE_PATTERN)
  @IsString()
  readonly exchange?: string;

  @ApiProperty({ pattern: GROUP_PATTERN.source, example: 'us-equity' })
  @Matches(GROUP_PATTERN)
  @IsString()
  readonly group!: string;

  @ApiProperty({ ...scale, description: 'Decimals of a price; fixed for life.' })
  @Max(SCALE_MAX)
  @Min(0)
  @IsInt()
  readonly priceScale!: number;

  @ApiProperty({ ...scale, description: 'Decimals of a size; fixed for life.' })
  @Max(SCALE_MAX)
  @Min(0)
  @IsInt()
  readonly sizeScale!: number;

  @ApiProperty({ ...scale, description: 'Decimals of the volume, at most sizeScale; fixed for life.' })
  @Max(SCALE_MAX)
  @Min(0)
  @IsInt()
  readonly volumeScale!: number;

  @ApiPropertyOptional({ default: true })
  @Given()
  @IsBoolean()
  readonly enabled?: boolean;

  @ApiPropertyOptional({ enum: TRADING_STATUSES, default: 'open' })
  @Given()
  @IsIn(TRADING_STATUSES)
  readonly tradingStatus?: TradingStatus;

  @ApiPropertyOptional({ ...interval, default: null })
  @GivenNotNull()
  @Max(COALESCE_INTERVAL_MS_MAX)
  @Min(1)
  @IsInt()
  readonly coalesceIntervalMs?: number | null;
}

export class PatchSymbolBody extends ReasonBody {
  @ApiPropertyOptional({ maxLength: NAME_CHARACTERS_MAX })
  @Given()
  @Matches(NAME_PATTERN, { message: NAME_TEXT })
  @IsString()
  readonly name?: string;

  @ApiPropertyOptional({ pattern: EXCHANGE_PATTERN.source })
  @Given()
  @Matches(EXCHANGE_PATTERN)
  @IsString()
  readonly exchange?: string;

  @ApiPropertyOptional({ pattern: GROUP_PATTERN.source })
  @Given()
  @Matches(GROUP_PATTERN)
  @IsString()
  readonly group?: string;

  @ApiPropertyOptional({ enum: TRADING_STATUSES, description: 'halt and resume set it, too.' })
  @Given()
  @IsIn(TRADING_STATUSES)
  readonly tradingStatus?: TradingStatus;

  @ApiPropertyOptional(interval)
  @GivenNotNull()
  @Max(COALESCE_INTERVAL_MS_MAX)
  @Min(1)
  @IsInt()
  readonly coalesceIntervalMs?: number | null;

  // Known here only to be refused for what they are: scales are fixed for life (409 scale_fixed).
  @IsOptional()
  readonly priceScale?: unknown;
  @IsOptional()
  readonly sizeScale?: unknown;
  @IsOptional()
  readonly volumeScale?: unknown;
}

export class ListSymbolsQuery {
  @ApiPropertyOptional({ description: 'Part of the symbol or name, in any case.', maxLength: 64 })
  @IsOptional()
  @Length(1, 64)
  @IsString()
  readonly filter?: string;

  @ApiPropertyOptional({ description: 'Exactly this group.' })
  @IsOptional()
  @Matches(GROUP_PATTERN)
  @IsString()
  readonly group?: string;

  @ApiPropertyOptional({ enum: ['true', 'false'] })
  @IsOptional()
  @IsIn(['true', 'false'])
  readonly enabled?: 'true' | 'false';

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: PAGE_MAX, default: 100 })
  @Max(PAGE_MAX)
  @Min(1)
  @IsInt()
  @Type(() => Number)
  readonly limit: number = 100;

  @ApiPropertyOptional({ description: 'Begins after this symbol: `next` of the page before.' })
  @IsOptional()
  @Matches(SYMBOL_PATTERN)
  @IsString()
  readonly after?: string;
}

export class ListAuditQuery {
  @ApiPropertyOptional({ description: 'Begins after the entry with this id: `next` of the page before.' })
  @IsOptional()
  @Matches(/^\d{1,16}-\d{1,10}$/, { message: 'Expected the id of an entry' })
  @IsString()
  readonly after?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: PAGE_MAX, default: 100 })
  @Max(PAGE_MAX)
  @Min(1)
  @IsInt()
  @Type(() => Number)
  readonly limit: number = 100;
}
