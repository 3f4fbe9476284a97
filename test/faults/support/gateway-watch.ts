/** Looks at gateways as the proxy does, all the time: is it ready, and what does its agent say. */
import { connect } from 'node:net';

const LOOK_MS = 150;
const ANSWER_MS_MAX = 400;

/** `up`: full weight; `low`: ready at a tenth; `out`: not ready, or draining; `silent`: no answer in time. */
export type Standing = 'up' | 'low' | 'out' | 'silent';

export class GatewayWatch {
  readonly changes: { readonly atMs: number; readonly standing: Standing }[] = [];
  private running: Promise<void>;
  private over = false;

  constructor(
    private readonly url: string,
    private readonly agentPort: number,
  ) {
    this.running = this.run();
  }

  get now(): Standing {
    return this.changes.at(-1)?.standing ?? 'silent';
  }

  /** ms from then until it first was one of these, 0 when it was already; undefined when it was not. */
  after(sinceMs: number, ...standings: readonly Standing[]): number | undefined {
    const before = this.changes.findLast(({ atMs }) => atMs < sinceMs);
    if (before !== undefined && standings.includes(before.standing)) return 0;
    const found = this.changes.find(({ atMs, standing }) => atMs >= sinceMs && standings.includes(standing));
    return found === undefined ? undefined : found.atMs - sinceMs;
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.over) {
      const standing = await this.look();
      if (this.now !== standing || this.changes.length === 0)
        this.changes.push({ atMs: performance.now(), standing });
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  private async look(): Promise<Standing> {
    const [ready, agent] = await Promise.all([this.ready(), this.agent()]);
    if (ready === null || agent === null) return 'silent';
    if (!ready || !agent.startsWith('ready up')) return 'out';
    return agent.includes('100%') ? 'up' : 'low';
  }

  private async ready(): Promise<boolean | null> {
    try {
      const response = await fetch(`${this.url}/ready`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
      await response.arrayBuffer();
      return response.status === 200;
    } catch {
      return null;
    }
  }

  private agent(): Promise<string | null> {
    return new Promise((resolve) => {
      const socket = connect(this.agentPort, '127.0.0.1');
      let text = '';
      socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
      socket.on('data', (bytes) => (text += bytes));
      socket.on('error', () => socket.destroy());
      socket.on('close', () => resolve(text === '' ? null : text));
    });
  }
}
