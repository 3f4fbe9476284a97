/**
 * Which WebSocket paths this process serves. Rooms add theirs before the server listens; the socket adapter does
 * the upgrade by them.
 */
import type { IncomingMessage } from 'node:http';

export interface SocketRefusal {
  /** HTTP status of the refused upgrade. */
  readonly status: number;
  /** Stable code in the problem details body. */
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

export interface SocketRoute {
  readonly path: string;
  /**
   * Known subprotocols. The first of the client's offers that is known wins and is echoed; no offer means
   * `protocolByDefault`; only unknown ones are refused with 400.
   */
  readonly protocols: readonly string[];
  readonly protocolByDefault: string;
  /** Longer messages are closed with 1009. */
  readonly messageBytesMax: number;
  /** Whether browsers of this origin may come in, and whatever else is known before the upgrade; null = admitted. */
  admit(request: IncomingMessage): SocketRefusal | null;
}

export class SocketRoutes {
  private readonly routes = new Map<string, SocketRoute>();

  add(route: SocketRoute): void {
    if (this.routes.has(route.path)) throw new Error(`Expected one route per path, ${route.path} has two`);
    this.routes.set(route.path, route);
  }

  get(path: string): SocketRoute | undefined {
    return this.routes.get(path);
  }
}
