/** Who may bring ticks: holders of a feed's key, and operators. */
import type { KeyRole } from '../api-keys.js';
import { Problem } from '../problem.js';

/** Null when the holder may; else 401 without a known key, 403 with one of another role. */
export function keyProblem(role: KeyRole | null): Problem | null {
  if (role === null) return new Problem('unauthenticated');
  if (role === 'feed' || role === 'operator') return null;
  return new Problem('forbidden', { detail: `Expected a key of role feed or operator, was ${role}` });
}
