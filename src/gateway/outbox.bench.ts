/**
 * The shares of 64 sessions, each with 50 of 500 symbols, of which all have changed, gathered by the native part, for
 * descriptors of which the kernel knows nothing: the figure has a system call in it that is refused, and no sending.
 */
import { deepEqual } from 'node:assert/strict';
import { decodeMsgpack } from '#wire';
import { measure } from '../../bench/micro/cases.js';
import { MSGPACK, payloadsOf } from './gateway.fixture.js';
import { MarketGateway, TakingSocket } from './market-gateway.fixture.js';
import { FRAME_VALUES, loadNativeSend, type NativeSend } from './native-send.js';

const SESSIONS = 64;
const FOLLOWED = 50;
/** No process has so many files open. */
const NO_DESCRIPTOR = 1_000_000;

const native = loadNativeSend();
if (native === null) throw new Error('Expected the native part: it is built where there is a C compiler');

/** Whatever the kernel has refused counts as taken. */
class RefusedSend implements NativeSend {
  /** Copies of the frames; null = none are made. */
  kept: Buffer[] | null = null;
  constructor(private readonly inner: NativeSend) {}

  sendFrames(...sent: Parameters<NativeSend['sendFrames']>): void {
    this.inner.sendFrames(...sent);
    const [memory, , frames, , count] = sent;
    const taken = sent[11];
    for (let i = 0; i < count; i++) {
      const start = frames[i * FRAME_VALUES + 1]!;
      const length = frames[i * FRAME_VALUES + 2]!;
      this.kept?.push(Buffer.from(memory.subarray(start, start + length)));
      taken[i] = length;
    }
  }
  limitUnsent(): boolean {
    return true;
  }
}

const refused = new RefusedSend(native);
const scene = new MarketGateway(500, refused);
const lists = Array.from({ length: SESSIONS }, () => scene.choose(FOLLOWED));
for (const sids of lists) scene.join(new TakingSocket(NO_DESCRIPTOR), MSGPACK, sids);
refused.kept = [];

measure('session, gathered and refused', {
  items: SESSIONS,
  before() {
    scene.turn();
    scene.flush();
  },
  run: () => scene.serve(),
  verify() {
    const records = (payload: Uint8Array) => decodeMsgpack(payload) as number[][];
    deepEqual(
      refused.kept!.map((frame) =>
        payloadsOf(frame, true)
          .flatMap(records)
          .map(([, sid]) => sid),
      ),
      lists,
    );
    refused.kept = null;
  },
});
