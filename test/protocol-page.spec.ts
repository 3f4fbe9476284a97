/** docs/protocol.md is the contract: what the code can say must stand there, with the numbers that are true. */
import { readFileSync } from 'node:fs';
import { FIELD_SCALES, IMAGE_FIELDS, REJECT_REASONS, SYMBOL_PATTERN } from '#market-data';
import {
  CLOSE_CODES,
  CONTROL_LAYOUT,
  ERROR_CODES,
  RECORD_TYPES,
  type StreamLimits,
  SUBPROTOCOL_JSON,
  SUBPROTOCOL_MSGPACK,
} from '#wire';
import { golden } from '../libs/wire/src/native-messages.fixture.js';
import { SETTINGS } from '../src/config.js';
import { FeedCounters } from '../src/feed/feed-counters.js';
import {
  FEED_ERRORS,
  FEED_JSON,
  FEED_MSGPACK,
  FEED_NAME_FORM,
  FEED_PATH,
} from '../src/feed/feed-messages.js';
import { PROBLEMS } from '../src/problem.js';

const page = readFileSync('docs/protocol.md', 'utf8');

/** Cells of every table row, trimmed, without backticks. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
const rowOf = (at: number, cell: string) => rows.filter((row) => row[at] === cell);

it.each(Object.entries(RECORD_TYPES))('has the record %s as number %i', (name, number) => {
  expect(rows).toContainEqual(expect.arrayContaining([String(number), name]));
});

it.each(Object.entries(CONTROL_LAYOUT))('has the items of %s in order', (name, layout) => {
  expect(rowOf(1, name)[0]?.[2]).toBe(layout.join(', '));
});

it.each(IMAGE_FIELDS.map((field, bit) => [field, bit] as const))(
  'has the field %s at bit %i',
  (field, bit) => {
    expect(rowOf(1, field)[0]?.slice(0, 3)).toEqual([String(bit), field, FIELD_SCALES[bit]]);
  },
);

it.each(Object.entries(ERROR_CODES))('has the error %s', (code) => {
  expect(rowOf(0, code).length).toBeGreaterThan(0);
});

it.each(Object.entries(CLOSE_CODES))('has the close code %s as %i', (name, code) => {
  expect(rowOf(1, name)[0]?.[0]).toBe(String(code));
});

it.each(Object.keys(REJECT_REASONS))('has the reject reason %s', (reason) => {
  expect(page.slice(page.indexOf('### Ticks'))).toContain(`| \`${reason}\` |`);
});

it.each(Object.entries(FEED_ERRORS))('has the feed error %s', (code, { fatal }) => {
  expect(rowOf(0, code).some((row) => row[1] === (fatal ? 'yes' : 'no'))).toBe(true);
});

it.each(Object.keys(new FeedCounters().busy))('has the busy reason %s', (reason) => {
  expect(page).toContain(`\`${reason}\``);
});

const LIMITS: Readonly<Record<keyof StreamLimits, keyof typeof SETTINGS>> = {
  frameBytesMax: 'clientFrameBytesMax',
  channelsPerCommandMax: 'channelsPerCommandMax',
  channelsPerSessionMax: 'channelsPerSessionMax',
  symbolsPerSessionMax: 'symbolsPerSessionMax',
  commandsPerSecond: 'commandsPerSecond',
  commandBurst: 'commandBurst',
};

it.each(Object.entries(LIMITS))('has the limit %s with its default and setting', (limit, name) => {
  const { variable, initial } = SETTINGS[name];
  expect(rowOf(0, limit)[0]?.slice(1, 3)).toEqual([String(initial(false)), variable]);
});

it.each([
  'authMs',
  'clientHeartbeatMs',
  'tradeRingSeconds',
  'sessionsMax',
  'bufferedBytesMax',
  'blockedMsMax',
  'feedMessageBytesMax',
  'feedBatchTicksMax',
  'feedBatchesInFlightMax',
  'marksMax',
] as const)('has the default of the setting %s', (name) => {
  const { variable, initial } = SETTINGS[name];
  expect(rowOf(2, variable)[0]?.[1]).toBe(String(initial(false)));
});

it('names no setting that is not one', () => {
  const variables = Object.values(SETTINGS).map(({ variable }) => variable as string);
  for (const [name] of page.matchAll(/TICKCAST_[A-Z_]+/g)) expect(variables).toContain(name);
});

it('says how to connect', () => {
  for (const name of [SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK, FEED_JSON, FEED_MSGPACK]) {
    expect(rowOf(0, name)).toHaveLength(1);
  }
  expect(page).toContain(FEED_PATH);
  expect(page.replace(/\s+/g, ' ')).toContain(FEED_NAME_FORM);
  expect(page).toContain(SYMBOL_PATTERN.source.replaceAll('\\/', '/'));
});

it.each([
  'unauthenticated',
  'forbidden',
  'malformed_header',
  'malformed_json',
  'malformed_msgpack',
  'malformed_request',
  'sequence_out_of_order',
  'body_too_large',
  'unsupported_media_type',
  'busy',
  'stopping',
] as const)('has the problem %s with its status', (code) => {
  const text = page.slice(page.indexOf('Failures are problem details'));
  const listed = text.slice(text.indexOf(`\`${code}\``));
  expect(/\((\d{3})/.exec(listed)?.[1]).toBe(String(PROBLEMS[code].status));
});

it('shows golden vectors as its examples', () => {
  const examples = page.slice(page.indexOf('## 12.')).split('\n### ').slice(1);
  expect(examples.length).toBeGreaterThan(8);
  for (const example of examples) {
    const name = example.slice(0, example.indexOf('\n'));
    const vector = [...golden.data, ...golden.control].find((candidate) => candidate.name === name);
    const blocks = [...example.matchAll(/```(?:json)?\n([^`]*)```/g)].map(([, block]) =>
      block!.replaceAll('\n', ''),
    );
    expect([name, ...blocks]).toEqual([name, vector?.json, vector?.msgpack]);
  }
});
