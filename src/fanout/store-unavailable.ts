/** The store (Redis) did not answer in time, or its connection is down. Whether the command ran is unknown. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  readonly code = 'store_unavailable';
}
