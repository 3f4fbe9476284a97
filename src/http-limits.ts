/** The HTTP server and its limits: what a request may cost before anyone has looked at it. */
import type { Server } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Config } from './config.js';
import { answerProblem } from './problem.filter.js';

/** A half request is held this long, no longer: Node's own default of 60 s invites slow senders. */
const HEADERS_TIMEOUT_MS = 5_000;
/** How often the timeouts are looked at. */
const CHECK_INTERVAL_MS = 1_000;
/** A connection that moves no byte for this long is closed. Streams of clients are exempt: they have probes. */
const IDLE_TIMEOUT_MS = 30_000;
/** Longer than HAProxy keeps its idle connections, so that it never sends into one that is just being closed. */
const KEEP_ALIVE_MS = 75_000;
const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_MAX = 100;
/** Beside the streaming clients: operators, feeds, health checks, pages. */
const OTHER_CONNECTIONS_MAX = 2_000;
/** What a route may raise for itself. */
const BODY_BYTES_MAX = 256 * 1024;

/** A whole request has no time limit: an upload of ticks may be of any length, as long as it moves. */
export function createHttpAdapter(config: Pick<Config, 'sessionsMax'>): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_BYTES_MAX,
    connectionTimeout: IDLE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    // Whose address a request has comes by the PROXY protocol, never by a header that anyone may send.
    trustProxy: false,
    frameworkErrors: answerProblem,
  });
  const server = adapter.getInstance().server as Server;
  server.maxHeadersCount = HEADERS_MAX;
  server.maxConnections = config.sessionsMax + OTHER_CONNECTIONS_MAX;
  return adapter;
}
