/** Lets an upload through only with a key that may bring ticks; its body is not read before. */
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiKeys } from '../api-keys.js';
import { CONFIG, type Config } from '../config.js';
import { keyProblem } from './feed-key.js';

@Injectable()
export class FeedKeyGuard implements CanActivate {
  private readonly keys: ApiKeys;

  constructor(@Inject(CONFIG) config: Config) {
    this.keys = new ApiKeys(config);
  }

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    const problem = keyProblem(this.keys.role(headers.authorization));
    if (problem !== null) throw problem;
    return true;
  }
}
