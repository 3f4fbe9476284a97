/**
 * A client's messages: bytes → command → what it asks for. Whatever a client sends, the answer is a record or a close
 * code, and no other session notices.
 */
import { type Command, type CommandFault, ERROR_CODES, type ErrorCode, parseCommand } from '#wire';
import type { Clock } from '../clock.js';
import type { Flusher } from './flusher.js';
import { RateBudget } from './rate-budget.js';
import { ANONYMOUS, type Session } from './session.js';
import type { Subscriptions } from './subscriptions.js';

export interface CommandLimits {
  readonly channelsPerCommandMax: number;
  readonly commandsPerSecond: number;
  readonly commandBurst: number;
}

export interface CommandCounters {
  commands: number;
  refused: number;
}

/** Subject of a client's token; null when it is not valid. */
export type Authenticate = (token: string) => string | null;

/** Commands over the limit in a row before a session is closed: it does not read its errors. */
const REFUSALS_MAX = 20;
/** Answers that may wait for the client to read them, before it may ask for more: a wildcard's alone can be longer. */
const UNREAD_ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export class Commands {
  readonly counters: CommandCounters = { commands: 0, refused: 0 };
  private readonly budgets = new WeakMap<Session, RateBudget>();
  private readonly refusals = new WeakMap<Session, number>();

  /** @param hangUp says goodbye and closes */
  constructor(
    private readonly subscriptions: Subscriptions,
    private readonly flusher: Flusher,
    private readonly authenticate: Authenticate,
    private readonly clock: Clock,
    private readonly limits: CommandLimits,
    private readonly hangUp: (session: Session, reason: 'too_many_commands' | 'unauthenticated') => void,
  ) {}

  /** One message of a client. `binary` is what the frame said. */
  receive(session: Session, message: Uint8Array, binary: boolean): void {
    if (session.closing || !this.withinBudget(session)) return;
    this.counters.commands++;
    const command = this.parse(session, message, binary);
    if ('fault' in command) {
      this.refuse(session, command);
      return;
    }
    if (session.subject === null && command.op !== 'auth' && command.op !== 'ping') {
      this.refuse(session, faultOf(command.id, 'unauthenticated'));
      return;
    }
    // What the session follows must not change between the two halves of a flush.
    this.flusher.serveFirst(session);
    this.carryOut(session, command);
  }

  /** One message that is not even read. A session that goes on regardless is closed. */
  refuseUnread(session: Session): void {
    const refusals = (this.refusals.get(session) ?? 0) + 1;
    this.refusals.set(session, refusals);
    if (refusals > REFUSALS_MAX) this.hangUp(session, 'too_many_commands');
    else this.refuse(session, faultOf(null, 'too_many_commands'));
  }

  private withinBudget(session: Session): boolean {
    let budget = this.budgets.get(session);
    const nowMs = this.clock.monotonicMs();
    if (budget === undefined) {
      budget = new RateBudget(this.limits.commandsPerSecond, this.limits.commandBurst, nowMs);
      this.budgets.set(session, budget);
    }
    if (budget.take(nowMs) && session.answerBytes <= UNREAD_ANSWER_BYTES_MAX) {
      this.refusals.delete(session);
      return true;
    }
    this.refuseUnread(session);
    return false;
  }

  private parse(session: Session, message: Uint8Array, binary: boolean): Command | CommandFault {
    if (binary !== session.dialect.binary) return faultOf(null, 'wrong_frame');
    try {
      return parseCommand(session.dialect.decode(message));
    } catch (error) {
      const code = session.dialect.binary ? 'bad_msgpack' : 'bad_json';
      return {
        fault: code,
        id: null,
        message: `${ERROR_CODES[code]} ${(error as Error).message}`.slice(0, 300),
      };
    }
  }

  private refuse(session: Session, { fault, id, message }: CommandFault): void {
    this.counters.refused++;
    session.control({ type: 'error', id, code: fault, message });
  }

  private carryOut(session: Session, command: Command): void {
    switch (command.op) {
      case 'auth':
        this.auth(session, command);
        return;
      case 'subscribe':
        if (this.tooMany(session, command)) return;
        this.subscriptions.subscribe(session, command);
        return;
      case 'unsubscribe':
        if (this.tooMany(session, command)) return;
        this.subscriptions.unsubscribe(session, command);
        return;
      case 'list':
        this.subscriptions.list(session, command.id);
        return;
      case 'ping':
        session.control({ type: 'pong', id: command.id, timeUs: this.clock.nowUs() });
    }
  }

  private tooMany(session: Session, command: Extract<Command, { op: 'subscribe' | 'unsubscribe' }>): boolean {
    const { channelsPerCommandMax } = this.limits;
    if (command.channels.length <= channelsPerCommandMax) return false;
    const message = `Expected at most ${channelsPerCommandMax} channels in one command, was ${command.channels.length}`;
    this.refuse(session, { fault: 'too_many_channels', id: command.id, message });
    return true;
  }

  /** Who was let in without a token may still say who it is; who has shown one stays who it is. */
  private auth(session: Session, command: Extract<Command, { op: 'auth' }>): void {
    if (session.subject !== null && session.subject !== ANONYMOUS) {
      this.refuse(session, faultOf(command.id, 'already_authenticated'));
      return;
    }
    const subject = this.authenticate(command.token);
    if (subject === null) {
      this.refuse(session, faultOf(command.id, 'bad_token'));
      this.hangUp(session, 'unauthenticated');
      return;
    }
    session.subject = subject;
    session.control({ type: 'authenticated', id: command.id, subject });
  }
}

function faultOf(id: Command['id'], code: ErrorCode): CommandFault {
  return { fault: code, id, message: ERROR_CODES[code] };
}
