/** A command whose bytes are made here: the client library sends them as they are, and does everything else as ever. */
import { Command } from 'ioredis';

export class EncodedCommand extends Command {
  /**
   * @param name as the library has to know it, in small letters
   * @param bytes the whole command, by RespWriter; not changed any more
   */
  constructor(
    name: string,
    private readonly bytes: Buffer,
  ) {
    super(name, [], { replyEncoding: null });
  }

  override toWritable(): Buffer {
    return this.bytes;
  }
}
