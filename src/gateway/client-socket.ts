/** What a session needs of its socket. The one form is ws-client-socket.ts; tests bring their own wire. */
export interface ClientSocket {
  /** Bytes of earlier writes that the kernel has not taken. */
  readonly pendingBytes: number;
  /**
   * The descriptor on which whole frames may be sent right now, beside the stream; -1 when they can only be written:
   * bytes wait, it closes, or it is no plain TCP connection.
   */
  readonly descriptor: number;
  /** Writes whole WebSocket frames, or the rest of some that were sent on the descriptor. The bytes must not change until `pendingBytes` was 0 again. */
  write(frames: Uint8Array): void;
  /** Calls back once when all that was written before is with the kernel. */
  whenDrained(drained: () => void): void;
  ping(payload: Uint8Array): void;
  /** Nothing more is read of the client; messages that were read already may still come. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Begins the closing handshake. */
  close(code: number, reason: string): void;
  /** Ends the connection at once. */
  terminate(): void;
}
