/** How `GET /v1/feed` is reached: who may, and in which codecs. */
import type { ApiKeys } from '../api-keys.js';
import type { Config } from '../config.js';
import type { SocketRoute } from '../socket-routes.js';
import { keyProblem } from './feed-key.js';
import { FEED_JSON, FEED_MSGPACK, FEED_PATH } from './feed-messages.js';

/** Whether the process stops is the socket adapter's to say. */
export function feedRoute(
  keys: Pick<ApiKeys, 'role'>,
  config: Pick<Config, 'feedMessageBytesMax'>,
): SocketRoute {
  return {
    path: FEED_PATH,
    protocols: [FEED_MSGPACK, FEED_JSON],
    protocolByDefault: FEED_JSON,
    messageBytesMax: config.feedMessageBytesMax,
    admit({ headers }) {
      const problem = keyProblem(keys.role(headers.authorization));
      return problem === null
        ? null
        : { status: problem.status, code: problem.code, message: problem.message };
    },
  };
}
