/**
 * Messages of clients, each in its turn. After the loss of a gateway thousands of clients subscribe in one moment: they
 * are served a slice of the event loop's time after the other, in the order in which they came, so that those who are
 * there already see their prices meanwhile. A client of which a message waits is not read on, so what waits is what one
 * read had brought; beyond a limit over all clients a message is refused.
 */
import type { Clock } from '../clock.js';
import { Fifo } from '../fifo.js';
import type { Commands } from './commands.js';
import type { FlushTimers } from './flusher.js';
import type { Session } from './session.js';

/** As long as a slice of a flush. */
const SLICE_MS = 2;
/** A subscribe to 500 channels takes some 8 KB. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** What an empty one takes, too. */
export const MESSAGE_BYTES = 256;

interface Message {
  readonly session: Session;
  readonly bytes: Uint8Array;
  readonly binary: boolean;
}

export class Inbox {
  private readonly waiting = new Fifo<Message>();
  private waitingBytes = 0;
  /** In this turn of the event loop. */
  private spentMs = 0;
  private handedOver = 0;
  private nextTurnIsSet = false;

  /** @param sliceMs how long messages may take in one turn of the event loop; one always has its share */
  constructor(
    private readonly commands: Commands,
    private readonly clock: Clock,
    private readonly timers: Pick<FlushTimers, 'soon'>,
    private readonly sliceMs = SLICE_MS,
    private readonly waitingBytesMax = WAITING_BYTES_MAX,
  ) {}

  /** Messages that wait. */
  get length(): number {
    return this.waiting.length;
  }

  /** One message of a client; its bytes must not change any more. `binary` is what the frame said. */
  receive(session: Session, bytes: Uint8Array, binary: boolean): void {
    if (session.closing) return;
    if (this.waiting.length === 0 && this.hasTime) this.handOver({ session, bytes, binary });
    else if (this.waitingBytes + sizeOf(bytes) > this.waitingBytesMax) this.commands.refuseUnread(session);
    else this.wait({ session, bytes, binary });
    this.awaitNextTurn();
  }

  private get hasTime(): boolean {
    return this.handedOver === 0 || this.spentMs < this.sliceMs;
  }

  private wait(message: Message): void {
    this.waiting.push(message);
    this.waitingBytes += sizeOf(message.bytes);
    message.session.messageWaits(this.clock.monotonicMs());
  }

  private awaitNextTurn(): void {
    if (this.nextTurnIsSet) return;
    this.nextTurnIsSet = true;
    this.timers.soon(() => {
      this.nextTurnIsSet = false;
      this.spentMs = 0;
      this.handedOver = 0;
      this.handOverWaiting();
    });
  }

  private handOverWaiting(): void {
    while (this.waiting.length > 0 && this.hasTime) {
      const message = this.waiting.shift()!;
      this.waitingBytes -= sizeOf(message.bytes);
      this.handOver(message);
      message.session.messageHadItsTurn(this.clock.monotonicMs());
    }
    if (this.handedOver > 0) this.awaitNextTurn();
  }

  private handOver({ session, bytes, binary }: Message): void {
    const startMs = this.clock.monotonicMs();
    this.commands.receive(session, bytes, binary);
    this.spentMs += this.clock.monotonicMs() - startMs;
    this.handedOver++;
  }
}

function sizeOf(bytes: Uint8Array): number {
  return MESSAGE_BYTES + bytes.length;
}
