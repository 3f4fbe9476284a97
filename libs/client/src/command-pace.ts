/**
 * A token bucket that stays inside the service's own: half of its burst and four fifths of its rate, because
 * commands that a slow network holds back arrive closer together than they were sent.
 */
import type { StreamLimits } from '#wire';

/** Tokens are counted in thousandths: as many per ms as commands go per second. */
const COMMAND = 1_000;

export class CommandPace {
  private readonly perMs: number;
  private readonly burst: number;
  private tokens: number;
  private atMs: number;

  constructor(limits: Pick<StreamLimits, 'commandsPerSecond' | 'commandBurst'>, nowMs: number) {
    this.perMs = limits.commandsPerSecond * 0.8;
    this.burst = Math.max(1, Math.floor(limits.commandBurst / 2)) * COMMAND;
    this.tokens = this.burst;
    this.atMs = nowMs;
  }

  /** @returns 0 when a command may go now (it is counted), else ms until one may */
  take(nowMs: number): number {
    this.tokens = Math.min(this.burst, this.tokens + (nowMs - this.atMs) * this.perMs);
    this.atMs = nowMs;
    if (this.tokens >= COMMAND) {
      this.tokens -= COMMAND;
      return 0;
    }
    return Math.ceil((COMMAND - this.tokens) / this.perMs);
  }

  /** The service said too_many_commands: begin again with nothing in hand. */
  empty(nowMs: number): void {
    this.tokens = 0;
    this.atMs = nowMs;
  }
}
