/** How `GET /v1/feed` is reached: who may, and in which codecs. */
import type { ApiKeys } from '../api-keys.js';
import type { Config } from '../config.js';
import type { Lifecycle } from '../ops/lifecycle.js';
import type { SocketRefusal, SocketRoute } from '../socket-routes.js';
import { FEED_JSON, FEED_MSGPACK, FEED_PATH } from './feed-messages.js';

export function feedRoute(
  keys: Pick<ApiKeys, 'role'>,
  lifecycle: Pick<Lifecycle, 'stopping'>,
  config: Pick<Config, 'feedMessageBytesMax'>,
): SocketRoute {
  return {
    path: FEED_PATH,
    protocols: [FEED_MSGPACK, FEED_JSON],
    protocolByDefault: FEED_JSON,
    messageBytesMax: config.feedMessageBytesMax,
    admit: ({ headers }) => refusal(keys.role(headers.authorization), lifecycle.stopping),
  };
}

function refusal(role: ReturnType<ApiKeys['role']>, stopping: boolean): SocketRefusal | null {
  if (role === null)
    return {
      status: 401,
      code: 'unauthenticated',
      message: 'A valid key is needed: Authorization: Bearer <key>',
    };
  if (role === 'client')
    return { status: 403, code: 'forbidden', message: 'Expected the key of a feed, was the key of a client' };
  if (!stopping) return null;
  const message = 'This process is stopping; connect again, to another one';
  return { status: 503, code: 'stopping', message, retryAfterSeconds: 1 };
}
