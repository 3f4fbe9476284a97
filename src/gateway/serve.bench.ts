/**
 * Second half of a flush: the shares of sessions, each with 50 of 500 symbols, free and in step. Frames are gathered
 * in JavaScript and handed to a socket that does nothing with them: stream and kernel are not in the figures.
 */
import { deepEqual } from 'node:assert/strict';
import { measure } from '../../bench/micro/cases.js';
import { DIALECTS } from './dialects.js';
import { JSON_DIALECT, MSGPACK, payloadsOf } from './gateway.fixture.js';
import { MarketGateway, TakingSocket } from './market-gateway.fixture.js';

const SYMBOLS = 500;
const FOLLOWED = 50;

interface Share {
  readonly dialectAt: number;
  readonly sessions?: number;
  /** Whether all follow the same symbols. */
  readonly together?: boolean;
  /** Of so many symbols one has changed. */
  readonly every?: number;
}

function measureShares(name: string, { dialectAt, sessions = 64, together = false, every = 1 }: Share): void {
  const scene = new MarketGateway(SYMBOLS);
  const shared = scene.choose(FOLLOWED);
  const clients = Array.from({ length: sessions }, () => {
    const socket = new TakingSocket();
    const sids = together ? shared : scene.choose(FOLLOWED);
    scene.join(socket, dialectAt, sids);
    socket.kept = [];
    return { socket, sids };
  });

  measure(name, {
    items: sessions,
    before() {
      scene.turn(every);
      scene.flush();
    },
    run: () => scene.serve(),
    verify() {
      const { changedIn } = scene.lane;
      const changed = clients.map(({ sids }) => sids.filter((sid) => changedIn[sid] === scene.pass));
      deepEqual(
        clients.map(({ socket }) => socket.kept!.flatMap((frames) => sidsIn(frames, dialectAt))),
        changed,
      );
      for (const { socket } of clients) socket.kept = null;
    },
  });
}

/** Symbols of the updates in these frames. */
function sidsIn(frames: Uint8Array, dialectAt: number): unknown[] {
  const dialect = DIALECTS[dialectAt]!;
  const records = payloadsOf(frames, dialect.binary).flatMap(
    (payload) => dialect.decode(payload) as unknown[],
  );
  return records.map((record) => (Array.isArray(record) ? record[1] : (record as { sid: number }).sid));
}

measureShares('session, all its symbols changed', { dialectAt: MSGPACK });
measureShares('session, one symbol in 50 changed', { dialectAt: MSGPACK, every: 50 });
measureShares('session in JSON, all its symbols changed', { dialectAt: JSON_DIALECT });
measureShares('session of a cohort, all its symbols changed', {
  dialectAt: MSGPACK,
  sessions: 1000,
  together: true,
});
