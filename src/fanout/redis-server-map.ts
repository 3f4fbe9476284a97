/** Which server has which keys. */

/** Name of a server: `host:port` in a cluster. */
export type ServerName = string;

export interface ServerMap {
  /** Whether live messages are published with SPUBLISH, to the server that has the slot of the channel. */
  readonly isSharded: boolean;
  /** Servers that have keys. */
  readonly servers: readonly ServerName[];
  /** @returns undefined while nobody is known to have it */
  serverOf(name: string): ServerName | undefined;
  /** A server answered that another one has the slot. @returns whether that is worth another question */
  moved(message: string, asked: ServerName): boolean;
  /** A server does not answer, or says that a channel has moved: look soon. */
  doubt(): void;
  /** @param changed is called, in a later turn or in `moved`, when `serverOf` answers another server for some name */
  watch(changed: () => void): () => void;
}

/** Standalone, or the master of a Sentinel installation: there is but one, wherever it is. */
export class OneServer implements ServerMap {
  readonly isSharded = false;
  readonly servers: readonly ServerName[] = ['redis'];

  serverOf(): ServerName {
    return 'redis';
  }

  moved(): boolean {
    return false;
  }

  doubt(): void {
    // There is nothing to look at: its connections find their way.
  }

  watch(): () => void {
    return () => undefined;
  }
}
