/** Where a client is on its way to the service and back. */
export type StreamState =
  /** `connect` has not been called. */
  | { readonly kind: 'idle' }
  /** A socket is being opened, or the session authenticated. `attempt` counts from 0. */
  | { readonly kind: 'connecting'; readonly attempt: number }
  /** Commands are taken and records come. */
  | { readonly kind: 'open'; readonly connection: string; readonly subject: string }
  /** The socket is gone; the next attempt begins at `retryAtMs` of the client's clock. */
  | { readonly kind: 'waiting'; readonly retryAtMs: number; readonly code: number; readonly reason: string }
  /** Over: by `close`, or by a close code after which no client should come back. */
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string };
