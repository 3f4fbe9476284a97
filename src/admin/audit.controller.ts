/** `/v1/admin/audit`: who changed what, when and why. */
import { Controller, Get, Query, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { requireRole } from '../role.guard.js';
import { AuditAnswer, auditAnswer } from './answers.js';
import { ApiProblems } from './problem-responses.js';
import { queryPipe } from './problem-validation.js';
import { ListAuditQuery } from './symbol-bodies.js';
import { SymbolOperations } from './symbol-operations.js';

@ApiTags('audit')
@ApiBearerAuth()
@ApiProblems('unauthenticated', 'forbidden')
@UseGuards(requireRole('operator'))
@Controller('v1/admin/audit')
export class AuditController {
  constructor(private readonly operations: SymbolOperations) {}

  @Get()
  @ApiOperation({ summary: 'Read the audit', description: 'Oldest first, page by page.' })
  @ApiResponse({ status: 200, type: AuditAnswer })
  @ApiProblems('invalid_query', 'store_unavailable')
  async list(@Query(queryPipe) query: ListAuditQuery): Promise<AuditAnswer> {
    const entries = await this.operations.audit(query.after ?? null, query.limit);
    return auditAnswer(entries, query.limit);
  }
}
