/** `POST /v1/ticks`: ticks over HTTP, for handlers and scripts that need no socket. */
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  HttpCode,
  Inject,
  Injectable,
  Post,
  Req,
  UseGuards,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import { GROUP_TICKS_MAX } from '#market-data';
import { ApiKeys } from '../api-keys.js';
import { CONFIG, type Config } from '../config.js';
import { Problem } from '../problem.js';
import { keyProblem } from './feed-key.js';
import { uploadForm } from './tick-parsers.js';
import { TicksAnswerDto } from './ticks-answer.dto.js';
import type { UploadAnswer } from './upload-tally.js';
import { Uploads } from './uploads.js';

/** The part of Fastify's request that is used here; `body` is the stream that the tick parsers hand through. */
interface TicksRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** Lets an upload through only with a key that may bring ticks; its body is not read before. */
@Injectable()
export class FeedKeyGuard implements CanActivate {
  private readonly keys: ApiKeys;

  constructor(@Inject(CONFIG) config: Config) {
    this.keys = new ApiKeys(config);
  }

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<TicksRequest>();
    const problem = keyProblem(this.keys.role(headers.authorization));
    if (problem !== null) throw problem;
    return true;
  }
}

@ApiTags('feed')
@ApiBearerAuth()
@UseGuards(FeedKeyGuard)
@Controller('v1/ticks')
export class TicksController {
  constructor(private readonly uploads: Uploads) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Bring ticks',
    description:
      'An array of ticks, or {"ticks": […]}, in JSON or msgpack; or NDJSON of any length, which is read as it comes. ' +
      'Bodies may be gzipped. Answered when everything is stored; bad ticks are listed, the others are taken. ' +
      'With the three headers a retry is harmless: send the same body under the same names. Uploads of one session go ' +
      'one after the other, and their sequences rise. When an NDJSON upload ends early, `storedLines` says how many ' +
      'lines from the beginning are surely stored; some behind them may be, too. Go on with the lines after them, under ' +
      'the same three names and with Tickcast-First-Line: storedLines + 1; or repeat all of it under the same names. ' +
      'Either way what is stored already is dropped by its place.',
  })
  @ApiConsumes('application/json', 'application/x-ndjson', 'application/msgpack')
  @ApiBody({ schema: { type: 'array', items: { type: 'object' } } })
  @ApiHeader({ name: 'Tickcast-Source', required: false, description: 'Name of the feed handler.' })
  @ApiHeader({ name: 'Tickcast-Session', required: false, description: 'New at every start of the handler.' })
  @ApiHeader({
    name: 'Tickcast-Sequence',
    required: false,
    description: 'Integer from 0 to 2^53 - 1 that rises in its session.',
  })
  @ApiHeader({
    name: 'Tickcast-First-Line',
    required: false,
    description:
      'NDJSON with the three names only: which line of the whole upload the body begins with, from 1. storedLines + 1 ' +
      `of the answer before, which is 1 above a multiple of ${GROUP_TICKS_MAX}.`,
  })
  @ApiResponse({
    status: 200,
    type: TicksAnswerDto,
    description: 'Everything is stored, apart from what is listed.',
  })
  @ApiResponse({
    status: 503,
    description: 'busy or stopping: Retry-After says when to repeat, storedLines what is surely stored.',
  })
  take(@Req() request: TicksRequest): Promise<UploadAnswer> {
    const form = uploadForm(request.headers['content-type']);
    if (!(request.body instanceof Readable))
      throw new Problem('malformed_request', { detail: 'Expected a body' });
    return this.uploads.take(form, request.headers, request.body);
  }
}
