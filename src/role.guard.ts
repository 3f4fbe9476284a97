/** Lets a request through to its handler only with a key of the right role. */
import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  mixin,
  type Type,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiKeys, type KeyHolder, type KeyRole } from './api-keys.js';
import { CONFIG, type Config } from './config.js';
import { Problem } from './problem.js';

const holders = new WeakMap<FastifyRequest, KeyHolder>();

/** Use: `@UseGuards(requireRole('operator'))`. Answers 401 without a known key, 403 with a key of another role. */
export function requireRole(role: KeyRole): Type<CanActivate> {
  @Injectable()
  class RoleGuard implements CanActivate {
    private readonly keys: ApiKeys;

    constructor(@Inject(CONFIG) config: Config) {
      this.keys = new ApiKeys(config);
    }

    canActivate(context: ExecutionContext): boolean {
      const request = context.switchToHttp().getRequest<FastifyRequest>();
      const holder = this.keys.holder(request.headers.authorization);
      if (holder === null) throw new Problem('unauthenticated');
      if (holder.role !== role) {
        throw new Problem('forbidden', { detail: `Expected a key of role ${role}, was ${holder.role}` });
      }
      holders.set(request, holder);
      return true;
    }
  }
  return mixin(RoleGuard);
}

/** Who sent a request that a role guard let through. */
export function holderOf(request: FastifyRequest): KeyHolder {
  const holder = holders.get(request);
  if (holder === undefined) throw new Error(`Expected a role guard before ${request.method} ${request.url}`);
  return holder;
}
