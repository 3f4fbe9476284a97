/** Starts what makes a gateway live (its pulse, the follower that feeds it) and stops it in the order of the lifecycle. */
import type { Config } from '../config.js';
import type { Follower } from '../fanout/image-sink.js';
import type { Gateway } from './gateway.js';
import { PULSE_MS } from './pulse.js';

/** A store that does not answer must not keep the process from listening: `/ready` says what is missing. */
const LOAD_MS_MAX = 5_000;

export class GatewayLife {
  private beat: ReturnType<typeof setInterval> | undefined;
  private following: Promise<void> | undefined;

  constructor(
    private readonly gateway: Gateway,
    private readonly follower: Follower,
    private readonly config: Pick<Config, 'drainSpreadMs'>,
  ) {}

  /** Resolves when all partitions are loaded, or after a while without them. */
  async start(): Promise<void> {
    this.beat = setInterval(() => this.gateway.pulse.run(), PULSE_MS);
    this.following = this.follower.start(this.gateway.sink);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LOAD_MS_MAX);
    });
    await Promise.race([this.following, patience]);
    clearTimeout(timer);
  }

  /** All clients are told and closed. */
  drain(): Promise<void> {
    return this.gateway.drain(this.config.drainSpreadMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.beat);
    this.gateway.flusher.stop();
    await this.follower.stop();
  }
}
