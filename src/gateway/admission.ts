/** Who may open a stream: browsers of the own host or of a listed origin, as many sessions as fit, and as whom. */
import type { IncomingMessage } from 'node:http';
import { SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '#wire';
import type { ApiKeys, KeyHolder } from '../api-keys.js';
import type { Config } from '../config.js';
import type { SocketRefusal, SocketRoute } from '../socket-routes.js';
import { dialectIndex } from './dialects.js';
import { ANONYMOUS } from './session.js';

export class StreamAdmission {
  readonly dialectByDefault = dialectIndex(SUBPROTOCOL_JSON)!;

  /** @param sessions how many are open now */
  constructor(
    private readonly config: Pick<Config, 'anonymous' | 'origins' | 'sessionsMax' | 'clientFrameBytesMax'>,
    private readonly keys: ApiKeys,
    private readonly sessions: () => number,
  ) {}

  route(path: string): SocketRoute {
    return {
      path,
      protocols: [SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON],
      protocolByDefault: SUBPROTOCOL_JSON,
      messageBytesMax: this.config.clientFrameBytesMax,
      admit: (request) => this.admit(request),
    };
  }

  private admit(request: IncomingMessage): SocketRefusal | null {
    const { origin, host } = request.headers;
    if (origin !== undefined && !this.isOwn(origin, host) && !this.config.origins?.includes(origin)) {
      return {
        status: 403,
        code: 'origin_forbidden',
        message: `Pages of ${origin.slice(0, 100)} may not open a stream here; operators list origins in TICKCAST_ORIGINS`,
      };
    }
    if (this.sessions() < this.config.sessionsMax) return null;
    const message = `This gateway has ${this.config.sessionsMax} sessions, it takes no more`;
    return { status: 503, code: 'overloaded', message, retryAfterSeconds: 1 };
  }

  private isOwn(origin: string, host: string | undefined): boolean {
    return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
  }

  /** Who a new connection is: by its Authorization header, or anonymous where that is allowed; else null. */
  subjectOf(request: IncomingMessage): string | null {
    const subject = subjectOfHolder(this.keys.holder(request.headers.authorization));
    return subject ?? (this.config.anonymous ? ANONYMOUS : null);
  }
}

/** Who holds this token; null when it is not valid for streaming. */
export function subjectOfToken(keys: ApiKeys, token: string): string | null {
  return subjectOfHolder(keys.holderOf(token));
}

/** Operators may look at streams, too; feed handlers only bring ticks. */
function subjectOfHolder(holder: KeyHolder | null): string | null {
  return holder === null || holder.role === 'feed' ? null : holder.actor;
}
