/**
 * The order in which a process stops. Each room names what it has to stop and in which phase; a phase begins when
 * the one before it has ended, so that nothing accepted is lost: clients go first, then feeds, then the log's
 * waiting appends, then the owner's last turn, then the connections.
 */
export const STOP_PHASES = [
  /** `/ready` fails; the proxy stops sending new clients. */
  'readiness',
  /** Time for the proxy to notice. */
  'drain',
  /** Streaming clients get goodbye and 1012. */
  'sessions',
  /** Feed sockets and uploads are refused, then closed; adapters stop. */
  'feeds',
  /** Waiting appends are stored and acknowledged. */
  'log',
  /** The owner's last turn, checkpoints, leases released; followers stop. */
  'owner',
  /** Connections to Redis close. */
  'store',
] as const;
export type StopPhase = (typeof STOP_PHASES)[number];

type Step = { readonly phase: StopPhase; readonly name: string; readonly stop: () => void | Promise<void> };

export class Lifecycle {
  private readonly steps: Step[] = [];
  private running: Promise<void> | undefined;

  /** @param failed is told of a step that threw; the steps after it still run */
  constructor(private readonly failed: (name: string, error: unknown) => void) {}

  /** Whether `stop()` was called. */
  get stopping(): boolean {
    return this.running !== undefined;
  }

  /** Steps of one phase run side by side. */
  onStop(phase: StopPhase, name: string, stop: () => void | Promise<void>): void {
    this.steps.push({ phase, name, stop });
  }

  /** Runs all phases once; further calls wait for the same run. Never rejects. */
  stop(): Promise<void> {
    this.running ??= this.run();
    return this.running;
  }

  private async run(): Promise<void> {
    for (const phase of STOP_PHASES) {
      const steps = this.steps.filter((step) => step.phase === phase);
      await Promise.all(steps.map((step) => this.runStep(step)));
    }
  }

  private async runStep(step: Step): Promise<void> {
    try {
      await step.stop();
    } catch (error) {
      this.failed(`${step.phase}/${step.name}`, error);
    }
  }
}
