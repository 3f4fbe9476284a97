import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';

const JSON_TYPE = /^application\/json[ \t]*(;|$)/i;

/** A form of a foreign page can send bodies of other types with nobody's leave; JSON it cannot. */
@Injectable()
export class JsonOnlyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers, body } = context.switchToHttp().getRequest<FastifyRequest>();
    const type = headers['content-type'];
    if ((type === undefined && (body === undefined || body === null)) || JSON_TYPE.test(type ?? ''))
      return true;
    const detail = `Expected Content-Type: application/json, was ${type ?? 'none'}`;
    throw new Problem('unsupported_media_type', { detail, headers: { accept: 'application/json' } });
  }
}
