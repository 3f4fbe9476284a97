/** Answers whatever goes wrong in a request as problem details: our own problems, and those of Fastify and Nest. */
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { StoreUnavailable } from './fanout/store-unavailable.js';
import type { Log } from './ops/log.js';
import { PROBLEM_CONTENT_TYPE, Problem, type ProblemCode } from './problem.js';
import type { RouteMethods } from './route-methods.js';

/** What Fastify says before a handler runs. */
const CODE_BY_FASTIFY_CODE: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
};

const CODE_BY_STATUS: Readonly<Record<number, ProblemCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  429: 'too_many_requests',
  431: 'header_too_large',
  503: 'busy',
};

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Log,
    private readonly routes: RouteMethods,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const path = pathOf(request);
    const problem = this.problemOf(error, request.method, path);
    if (problem.code === 'internal_error') {
      this.log.error({ err: error, method: request.method, path }, 'a request failed');
    }
    if (reply.sent || reply.raw.headersSent) {
      // The answer has begun: only an early end can still say that it is not whole.
      reply.raw.destroy();
    } else send(problem, path, reply);
  }

  private problemOf(error: unknown, method: string, path: string): Problem {
    const problem = problemOf(error);
    if (problem.code !== 'not_found' || error instanceof Problem) return problem;
    const allowed = this.routes.of(path);
    if (allowed.length === 0) return new Problem('not_found', { detail: `Nothing is served at ${path}` });
    const detail = `Expected ${allowed.join(', ')}, was ${method}`;
    return new Problem('method_not_allowed', { detail, headers: { allow: allowed.join(', ') } });
  }
}

/** What Fastify refuses before it has found a route, such as an address that cannot be decoded. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  send(problemOf(error), pathOf(request), reply);
}

function send(problem: Problem, path: string, reply: FastifyReply): void {
  reply
    .code(problem.status)
    .headers(problem.headers)
    .header('cache-control', 'no-store')
    .header('content-type', PROBLEM_CONTENT_TYPE)
    // As bytes: to a text Fastify adds a charset, which this type does not have.
    .send(Buffer.from(JSON.stringify(problem.details(path))));
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url;
}

/** The problem that an error of any kind stands for; a fault of ours says nothing of itself. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailable) return new Problem('store_unavailable');
  const { statusCode, message } = (error ?? {}) as { statusCode?: unknown; message?: unknown };
  const status = error instanceof HttpException ? error.getStatus() : statusCode;
  if (typeof status !== 'number' || status < 400) return new Problem('internal_error');
  const detail = typeof message === 'string' ? message : undefined;
  // Nest wraps what Fastify says.
  const { code } = (error instanceof HttpException ? (error.cause ?? {}) : (error ?? {})) as {
    code?: unknown;
  };
  const known = typeof code === 'string' ? CODE_BY_FASTIFY_CODE[code] : undefined;
  const other = status < 500 ? 'malformed_request' : 'internal_error';
  const found = known ?? CODE_BY_STATUS[status] ?? other;
  return new Problem(found, found === 'internal_error' ? {} : { detail });
}
