/**
 * Who may open a stream: browsers of the own host or of a listed origin, as many sessions as fit, as many at once as
 * are served well, and as whom. After the loss of a gateway all its clients come to the others in one moment.
 */
import type { IncomingMessage } from 'node:http';
import { SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '#wire';
import type { ApiKeys, KeyHolder } from '../api-keys.js';
import type { Clock } from '../clock.js';
import type { Config } from '../config.js';
import type { SocketRefusal, SocketRoute } from '../socket-routes.js';
import { dialectIndex } from './dialects.js';
import { RateBudget } from './rate-budget.js';
import { ANONYMOUS } from './session.js';

/** Seconds over which those that were turned away are spread. */
const RETRY_SECONDS_MAX = 4;

type AdmissionConfig = Pick<
  Config,
  'anonymous' | 'origins' | 'sessionsMax' | 'clientFrameBytesMax' | 'connectsPerSecond' | 'connectBurst'
>;

export class StreamAdmission {
  readonly dialectByDefault = dialectIndex(SUBPROTOCOL_JSON)!;
  readonly counters = { refusedByCode: {} as Record<string, number> };
  private readonly budget: RateBudget;

  /**
   * @param sessions how many are open now
   * @param random from 0 up to 1: spreads who comes again
   */
  constructor(
    private readonly config: AdmissionConfig,
    private readonly keys: ApiKeys,
    private readonly sessions: () => number,
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {
    this.budget = new RateBudget(config.connectsPerSecond, config.connectBurst, clock.monotonicMs());
  }

  route(path: string): SocketRoute {
    return {
      path,
      protocols: [SUBPROTOCOL_MSGPACK, SUBPROTOCOL_JSON],
      protocolByDefault: SUBPROTOCOL_JSON,
      messageBytesMax: this.config.clientFrameBytesMax,
      admit: (request) => {
        const refusal = this.admit(request);
        if (refusal !== null) {
          const { refusedByCode } = this.counters;
          refusedByCode[refusal.code] = (refusedByCode[refusal.code] ?? 0) + 1;
        }
        return refusal;
      },
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
    const { sessionsMax, connectsPerSecond } = this.config;
    if (this.sessions() >= sessionsMax)
      return this.overloaded(`This gateway has ${sessionsMax} sessions, it takes no more`);
    if (this.budget.take(this.clock.monotonicMs())) return null;
    return this.overloaded(
      `More clients come than the ${connectsPerSecond} per second that this gateway takes`,
    );
  }

  private overloaded(message: string): SocketRefusal {
    const retryAfterSeconds = 1 + Math.floor(this.random() * RETRY_SECONDS_MAX);
    return { status: 503, code: 'overloaded', message, retryAfterSeconds };
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
