/**
 * Runs a task at most once at a time. Who asks while it runs gets a run that begins after the asking, shared with all
 * who ask meanwhile: its outcome then covers what they had seen before.
 */
export class OneAtATime {
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly task: () => Promise<void>) {}

  /** @throws what the run throws */
  run(): Promise<void> {
    if (this.running === undefined) return this.begin();
    const begin = () => this.begin();
    this.next ??= this.running.then(begin, begin);
    return this.next;
  }

  private begin(): Promise<void> {
    this.next = undefined;
    this.running = this.task().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }
}
