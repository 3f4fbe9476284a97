/** How `GET /v1/feed` is reached: who may, and in which codecs. */
import type { ApiKeys, KeyRole } from '../api-keys.js';
import type { Config } from '../config.js';
import type { Lifecycle } from '../ops/lifecycle.js';
import type { SocketRefusal, SocketRoute } from '../socket-routes.js';
import { keyProblem } from './feed-key.js';
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

function refusal(role: KeyRole | null, stopping: boolean): SocketRefusal | null {
  const wrongKey = keyProblem(role);
  if (wrongKey !== null) return { status: wrongKey.status, code: wrongKey.code, message: wrongKey.message };
  if (!stopping) return null;
  const message = 'This process is stopping; connect again, to another one';
  return { status: 503, code: 'stopping', message, retryAfterSeconds: 1 };
}
