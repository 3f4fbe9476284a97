import { createServer } from 'node:net';
import { listen } from './listen.js';

/** HAProxy closes its own side at once; whoever does not is cut off. */
const ANSWER_TIMEOUT_MS = 1_000;
const CONNECTIONS_MAX = 64;

export type AgentAnswer = 'ready up 100%' | 'ready up 10%' | 'drain';

/**
 * Answers HAProxy's agent checks with one line: how much of its share of new clients this process should get. Existing
 * connections stay. Percentages are of the server's weight, which must be 100 there: of 1 they would round to 0.
 * https://docs.haproxy.org/2.8/configuration.html#5.2-agent-check
 */
export class AgentListener {
  private readonly server = createServer((socket) => {
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.resume();
    socket.end(`${this.answer()}\n`);
  });

  constructor(private readonly answer: () => AgentAnswer) {
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** @returns the port, where 0 was asked for */
  open(port: number, host: string): Promise<number> {
    return listen(this.server, port, host);
  }

  close(): void {
    this.server.close();
  }
}
