/**
 * What goes wrong over HTTP, as RFC 9457 problem details with a stable `code`. The one table: answers, the OpenAPI
 * page and the docs all come from here. Code throws `new Problem('symbol_not_found', { detail: … })`; the filter
 * beside this file writes the answer.
 */

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

interface ProblemRow {
  /** HTTP status. */
  readonly status: number;
  /** The same for every occurrence; `detail` says what was found this time. */
  readonly title: string;
}

export const PROBLEMS = {
  malformed_json: { status: 400, title: 'The body is not valid JSON.' },
  malformed_msgpack: { status: 400, title: 'The body is not valid msgpack.' },
  malformed_header: { status: 400, title: 'A header is missing or not of the documented form.' },
  malformed_request: { status: 400, title: 'The request is not of the documented form.' },
  invalid_body: {
    status: 400,
    title: 'Fields of the body are missing, unknown or not of the documented form.',
  },
  invalid_query: { status: 400, title: 'Parameters of the query are unknown or not of the documented form.' },
  unauthenticated: { status: 401, title: 'A valid key is needed: Authorization: Bearer <key>.' },
  forbidden: { status: 403, title: 'This key does not allow what was asked for.' },
  not_found: { status: 404, title: 'Nothing is served at this address.' },
  symbol_not_found: { status: 404, title: 'No instrument has this symbol.' },
  method_not_allowed: { status: 405, title: 'This address does not take this method.' },
  symbol_exists: { status: 409, title: 'An instrument with this symbol exists.' },
  scale_fixed: { status: 409, title: 'Scales are fixed for the life of an instrument.' },
  registry_conflict: { status: 409, title: 'The symbol is bound to another sid than the one known here.' },
  sequence_out_of_order: { status: 409, title: 'The sequence is not the next one of its session.' },
  version_mismatch: { status: 412, title: 'The instrument has changed since the version in If-Match.' },
  body_too_large: { status: 413, title: 'The body is longer than allowed.' },
  unsupported_media_type: { status: 415, title: 'The Content-Type is none that is taken here.' },
  too_many_symbols: { status: 422, title: 'More symbols than allowed.' },
  registry_full: { status: 422, title: 'The registry holds as many symbols as TICKCAST_SYMBOLS_MAX allows.' },
  too_many_requests: { status: 429, title: 'Requests come faster than allowed.' },
  header_too_large: { status: 431, title: 'The headers are longer than allowed.' },
  internal_error: { status: 500, title: 'The service failed; its log has the details.' },
  busy: { status: 503, title: 'The service takes no more just now; the same request may be repeated.' },
  store_unavailable: {
    status: 503,
    title: 'The store did not answer. Whether a change was stored is unknown; repeating it is safe.',
  },
  stopping: { status: 503, title: 'This process is stopping; the same request may be repeated elsewhere.' },
} as const satisfies Record<string, ProblemRow>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemMore {
  /** What was found this time, e.g. `Expected version 7, was 9 (AAPL)`. */
  readonly detail?: string;
  /** Headers of the answer beside Content-Type. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as `Retry-After` too. */
  readonly retryAfterSeconds?: number;
  /** Further members of the answer, e.g. `errors` or `version`. */
  readonly [extra: string]: unknown;
}

/** The members of an answer; extras stand beside them. */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** Path of the request, without its query. */
  readonly instance: string;
  readonly code: ProblemCode;
  readonly [extra: string]: unknown;
}

/** An outcome that ends a request with a status of 400 or above. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly extras: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: ProblemCode,
    more: ProblemMore = {},
  ) {
    const { status, title } = PROBLEMS[code];
    super(more.detail ?? title);
    const { detail, headers, ...extras } = more;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.extras = extras;
    this.headers = { ...headersOf(code, more.retryAfterSeconds), ...headers };
  }

  /** @param instance path of the request, without its query */
  details(instance: string): ProblemDetails {
    const own = {
      type: `urn:tickcast:problem:${this.code}`,
      title: this.title,
      status: this.status,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
      instance,
      code: this.code,
    };
    // Own members come first and cannot be replaced.
    return { ...own, ...this.extras, ...own };
  }
}

function headersOf(code: ProblemCode, retryAfterSeconds: number | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  // RFC 9110 11.6.1: a 401 names the scheme that is wanted.
  if (code === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="tickcast"';
  const retryAfter = retryAfterSeconds ?? (PROBLEMS[code].status === 503 ? 1 : undefined);
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter)));
  return headers;
}
