/** What a session needs of its socket. The one form is ws-client-socket.ts; tests bring their own wire. */
export interface ClientSocket {
  /** Bytes of earlier writes that the kernel has not taken. */
  readonly pendingBytes: number;
  /** Writes whole WebSocket frames. The bytes must not change until `pendingBytes` was 0 again. */
  write(frames: Uint8Array): void;
  /** Calls back once when all that was written before is with the kernel. */
  whenDrained(drained: () => void): void;
  ping(payload: Uint8Array): void;
  /** Begins the closing handshake. */
  close(code: number, reason: string): void;
  /** Ends the connection at once. */
  terminate(): void;
}
