import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { PROBLEM_CONTENT_TYPE } from './problem.js';
import type { SocketRefusal } from './socket-routes.js';

/** Answers an upgrade that is not made, as problem details (RFC 9457), and closes the connection. */
export function refuseUpgrade(socket: Duplex, request: IncomingMessage, refusal: SocketRefusal): void {
  const { status, code, message, retryAfterSeconds } = refusal;
  const body = JSON.stringify({
    type: `urn:tickcast:problem:${code}`,
    title: STATUS_CODES[status],
    status,
    detail: message,
    instance: request.url?.split('?', 1)[0],
    code,
  });
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    `Content-Type: ${PROBLEM_CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    // RFC 9110 11.6.1: a 401 names the scheme that is wanted. RFC 6455 4.4: a 400 may be for the version.
    ...(status === 401 ? ['WWW-Authenticate: Bearer realm="tickcast"'] : []),
    ...(status === 400 ? ['Sec-WebSocket-Version: 13, 8'] : []),
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${Math.max(1, Math.ceil(retryAfterSeconds))}`]),
  ];
  // A client that is gone before it has read the answer is no fault of anybody's.
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`);
}
