/**
 * Processes that a test starts, and only those: each is ended by its own pid, at the latest when the spec file is
 * through or this process goes, whether or not a test failed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

const running = new Set<OwnProcess>();

export class OwnProcess {
  /** Standard output so far. */
  stdout = '';
  /** Standard error so far. */
  stderr = '';
  readonly exited: Promise<Exit>;
  readonly pid: number;
  private ended: Exit | undefined;

  private constructor(
    readonly command: string,
    private readonly child: ChildProcess,
  ) {
    this.pid = child.pid ?? 0;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = once(child, 'close').then(([code, signal]) => {
      running.delete(this);
      this.ended = { code, signal };
      return this.ended;
    });
  }

  /** @throws when the command cannot be run at all */
  static async start(
    command: string,
    args: readonly string[],
    options: StartOptions = {},
  ): Promise<OwnProcess> {
    const child = spawn(command, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    await once(child, 'spawn');
    const own = new OwnProcess(`${command} ${args.join(' ')}`, child);
    running.add(own);
    return own;
  }

  /** All output so far, for messages of failed tests. */
  output(): string {
    return `${this.stdout}${this.stderr}`;
  }

  /**
   * Resolves with the first match in what the process has written and will write.
   * @throws when it ends, or `timeoutMs` pass, before that; the message carries its output
   */
  async until(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
    const match = pattern.exec(this.output());
    if (match !== null) return match;
    const { child } = this;
    return new Promise((resolve, reject) => {
      const finish = (why: string | undefined, found?: RegExpExecArray) => {
        clearTimeout(timer);
        child.stdout?.off('data', look);
        child.stderr?.off('data', look);
        child.off('close', closed);
        if (found !== undefined) resolve(found);
        else reject(new Error(`${this.command} ${why}. It wrote:\n${this.output()}`));
      };
      const look = () => {
        const found = pattern.exec(this.output());
        if (found !== null) finish(undefined, found);
      };
      const closed = () => finish(`ended before ${pattern} was seen`);
      const timer = setTimeout(() => finish(`did not write ${pattern} within ${timeoutMs} ms`), timeoutMs);
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      child.on('close', closed);
      if (this.ended !== undefined) closed();
    });
  }

  /** Whether the process still took the signal. */
  kill(signal: NodeJS.Signals): boolean {
    return this.child.kill(signal);
  }

  /** Ends it: `signal` first, SIGKILL after `timeoutMs`. Also one that is stopped by SIGSTOP. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 10_000): Promise<Exit> {
    if (this.ended !== undefined) return this.ended;
    this.kill(signal);
    this.kill('SIGCONT');
    const last = setTimeout(() => this.kill('SIGKILL'), timeoutMs);
    const exit = await this.exited;
    clearTimeout(last);
    return exit;
  }
}

/** Ends whatever a test left running. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((own) => own.stop()));
}

process.on('exit', () => {
  for (const own of running) own.kill('SIGKILL');
});
if (typeof afterAll === 'function') afterAll(stopAll, 60_000);
