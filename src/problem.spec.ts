import { HttpException } from '@nestjs/common';
import { StoreUnavailable } from './fanout/store-unavailable.js';
import { problemOf } from './problem.filter.js';
import { PROBLEMS, Problem, type ProblemCode } from './problem.js';

describe('problem', () => {
  it('is said with its type, title, status, code, place and extras', () => {
    const problem = new Problem('version_mismatch', {
      detail: 'Expected version 7, was 9 (AAPL)',
      version: 9,
    });
    expect(problem.details('/v1/admin/symbols/AAPL')).toEqual({
      type: 'urn:tickcast:problem:version_mismatch',
      title: PROBLEMS.version_mismatch.title,
      status: 412,
      detail: 'Expected version 7, was 9 (AAPL)',
      instance: '/v1/admin/symbols/AAPL',
      code: 'version_mismatch',
      version: 9,
    });
    expect(problem.message).toBe('Expected version 7, was 9 (AAPL)');
  });

  it('keeps its own members, whatever the extras are', () => {
    const details = new Problem('busy', { status: 200, code: 'fine', title: 'x', instance: '/y' }).details(
      '/z',
    );
    expect(details).toMatchObject({ status: 503, code: 'busy', title: PROBLEMS.busy.title, instance: '/z' });
  });

  it.each([
    ['busy', {}, '1'],
    ['busy', { retryAfterSeconds: 2.1 }, '3'],
    ['too_many_requests', { retryAfterSeconds: 0 }, '1'],
    ['stopping', {}, '1'],
    ['not_found', {}, undefined],
  ] as const)('%s with %j says Retry-After %s', (code, more, expected) => {
    expect(new Problem(code, more).headers['retry-after']).toBe(expected);
  });

  it('has an HTTP error status and a sentence for every code', () => {
    for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(PROBLEMS[code].status).toBeGreaterThanOrEqual(400);
      expect(PROBLEMS[code].title).toMatch(/[.]$/);
    }
  });
});

describe('the problem that an error stands for', () => {
  it.each([
    ['one of ours', new Problem('scale_fixed'), 'scale_fixed'],
    ['a store that is away', new StoreUnavailable('timeout'), 'store_unavailable'],
    ['a status of Nest', new HttpException('gone', 410), 'malformed_request'],
    ['a known status of Nest', new HttpException('slow down', 429), 'too_many_requests'],
    ['a fault of Nest', new HttpException('oops', 500), 'internal_error'],
    ['an Error', new Error('secret'), 'internal_error'],
    ['nothing', undefined, 'internal_error'],
    ['null', null, 'internal_error'],
    ['a text', 'secret', 'internal_error'],
  ])('%s', (_name, error, code) => {
    const problem = problemOf(error);
    expect(problem.code).toBe(code);
    expect(JSON.stringify(problem.details('/'))).not.toContain('secret');
  });
});
