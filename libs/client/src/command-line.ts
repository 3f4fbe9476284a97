/** Tells the service of one connection what is wanted, as fast as its limits allow, and hears the answers. */
import type { CommandId, ErrorRecord, ResumePoint, StreamLimits } from '#wire';
import type { ChannelCommand, Channels } from './channels.js';
import { CommandPace } from './command-pace.js';
import type { StreamClock } from './stream-clock.js';

/** Commands without an answer yet, at most. */
const IN_FLIGHT_MAX = 16;
/** After too_many_commands. */
const PENALTY_MS = 1_000;

export class CommandLine {
  private readonly pace: CommandPace;
  private readonly inFlight = new Map<CommandId, ChannelCommand>();
  private lastId = 0;
  private cancelTimer: (() => void) | undefined;

  constructor(
    private readonly channels: Channels,
    private readonly limits: StreamLimits,
    private readonly clock: StreamClock,
    private readonly resumePoint: (symbol: string) => ResumePoint | null,
    private readonly send: (command: Readonly<Record<string, unknown>>) => void,
  ) {
    this.pace = new CommandPace(limits, clock.nowMs());
  }

  /** Sends the first command of a session that must authenticate. @returns its id */
  auth(token: string): CommandId {
    this.pace.take(this.clock.nowMs());
    const id = ++this.lastId;
    this.send({ op: 'auth', id, token });
    return id;
  }

  /** Says what may be said now, and comes back for the rest. */
  pump(): void {
    while (this.cancelTimer === undefined && this.channels.untold && this.inFlight.size < IN_FLIGHT_MAX) {
      const waitMs = this.pace.take(this.clock.nowMs());
      if (waitMs > 0) {
        this.later(waitMs);
        return;
      }
      const command = this.channels.next(this.limits, this.resumePoint);
      if (command === undefined) return;
      const id = ++this.lastId;
      this.inFlight.set(id, command);
      this.send({ ...command, id });
    }
  }

  private later(waitMs: number): void {
    this.cancelTimer = this.clock.after(waitMs, () => {
      this.cancelTimer = undefined;
      this.pump();
    });
  }

  /** The last page of an answer came. */
  answered(id: CommandId): void {
    if (this.inFlight.delete(id)) this.pump();
  }

  /** @returns the channels that this error leaves without their wish, when it answers one of our commands for good */
  refused(error: ErrorRecord): readonly string[] {
    if (error.code === 'too_many_commands') {
      this.sayAgainLater();
      return [];
    }
    const command = this.inFlight.get(error.id);
    if (command === undefined) return [];
    this.inFlight.delete(error.id);
    this.pump();
    return command.op === 'subscribe' ? command.channels : [];
  }

  /** Commands over the limit are not read, not even their id: whatever has no answer yet may be the one. */
  private sayAgainLater(): void {
    for (const command of this.inFlight.values()) this.channels.untell(command);
    this.inFlight.clear();
    this.pace.empty(this.clock.nowMs());
    this.cancelTimer?.();
    this.later(PENALTY_MS);
  }

  end(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }
}
