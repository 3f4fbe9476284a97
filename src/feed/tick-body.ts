/**
 * The body of an upload: plain or gzipped bytes, read with backpressure. It stands between us and the request, so that
 * it can end early (the process stops, the store is busy) and the request can still be answered.
 */
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Problem } from '../problem.js';

/** A sender that goes on after it was answered early has this long to read the answer, then its connection is cut. */
const LINGER_MS = 2_000;

/** The sender went away, or stopped in the middle of the gzip stream. */
export class BodyCutShort extends Error {
  override readonly name = 'BodyCutShort';
}

/** This process stops. */
export class BodyStopped extends Error {
  override readonly name = 'BodyStopped';
}

export class TickBody {
  readonly bytes: Readable;

  /**
   * @param request the bytes of the request
   * @param encoding Content-Encoding: `gzip`, or none
   * @throws Problem for any other encoding
   */
  constructor(
    private readonly request: Readable,
    encoding: string | undefined,
  ) {
    const through = decoder(encoding);
    this.bytes = through;
    // Whoever reads is told by the iterator; what comes after the reading is of no account.
    through.on('error', ignoreLate);
    request.on('error', (error) => through.destroy(new BodyCutShort(error.message)));
    request.once('close', () => {
      if (!request.readableEnded) through.destroy(new BodyCutShort('The connection closed'));
    });
    request.pipe(through);
  }

  /** Ends reading: whoever reads gets BodyStopped. */
  stop(): void {
    this.bytes.destroy(new BodyStopped('This process is stopping'));
  }

  /** Nothing more is read; what still comes is dropped, so that the sender gets to its answer. */
  release(): void {
    const { request } = this;
    request.unpipe();
    this.bytes.destroy();
    if (request.readableEnded || request.destroyed) return;
    request.resume();
    const cut = setTimeout(() => request.destroy(), LINGER_MS);
    request.once('end', () => clearTimeout(cut)).once('close', () => clearTimeout(cut));
  }

  /** All of it. @throws Problem (body_too_large) beyond `bytesMax`, measured after decoding */
  async whole(bytesMax: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.bytes as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax)
        throw new Problem('body_too_large', {
          detail: `Expected at most ${bytesMax} bytes; NDJSON may be of any length`,
        });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, bytes);
  }
}

function ignoreLate(): void {
  return;
}

function decoder(encoding: string | undefined): PassThrough | ReturnType<typeof createGunzip> {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return new PassThrough();
  if (encoding.toLowerCase() === 'gzip') return createGunzip();
  throw new Problem('unsupported_media_type', {
    detail: `Expected Content-Encoding to be gzip or none, was ${encoding.slice(0, 40)}`,
  });
}
