/**
 * Bodies of `POST /v1/ticks` reach the controller as streams: the key is checked before a byte is read, and NDJSON is
 * taken with backpressure. Called once, before the server listens.
 */
import type { FastifyInstance } from 'fastify';
import { Problem } from '../problem.js';
import type { UploadForm } from './uploads.js';

export const TICKS_PATH = '/v1/ticks';

/**
 * JSON elsewhere is parsed by the server before its controller is called, with another limit, and rounded nanoseconds.
 * JSON of ticks is given a media type of its own on its way in (senders may use it themselves).
 */
const TICKS_JSON = 'application/vnd.tickcast.ticks+json';

const FORMS = new Map<string, UploadForm>([
  [TICKS_JSON, 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/msgpack', 'msgpack'],
  ['application/x-msgpack', 'msgpack'],
  ['application/vnd.msgpack', 'msgpack'],
]);

/** The form of an upload by its Content-Type. @throws Problem (unsupported_media_type) */
export function uploadForm(contentType: string | undefined): UploadForm {
  const form = FORMS.get(mediaType(contentType));
  if (form !== undefined) return form;
  throw new Problem('unsupported_media_type', {
    detail: 'Expected application/json, application/x-ndjson or application/msgpack',
  });
}

export function registerTickParsers(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { headers, method, url } = request.raw;
    if (
      method === 'POST' &&
      pathOf(url) === TICKS_PATH &&
      mediaType(headers['content-type']) === 'application/json'
    )
      headers['content-type'] = TICKS_JSON;
    done();
  });
  for (const type of FORMS.keys()) {
    fastify.addContentTypeParser(type, (request, payload, done) => {
      if (pathOf(request.raw.url) === TICKS_PATH) done(null, payload);
      else done(new Problem('unsupported_media_type'), undefined);
    });
  }
}

function pathOf(url = '/'): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function mediaType(contentType = ''): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase();
}
