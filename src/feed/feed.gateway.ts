/** Where Nest hands feed sockets over; their bytes go to plain classes. */
import { type OnGatewayConnection, WebSocketGateway } from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { FEED_PATH } from './feed-messages.js';
import { FeedSockets } from './feed-sockets.js';

@WebSocketGateway({ path: FEED_PATH })
export class FeedGateway implements OnGatewayConnection<WebSocket> {
  constructor(private readonly sockets: FeedSockets) {}

  handleConnection(socket: WebSocket): void {
    this.sockets.open(socket);
  }
}
