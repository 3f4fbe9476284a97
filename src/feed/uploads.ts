/** All uploads of this process (`POST /v1/ticks`): each is read, gated, stored and answered, or ended with a Problem. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Config } from '../config.js';
import type { Metrics } from '../ops/metrics.js';
import { Problem, type ProblemMore } from '../problem.js';
import { ticksOfBody } from './array-upload.js';
import type { BatchAnswer, FeedBatch } from './batch-door.js';
import type { BatchGate } from './batch-gate.js';
import { NdjsonUpload } from './ndjson-upload.js';
import { BodyCutShort, BodyStopped, TickBody } from './tick-body.js';
import { uploadFirstLine, uploadName } from './upload-name.js';
import { type UploadAnswer, UploadTally } from './upload-tally.js';
import type { UploadTurn, UploadTurns } from './upload-turns.js';

export type UploadForm = 'json' | 'ndjson' | 'msgpack';

export interface UploadsParts {
  readonly door: Pick<BatchGate, 'accept' | 'answerAgain'>;
  readonly turns: UploadTurns;
  readonly config: Pick<Config, 'feedMessageBytesMax' | 'feedBatchTicksMax'>;
}

export class Uploads {
  private readonly bodies = new Set<TickBody>();
  private stopping = false;
  private whenIdle: (() => void) | null = null;

  constructor(private readonly parts: UploadsParts) {}

  /**
   * Reads one upload to its end and answers it.
   * @throws Problem: `busy` and `stopping` may be repeated; with NDJSON they say `storedLines`
   */
  async take(form: UploadForm, headers: IncomingHttpHeaders, request: Readable): Promise<UploadAnswer> {
    if (this.stopping) throw new Problem('stopping');
    const name = uploadName(headers);
    const firstLine = uploadFirstLine(headers, name !== null && form === 'ndjson');
    const body = new TickBody(request, headers['content-encoding']);
    this.bodies.add(body);
    try {
      const turn = this.parts.turns.begin(name);
      try {
        return form === 'ndjson'
          ? await this.lines(body, turn, firstLine)
          : await this.array(body, turn, form);
      } finally {
        turn.end();
      }
    } finally {
      body.release();
      this.bodies.delete(body);
      if (this.bodies.size === 0) this.whenIdle?.();
    }
  }

  private async lines(body: TickBody, turn: UploadTurn, firstLine: number): Promise<UploadAnswer> {
    const upload = new NdjsonUpload(turn, this.offerOf(turn), firstLine);
    try {
      await upload.read(body.bytes as AsyncIterable<Buffer>);
    } catch (error) {
      throw problemOfBody(error, { ...upload.tally.answer() });
    }
    if (upload.busy !== null) throw busyProblem(upload.busy, { ...upload.tally.answer() });
    turn.stored();
    return upload.tally.answer();
  }

  private async array(body: TickBody, turn: UploadTurn, codec: 'json' | 'msgpack'): Promise<UploadAnswer> {
    const { feedMessageBytesMax, feedBatchTicksMax } = this.parts.config;
    const bytes = await body.whole(feedMessageBytesMax).catch((error) => {
      throw problemOfBody(error, {});
    });
    const ticks = ticksOfBody(bytes, codec, feedBatchTicksMax);
    const { source, session, sequence } = turn;
    const answer = await this.offerOf(turn)({ source, session, sequence, ticks });
    if (answer.outcome === 'busy') throw busyProblem(answer, {});
    turn.stored();
    const tally = new UploadTally('index');
    tally.add(ticks.length, answer.accepted, answer.rejected);
    return tally.answer();
  }

  private offerOf({ repeat }: UploadTurn): (batch: FeedBatch) => Promise<BatchAnswer> {
    const { door } = this.parts;
    return repeat ? async (batch) => door.answerAgain(batch) : (batch) => door.accept(batch);
  }

  /** Ends reading; what was taken is stored and answered. Resolves when no upload is under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const body of this.bodies) body.stop();
    if (this.bodies.size === 0) return;
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve;
    });
  }

  register(metrics: Metrics): void {
    metrics.gauge('tickcast_feed_uploads', 'Uploads of ticks under way.', [], () => [[{}, this.bodies.size]]);
  }
}

function busyProblem(
  { why, retryAfterMs }: Extract<BatchAnswer, { outcome: 'busy' }>,
  soFar: Readonly<Record<string, unknown>>,
): Problem {
  const more: ProblemMore = { ...soFar, reason: why, retryAfterSeconds: retryAfterMs / 1000 };
  return new Problem(why === 'stopping' ? 'stopping' : 'busy', more);
}

/** An error of reading the body, with what is stored until then. */
function problemOfBody(error: unknown, soFar: Readonly<Record<string, unknown>>): unknown {
  if (error instanceof BodyStopped) return new Problem('stopping', { ...soFar });
  if (error instanceof BodyCutShort)
    return new Problem('malformed_request', { ...soFar, detail: error.message });
  if (isZlibError(error))
    return new Problem('malformed_request', { ...soFar, detail: `Expected a gzip stream: ${error.message}` });
  return error;
}

function isZlibError(error: unknown): error is { readonly message: string } {
  const { code } = Object(error) as { readonly code?: unknown };
  return typeof code === 'string' && code.startsWith('Z_');
}
