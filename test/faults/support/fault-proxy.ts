/** The process of proxy-process.mjs, and its links. */
import { resolve } from 'node:path';
import { OwnProcess } from '../../support/own-process.js';

export type LinkMode = 'pass' | 'delay' | 'stall' | 'half-open' | 'reset';

export class FaultProxy {
  private constructor(
    private readonly own: OwnProcess,
    private readonly url: string,
  ) {}

  static async start(): Promise<FaultProxy> {
    const own = await OwnProcess.start(process.execPath, [resolve('test/faults/support/proxy-process.mjs')]);
    const [, url] = await own.until(/ready at (\S+)/);
    return new FaultProxy(own, url!);
  }

  /** A new wire to a port on loopback, in mode `pass`. */
  async link(target: number): Promise<FaultLink> {
    const { port } = (await this.ask(`/links?target=${target}`)) as { port: number };
    return new FaultLink(port, (mode, ms) => this.ask(`/links/${port}?mode=${mode}&ms=${ms}`));
  }

  private async ask(path: string): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, { method: 'POST' });
    const body = await response.text();
    if (!response.ok) throw new Error(`Expected 200, was ${response.status}: ${body}`);
    return JSON.parse(body);
  }

  async stop(): Promise<void> {
    await this.own.stop('SIGKILL');
  }
}

export class FaultLink {
  constructor(
    /** Where to connect to. */
    readonly port: number,
    private readonly ask: (mode: LinkMode, ms: number) => Promise<unknown>,
  ) {}

  /** @param ms of `delay` */
  async set(mode: LinkMode, ms = 0): Promise<void> {
    await this.ask(mode, ms);
  }
}
