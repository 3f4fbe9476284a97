/** The one mapping of what the client library throws. */
import { StoreUnavailable } from './store-unavailable.js';

/**
 * What Redis answers when it is there but cannot serve now; anything else it refuses is a fault of ours. ASK and
 * TRYAGAIN: the keys of a slot are on their way to another server; no command follows them, as one that touches several
 * keys could not.
 */
const NOT_NOW =
  /^(LOADING|READONLY|MISCONF|OOM|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|ASK|MOVED|NOREPLICAS|BUSY|UNBLOCKED)\b/;

/**
 * What means "the store did not serve" becomes StoreUnavailable, anything else comes back as it is.
 * Use: `catch (error) { throw unavailable(error); }`
 */
export function unavailable(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreUnavailable) return error;
  if (error.name === 'ReplyError' && !NOT_NOW.test(error.message)) return error;
  if (error instanceof TypeError || error instanceof RangeError) return error;
  return new StoreUnavailable(error.message, { cause: error });
}
