import fc from 'fast-check';
import { parseCommand } from '#wire';
import { CHANNELS_MAX, Channels } from './channels.js';

const WIDE = { channelsPerCommandMax: 500, frameBytesMax: 65_536 };
const noPoint = () => null;

it('knows what its channels cover', () => {
  const channels = new Channels();
  channels.want('ticker:AAPL', null);
  channels.want('trade:BTC*', null);
  channels.want('status:*', null);
  expect(channels.covers('ticker', 'AAPL')).toBe(true);
  expect(channels.covers('ticker', 'AAPLX')).toBe(false);
  expect(channels.covers('trade', 'BTC/USD')).toBe(true);
  expect(channels.covers('trade', 'AAPL')).toBe(false);
  expect(channels.covers('status', 'ANY')).toBe(true);
  channels.drop('trade:BTC*');
  expect(channels.covers('trade', 'BTC/USD')).toBe(false);
});

it('has a limit', () => {
  const channels = new Channels();
  for (let i = 0; i < CHANNELS_MAX; i++) channels.want(`ticker:S${i}`, null);
  channels.want('ticker:S1', 2);
  expect(() => channels.want('ticker:MORE', null)).toThrow(RangeError);
  expect(channels.size).toBe(CHANNELS_MAX);
});

it('makes commands that fit one message of the service, resume points included', () => {
  const channels = new Channels();
  for (let i = 0; i < 500; i++) channels.want(`trade:${String(i).padStart(24, 'X')}`, null);
  const point = () => [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;
  let told = 0;
  let commands = 0;
  while (channels.untold) {
    const command = channels.next({ channelsPerCommandMax: 500, frameBytesMax: 4_096 }, point)!;
    told += command.channels.length;
    expect(JSON.stringify({ ...command, id: 123_456 }).length).toBeLessThanOrEqual(4_096);
    commands++;
  }
  expect(told).toBe(500);
  expect(commands).toBeLessThan(20);
});

it('tells the service, command by command, exactly what is wanted in the end', () => {
  const channel = fc.constantFrom('ticker:A', 'ticker:B', 'ticker:C*', 'trade:A', 'trade:B', 'status:*');
  const step = fc.oneof(
    fc.record({ do: fc.constant('want' as const), channel, hz: fc.constantFrom(null, 1, 5) }),
    fc.record({ do: fc.constant('drop' as const), channel }),
    fc.record({ do: fc.constantFrom('tell' as const, 'lose' as const, 'reconnect' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, perCommand) => {
      const channels = new Channels();
      const wanted = new Map<string, number | null>();
      let session = new Map<string, number | null>();
      const tell = (): void => {
        const command = channels.next({ ...WIDE, channelsPerCommandMax: perCommand }, noPoint);
        if (command === undefined) return;
        expect(parseCommand({ ...command, id: 1 })).not.toHaveProperty('fault');
        expect(command.channels.length).toBeLessThanOrEqual(perCommand);
        for (const name of command.channels) {
          if (command.op === 'unsubscribe') session.delete(name);
          else session.set(name, command.hz ?? null);
        }
      };
      for (const one of steps) {
        if (one.do === 'want') {
          channels.want(one.channel, one.hz);
          wanted.set(one.channel, one.channel.startsWith('ticker') ? one.hz : null);
        } else if (one.do === 'drop') {
          expect(channels.drop(one.channel)).toBe(wanted.delete(one.channel));
        } else if (one.do === 'tell') {
          tell();
        } else if (one.do === 'lose') {
          const command = channels.next({ ...WIDE, channelsPerCommandMax: perCommand }, noPoint);
          if (command !== undefined) channels.untell(command);
        } else {
          session = new Map();
          channels.tellAgain();
        }
      }
      while (channels.untold) tell();
      expect(session).toEqual(wanted);
    }),
    { numRuns: 1_000, seed: 20260729 },
  );
});
