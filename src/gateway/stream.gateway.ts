/**
 * The door of `/v1/stream`: sockets in, bytes to the Gateway. Listeners are shared by all connections and find their
 * session by the socket, so that an idle connection costs little more than its socket.
 */
import type { IncomingMessage } from 'node:http';
import type { OnGatewayConnection, OnGatewayDisconnect } from '@nestjs/websockets';
import { WebSocketGateway } from '@nestjs/websockets';
import type { RawData, WebSocket } from 'ws';
import { StreamAdmission } from './admission.js';
import { dialectIndex } from './dialects.js';
import { Gateway } from './gateway.js';
import type { Session } from './session.js';
import { WsClientSocket } from './ws-client-socket.js';

export const STREAM_PATH = '/v1/stream';

interface Connection {
  readonly gateway: Gateway;
  readonly session: Session;
}

const connections = new WeakMap<WebSocket, Connection>();

@WebSocketGateway({ path: STREAM_PATH })
export class StreamGateway implements OnGatewayConnection<WebSocket>, OnGatewayDisconnect<WebSocket> {
  constructor(
    private readonly gateway: Gateway,
    private readonly admission: StreamAdmission,
  ) {}

  handleConnection(socket: WebSocket, request: IncomingMessage): void {
    const dialectAt = dialectIndex(socket.protocol) ?? this.admission.dialectByDefault;
    const subject = this.admission.subjectOf(request);
    const client = new WsClientSocket(socket, request.socket);
    this.gateway.limitUnsent(client);
    connections.set(socket, {
      gateway: this.gateway,
      session: this.gateway.open(client, dialectAt, subject),
    });
    socket.on('message', receive);
    socket.on('pong', answerProbe);
    socket.on('close', leave);
  }

  /** Nest tells it for sockets that it tracks itself; `leave` has usually come first, and twice does no harm. */
  handleDisconnect(socket: WebSocket): void {
    leave.call(socket);
  }
}

function receive(this: WebSocket, message: RawData, isBinary: boolean): void {
  const connection = connections.get(this);
  // binaryType is nodebuffer: a message is one Buffer.
  if (connection !== undefined)
    connection.gateway.inbox.receive(connection.session, message as Buffer, isBinary);
}

function answerProbe(this: WebSocket, payload: Buffer): void {
  const connection = connections.get(this);
  if (connection !== undefined) connection.gateway.pulse.pong(connection.session, payload);
}

function leave(this: WebSocket): void {
  const connection = connections.get(this);
  if (connection === undefined) return;
  connections.delete(this);
  connection.gateway.closed(connection.session);
}
