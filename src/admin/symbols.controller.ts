/** `/v1/admin/symbols`: what exists, and its switches. In paths a symbol is percent-encoded: `BTC%2FUSD`. */

import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Patch,
  type PipeTransform,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isSymbol } from '#market-data';
import { CLOCK, type Clock } from '../clock.js';
import { Problem } from '../problem.js';
import { requireRole } from '../role.guard.js';
import type { InstrumentPatch } from '../symbols/instrument-rules.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import type { ChangeNote } from '../symbols/symbol-store.js';
import { SymbolAnswer, SymbolsAnswer, symbolAnswer } from './answers.js';
import { entityTag, versionsAllowed } from './if-match.js';
import { JsonOnlyGuard } from './json-only.guard.js';
import { ApiProblems } from './problem-responses.js';
import { bodyPipe, queryPipe } from './problem-validation.js';
import { noteOf } from './request-note.js';
import { CreateSymbolBody, ListSymbolsQuery, PatchSymbolBody, ReasonBody } from './symbol-bodies.js';
import { definitionOf, patchOf } from './symbol-fields.js';
import { SymbolOperations } from './symbol-operations.js';

/** What is no symbol at all is not found either. */
const symbolPipe: PipeTransform<string, string> = {
  transform(symbol) {
    if (isSymbol(symbol)) return symbol;
    throw new Problem('symbol_not_found', {
      detail: `Expected a symbol such as BRK.B, was ${symbol}`,
      symbol,
    });
  },
};

const SWITCHES = {
  enable: { enabled: true },
  disable: { enabled: false },
  halt: { tradingStatus: 'halted' },
  resume: { tradingStatus: 'open' },
} as const satisfies Record<string, InstrumentPatch>;
type SwitchAction = keyof typeof SWITCHES;

const switchPipe: PipeTransform<string, SwitchAction> = {
  transform(action) {
    if (Object.hasOwn(SWITCHES, action)) return action as SwitchAction;
    const detail = `Expected ${Object.keys(SWITCHES).join(', ')}, was ${action}`;
    throw new Problem('not_found', { detail });
  },
};

const ApiSymbol = () => ApiParam({ name: 'symbol', description: 'Percent-encoded.', example: 'BRK.B' });
const ApiIfMatch = () =>
  ApiHeader({ name: 'If-Match', required: false, description: 'ETag that the change was decided on, or *.' });

@ApiTags('symbols')
@ApiBearerAuth()
@ApiProblems('unauthenticated', 'forbidden')
@UseGuards(requireRole('operator'), JsonOnlyGuard)
@Controller('v1/admin/symbols')
export class SymbolsController {
  constructor(
    private readonly operations: SymbolOperations,
    @Inject(SYMBOL_REGISTRY) private readonly registry: SymbolRegistry,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List symbols', description: 'In the order of their creation, page by page.' })
  @ApiResponse({ status: 200, type: SymbolsAnswer })
  @ApiProblems('invalid_query')
  list(@Query(queryPipe) query: ListSymbolsQuery): SymbolsAnswer {
    const { filter: part, group, after, limit } = query;
    const enabled = query.enabled === undefined ? undefined : query.enabled === 'true';
    const { instruments, more } = this.operations.list({ part, group, enabled, after, limit });
    return {
      version: this.registry.version,
      size: this.registry.size,
      symbols: instruments.map(symbolAnswer),
      next: more ? (instruments.at(-1)?.symbol ?? null) : null,
    };
  }

  @Get(':symbol')
  @ApiOperation({ summary: 'Show a symbol' })
  @ApiSymbol()
  @ApiResponse({ status: 200, type: SymbolAnswer })
  @ApiProblems('symbol_not_found')
  get(
    @Param('symbol', symbolPipe) symbol: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): SymbolAnswer {
    const instrument = this.operations.get(symbol);
    reply.header('etag', entityTag(instrument.version));
    return symbolAnswer(instrument);
  }

  @Post()
  @ApiOperation({ summary: 'Create a symbol' })
  @ApiResponse({ status: 201, type: SymbolAnswer })
  @ApiProblems('invalid_body', 'malformed_json', 'symbol_exists', 'unsupported_media_type', 'body_too_large')
  @ApiProblems('registry_full', 'store_unavailable')
  async create(
    @Body(bodyPipe) body: CreateSymbolBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SymbolAnswer> {
    const note = noteOf(request, reply, 'create', body.reason, this.clock);
    const created = await this.operations.create(definitionOf(body), note);
    reply.header('etag', entityTag(created.version));
    reply.header('location', `/v1/admin/symbols/${encodeURIComponent(created.symbol)}`);
    return symbolAnswer(created);
  }

  @Patch(':symbol')
  @ApiOperation({ summary: 'Change reference data', description: 'What is left out stays as it is.' })
  @ApiSymbol()
  @ApiIfMatch()
  @ApiResponse({ status: 200, type: SymbolAnswer })
  @ApiProblems('invalid_body', 'malformed_json', 'malformed_header', 'symbol_not_found', 'scale_fixed')
  @ApiProblems('version_mismatch', 'unsupported_media_type', 'body_too_large', 'store_unavailable')
  patch(
    @Param('symbol', symbolPipe) symbol: string,
    @Body(bodyPipe) body: PatchSymbolBody,
    @Headers('if-match') ifMatch: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SymbolAnswer> {
    const note = noteOf(request, reply, 'patch', body.reason, this.clock);
    return this.change(symbol, patchOf(body, symbol), ifMatch, note, reply);
  }

  @Post(':symbol/:action')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Switch a symbol',
    description:
      'enable, disable: its ticks are taken or rejected, and its subscribers get its image again or are told that it is ' +
      'off. halt, resume: subscribers are told; ticks are taken as before. What already holds is answered without a ' +
      'new version, and audited.',
  })
  @ApiSymbol()
  @ApiParam({ name: 'action', enum: Object.keys(SWITCHES) })
  @ApiIfMatch()
  @ApiResponse({ status: 200, type: SymbolAnswer })
  @ApiProblems('invalid_body', 'malformed_json', 'malformed_header', 'symbol_not_found', 'not_found')
  @ApiProblems('version_mismatch', 'unsupported_media_type', 'body_too_large', 'store_unavailable')
  switch(
    @Param('symbol', symbolPipe) symbol: string,
    @Param('action', switchPipe) action: SwitchAction,
    @Body(bodyPipe) body: ReasonBody,
    @Headers('if-match') ifMatch: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SymbolAnswer> {
    const note = noteOf(request, reply, action, body.reason, this.clock);
    return this.change(symbol, SWITCHES[action], ifMatch, note, reply);
  }

  private async change(
    symbol: string,
    patch: InstrumentPatch,
    ifMatch: string | undefined,
    note: ChangeNote,
    reply: FastifyReply,
  ): Promise<SymbolAnswer> {
    const changed = await this.operations.change(symbol, patch, versionsAllowed(ifMatch), note);
    reply.header('etag', entityTag(changed.version));
    return symbolAnswer(changed);
  }
}
