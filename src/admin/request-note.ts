/** Who asks for a change, from where, in which request: what the audit keeps of it. */
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.js';
import { holderOf } from '../role.guard.js';
import type { ChangeAction, ChangeNote } from '../symbols/symbol-store.js';

/** What callers may name a request by; anything else gets a name of ours. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The answer carries the request's id, so that it can be found in the audit. */
export function noteOf(
  request: FastifyRequest,
  reply: FastifyReply,
  action: ChangeAction,
  reason: string,
  clock: Clock,
): ChangeNote {
  const given = request.headers['x-request-id'];
  const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
  reply.header('x-request-id', requestId);
  return { action, reason, requestId, actor: holderOf(request).actor, ip: request.ip, timeUs: clock.nowUs() };
}
