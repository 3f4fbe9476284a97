import type { IncomingMessage } from 'node:http';
import { ApiKeys } from '../api-keys.js';
import { readConfig } from '../config.js';
import type { SocketRefusal } from '../socket-routes.js';
import { StreamAdmission, subjectOfToken } from './admission.js';
import { ClockFixture } from './gateway.fixture.js';

const KEYS = {
  REDIS_URL: 'redis://127.0.0.1:1',
  TICKCAST_ADMIN_KEY: 'admin-key',
  TICKCAST_FEED_KEY: 'feed-key',
  TICKCAST_CLIENT_KEY: 'client-key',
};

const clock = new ClockFixture();

function admission(environment: Readonly<Record<string, string>> = {}, sessions = 0): StreamAdmission {
  const config = readConfig({ ...KEYS, ...environment });
  return new StreamAdmission(
    config,
    new ApiKeys(config),
    () => sessions,
    clock,
    () => 0.5,
  );
}

/** Only the headers of a request count here. */
function request(headers: Readonly<Record<string, string>>): IncomingMessage {
  return { headers } as unknown as IncomingMessage;
}

function admit(door: StreamAdmission, headers: Readonly<Record<string, string>>): SocketRefusal | null {
  return door.route('/v1/stream').admit(request(headers));
}

describe('who may open a stream', () => {
  it.each([
    [{}, null],
    [{ origin: 'http://desk.example.com', host: 'desk.example.com' }, null],
    [{ origin: 'https://desk.example.com', host: 'desk.example.com' }, null],
    [{ origin: 'https://desk.example.com', host: 'desk.example.com:8080' }, 403],
    [{ origin: 'https://evil.example.com', host: 'desk.example.com' }, 403],
    [{ origin: 'https://desk.example.com.evil.com', host: 'desk.example.com' }, 403],
    [{ origin: 'null', host: 'desk.example.com' }, 403],
    [{ origin: 'https://desk.example.com' }, 403],
    [{ origin: 'https://listed.example.com', host: 'gateway:8080' }, null],
  ])('%j is answered %j', (headers, status) => {
    const door = admission({ TICKCAST_ORIGINS: 'https://listed.example.com,https://other.example.com' });
    expect(admit(door, headers)?.status ?? null).toBe(status);
  });

  it('says which origin it refused and which setting lists them', () => {
    const refusal = admit(admission(), { origin: `https://${'a'.repeat(200)}.com`, host: 'here' });
    expect(refusal?.code).toBe('origin_forbidden');
    expect(refusal?.message).toContain('TICKCAST_ORIGINS');
    expect(refusal!.message.length).toBeLessThan(250);
  });

  it('is nobody more once the gateway is full', () => {
    const settings = { TICKCAST_SESSIONS_MAX: '2' };
    expect(admit(admission(settings, 1), {})).toBeNull();
    expect(admit(admission(settings, 2), {})).toMatchObject({
      status: 503,
      code: 'overloaded',
      retryAfterSeconds: 3,
    });
  });

  it('are no more at once than the burst, then as many as the rate lets in, and all are counted', () => {
    const door = admission({ TICKCAST_CONNECT_BURST: '3', TICKCAST_CONNECTS_PER_SECOND: '10' });
    const statuses = (count: number) => Array.from({ length: count }, () => admit(door, {})?.status ?? null);
    expect(statuses(5)).toEqual([null, null, null, 503, 503]);
    clock.ms += 200;
    expect(statuses(3)).toEqual([null, null, 503]);
    clock.ms += 60_000;
    expect(statuses(4)).toEqual([null, null, null, 503]);
    expect(door.counters.refusedByCode).toEqual({ overloaded: 4 });
  });

  it('who is refused for another reason costs the others nothing', () => {
    const door = admission({ TICKCAST_CONNECT_BURST: '1' });
    for (let i = 0; i < 5; i++) admit(door, { origin: 'https://evil.example.com', host: 'here' });
    expect(admit(door, {})).toBeNull();
    expect(door.counters.refusedByCode).toEqual({ origin_forbidden: 5 });
  });

  it('takes messages up to the limit, and both codecs, JSON when none is asked for', () => {
    expect(admission({ TICKCAST_CLIENT_FRAME_BYTES_MAX: '4096' }).route('/v1/stream')).toMatchObject({
      path: '/v1/stream',
      protocols: ['tickcast.v1.msgpack', 'tickcast.v1.json'],
      protocolByDefault: 'tickcast.v1.json',
      messageBytesMax: 4096,
    });
  });
});

describe('who a session is', () => {
  const subjectOf = (door: StreamAdmission, authorization?: string) =>
    door.subjectOf(request(authorization === undefined ? {} : { authorization }));

  it('is told by its key; feed handlers only bring ticks', () => {
    const door = admission();
    expect(subjectOf(door, 'Bearer client-key')).toMatch(/^client:/);
    expect(subjectOf(door, 'Bearer admin-key')).toMatch(/^operator:/);
    expect(subjectOf(door, 'Bearer feed-key')).toBeNull();
    expect(subjectOf(door, 'Bearer wrong')).toBeNull();
    expect(subjectOf(door)).toBeNull();
  });

  it('is anonymous where no token is asked for, unless it shows one', () => {
    const door = admission({ TICKCAST_ANONYMOUS: 'on' });
    expect(subjectOf(door)).toBe('anonymous');
    expect(subjectOf(door, 'Bearer wrong')).toBe('anonymous');
    expect(subjectOf(door, 'Bearer client-key')).toMatch(/^client:/);
  });

  it('is told by a token of the auth command alike', () => {
    const keys = new ApiKeys(readConfig(KEYS));
    expect(subjectOfToken(keys, 'client-key')).toMatch(/^client:/);
    expect(subjectOfToken(keys, 'feed-key')).toBeNull();
    expect(subjectOfToken(keys, '')).toBeNull();
  });
});
