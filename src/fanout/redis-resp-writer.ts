/**
 * Writes commands as Redis reads them (RESP): a count, then each argument behind its length in bytes. The client library
 * measures, turns and joins every argument by itself; a round of commits has hundreds of them, twenty times a second.
 */
import { ByteWriter } from '#wire';

const CR = 0x0d;
const LF = 0x0a;
const STAR = 0x2a;
const DOLLAR = 0x24;
const ZERO = 0x30;
/** Longer texts are left to the encoder of the platform. */
const ASCII_LENGTH_MAX = 64;
/** What a length takes with its sign and line ends. */
const HEAD_BYTES_MAX = 24;

export class RespWriter extends ByteWriter {
  /** Begins a command anew. @param items its name and arguments */
  command(items: number): void {
    this.at = 0;
    this.head(STAR, items);
  }

  /** An argument: bytes as they are, text as UTF-8, numbers in decimal. */
  argument(argument: string | number | Uint8Array): void {
    if (typeof argument === 'string') this.string(argument);
    else if (typeof argument === 'number') this.string(String(argument));
    else this.binary(argument);
  }

  private string(text: string): void {
    if (text.length > ASCII_LENGTH_MAX || !this.ascii(text)) this.binary(Buffer.from(text));
  }

  /** @returns false when it is not ASCII: then nothing was written */
  private ascii(text: string): boolean {
    const { length } = text;
    const start = this.at;
    this.head(DOLLAR, length);
    this.reserve(length + 2);
    const { buffer } = this;
    let { at } = this;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.at = start;
        return false;
      }
      buffer[at++] = code;
    }
    buffer[at++] = CR;
    buffer[at++] = LF;
    this.at = at;
    return true;
  }

  private binary(bytes: Uint8Array): void {
    this.head(DOLLAR, bytes.length);
    this.raw(bytes);
    this.lineEnd();
  }

  private head(sign: number, count: number): void {
    this.reserve(HEAD_BYTES_MAX);
    this.buffer[this.at++] = sign;
    let digits = 1;
    for (let rest = count; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    for (let i = digits - 1, rest = count; i >= 0; i--, rest = Math.floor(rest / 10))
      this.buffer[this.at + i] = ZERO + (rest % 10);
    this.at += digits;
    this.lineEnd();
  }

  private lineEnd(): void {
    this.reserve(2);
    this.buffer[this.at++] = CR;
    this.buffer[this.at++] = LF;
  }
}

/** Arguments that were written once, to be copied into one command after another. */
export class EncodedArguments {
  readonly count: number;
  readonly bytes: Uint8Array;

  constructor(args: readonly (string | number | Uint8Array)[]) {
    const writer = new RespWriter(256);
    for (const arg of args) writer.argument(arg);
    this.count = args.length;
    this.bytes = writer.bytes();
  }
}
