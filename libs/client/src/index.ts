export { CHANNELS_MAX } from './channels.js';
export { BASE_MS, CAP_MS, fullJitterMs, reconnectDelayMs } from './reconnect-delay.js';
export {
  type StreamCalls,
  StreamClient,
  type StreamClientOptions,
  type StreamCounters,
} from './stream-client.js';
export { type StreamClock, systemStreamClock } from './stream-clock.js';
export { CODECS, type Codec, WELCOME_MS_MAX } from './stream-connection.js';
export type { StreamSocket, StreamSocketConstructor } from './stream-socket.js';
export type { StreamState } from './stream-state.js';
export type { Staleness, SymbolState, TradeGap } from './symbol-state.js';
