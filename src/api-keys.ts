/**
 * Who holds a key. Keys travel as `Authorization: Bearer <key>`; only their SHA-256 is kept here, and every
 * comparison reads all bytes of every key, so that the time of an answer tells nothing about them.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Config } from './config.js';

/** What a key allows: `operator` the admin REST, `feed` bringing ticks, `client` streaming. */
export type KeyRole = 'operator' | 'feed' | 'client';

export interface KeyHolder {
  readonly role: KeyRole;
  /** Names the key in the audit without giving it away: role and the first 8 hex digits of its SHA-256. */
  readonly actor: string;
}

// RFC 6750 2.1; the scheme is case-insensitive (RFC 9110 11.1).
const BEARER = /^bearer +([\x21-\x7e]{1,256}) *$/i;

export class ApiKeys {
  private readonly keys: readonly { readonly digest: Buffer; readonly holder: KeyHolder }[];

  constructor(config: Pick<Config, 'adminKey' | 'feedKey' | 'clientKey'>) {
    const given: readonly (readonly [KeyRole, string | null])[] = [
      ['operator', config.adminKey],
      ['feed', config.feedKey],
      ['client', config.clientKey],
    ];
    this.keys = given.flatMap(([role, key]) => {
      if (key === null) return [];
      const digest = sha256(key);
      return [{ digest, holder: { role, actor: `${role}:${digest.toString('hex', 0, 4)}` } }];
    });
  }

  /** Role of the key in an Authorization header; null when it is missing, malformed or unknown. */
  role(authorization: string | undefined): KeyRole | null {
    return this.holder(authorization)?.role ?? null;
  }

  /** As `role`, with the name that stands for the key in the audit. */
  holder(authorization: string | undefined): KeyHolder | null {
    const key = BEARER.exec(authorization ?? '')?.[1];
    return key === undefined ? null : this.holderOf(key);
  }

  /** Holder of a bare key, where it does not come in a header; null when unknown. */
  holderOf(key: string): KeyHolder | null {
    const digest = sha256(key);
    let found: KeyHolder | null = null;
    // All keys are compared whatever was found; of equal keys the first listed role holds.
    for (const known of this.keys) {
      const equal = timingSafeEqual(known.digest, digest);
      if (equal && found === null) found = known.holder;
    }
    return found;
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
