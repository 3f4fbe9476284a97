/** One process of the installation under test, on ports of its own that it keeps over restarts; what it did unasked is noted. */
import { readFile } from 'node:fs/promises';
import { freePort } from '../../support/free-port.js';
import { startTickcast, type Tickcast } from '../../support/tickcast.js';
import type { ProcessRecord } from './history.js';

const LOOK_MS = 500;

export class Member {
  megabytesMax = 0;
  private process: Tickcast | null = null;
  private ended: string | null = null;
  private outputs: string[] = [];
  private readonly timer: NodeJS.Timeout;

  private constructor(
    readonly name: string,
    readonly port: number,
    private readonly env: Readonly<Record<string, string>>,
  ) {
    this.timer = setInterval(() => void this.weigh(), LOOK_MS);
  }

  /** Not started yet. @param env its settings beside port and name */
  static async make(name: string, env: Readonly<Record<string, string>>): Promise<Member> {
    const port = await freePort();
    return new Member(name, port, { ...env, TICKCAST_NODE: name, TICKCAST_PORT: String(port) });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const process = await startTickcast({ env: this.env });
    this.process = process;
    void this.watch(process);
  }

  private async watch(process: Tickcast): Promise<void> {
    const { code, signal } = await process.exited;
    this.outputs.push(process.output());
    if (this.process !== process) return;
    this.process = null;
    this.ended ??= `code ${code}, signal ${signal}`;
  }

  private get running(): Tickcast {
    if (this.process === null) throw new Error(`Expected ${this.name} to run, it ended: ${this.ended}`);
    return this.process;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const process = this.running;
    this.process = null;
    process.kill('SIGKILL');
    await process.exited;
  }

  pause(): void {
    this.running.kill('SIGSTOP');
  }

  resume(): void {
    this.running.kill('SIGCONT');
  }

  signal(signal: NodeJS.Signals): void {
    this.running.kill(signal);
  }

  /** SIGTERM; resolves when it has ended. @returns its exit code */
  async stop(): Promise<number | null> {
    const { process } = this;
    if (process === null) return null;
    this.process = null;
    return (await process.stop()).code;
  }

  /** Ends it for good. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.stop();
  }

  private async weigh(): Promise<void> {
    if (this.process === null || process.platform !== 'linux') return;
    // It may end between the look and the read.
    const status = await readFile(`/proc/${this.process.pid}/status`, 'utf8').catch(() => '');
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
    this.megabytesMax = Math.max(this.megabytesMax, Math.round(kilobytes / 1024));
  }

  record(): ProcessRecord {
    return { name: this.name, ended: this.ended, megabytesMax: this.megabytesMax };
  }

  /** What all its lives have written. */
  output(): string {
    return [...this.outputs, this.process?.output() ?? ''].join('\n--- next start ---\n');
  }
}
