/** Waiting comes in through this interface, as time does through Clock: tests drive both. */
export interface Pauses {
  /** Resolves after `ms` milliseconds, or at once when the signal aborts; never rejects. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemPauses: Pauses = {
  pause: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    }),
};
