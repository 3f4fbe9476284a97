/** Who wants to hear of what. A listener that throws is reported, and keeps nobody else from hearing. */
export class Listeners<Calls extends { [name in keyof Calls]: readonly unknown[] }> {
  private readonly byName: { [name in keyof Calls]?: Set<(...args: Calls[name]) => void> } = {};

  /** @param report gets what a listener throws */
  constructor(private readonly report: (error: unknown) => void) {}

  /** @returns call it to stop listening */
  on<Name extends keyof Calls>(name: Name, listener: (...args: Calls[Name]) => void): () => void {
    const listeners: Set<(...args: Calls[Name]) => void> = this.byName[name] ?? new Set();
    this.byName[name] = listeners;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  tell<Name extends keyof Calls>(name: Name, ...args: Calls[Name]): void {
    const listeners = this.byName[name];
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        listener(...args);
      } catch (error) {
        this.report(error);
      }
    }
  }
}

/** Makes an error the runtime's business without unwinding what is being done. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
