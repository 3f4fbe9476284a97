import fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import { IMAGE_FIELD_COUNT } from '#market-data';
import { MsgpackError, MsgpackWriter } from '#wire';
import { CHECKPOINT, CheckpointEncoder, type CheckpointVisitor, decodeCheckpoint } from './checkpoint.js';

interface Image {
  sid: number;
  seq: number;
  tradeSeq: number;
  timeUs: number;
  values: (number | null)[];
  owner: number[];
}
interface Checkpoint {
  epoch: number;
  number: number;
  images: Image[];
}

function encode({ epoch, number, images }: Checkpoint, encoder = new CheckpointEncoder()): Uint8Array {
  encoder.begin(epoch, number, images.length);
  for (const { sid, seq, tradeSeq, timeUs, values, owner } of images) {
    const row = Float64Array.from([0, ...values.map((value) => value ?? Number.NaN)]);
    encoder.symbol(sid, seq, tradeSeq, timeUs, row, 1, Uint8Array.from(owner));
  }
  return encoder.end();
}

function decode(bytes: Uint8Array): Checkpoint {
  const seen: Checkpoint = { epoch: 0, number: 0, images: [] };
  let ended = false;
  const visitor: CheckpointVisitor = {
    begin: (epoch, number) => Object.assign(seen, { epoch, number }),
    image: (sid, seq, tradeSeq, timeUs, values) =>
      seen.images.push({
        sid,
        seq,
        tradeSeq,
        timeUs,
        values: [...values].map((value) => (Number.isNaN(value) ? null : value)),
        owner: [],
      }),
    ownerPart: (sid, part) => {
      expect(sid).toBe(seen.images.at(-1)!.sid);
      seen.images.at(-1)!.owner = [...part];
    },
    end: () => {
      ended = true;
    },
  };
  decodeCheckpoint(bytes, visitor);
  expect(ended).toBe(true);
  return seen;
}

const image: fc.Arbitrary<Image> = fc.record({
  sid: fc.maxSafeNat(),
  seq: fc.maxSafeNat(),
  tradeSeq: fc.maxSafeNat(),
  timeUs: fc.maxSafeNat(),
  values: fc.array(fc.option(fc.maxSafeInteger(), { nil: null }), {
    minLength: IMAGE_FIELD_COUNT,
    maxLength: IMAGE_FIELD_COUNT,
  }),
  owner: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 }),
});
const checkpoint: fc.Arbitrary<Checkpoint> = fc.record({
  epoch: fc.maxSafeNat(),
  number: fc.maxSafeNat(),
  images: fc.array(image, { maxLength: 30 }),
});

describe('checkpoint', () => {
  it('comes out as it went in, and is plain msgpack to another library', () => {
    const encoder = new CheckpointEncoder();
    const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
    fc.assert(
      fc.property(checkpoint, (one) => {
        const bytes = encode(one, encoder);
        expect(decode(bytes)).toEqual(one);
        const [kind, epoch, number, images] = unpackr.unpack(bytes);
        expect([kind, epoch, number]).toEqual([CHECKPOINT, one.epoch, one.number]);
        expect(images.map((item: unknown[]) => item.slice(0, 5))).toEqual(
          one.images.map(({ sid, seq, tradeSeq, timeUs, values }) => [sid, seq, tradeSeq, timeUs, values]),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('has these bytes', () => {
    const values: (number | null)[] = Array.from({ length: IMAGE_FIELD_COUNT }, () => null);
    values[0] = 100;
    values[13] = 1;
    const bytes = encode({
      epoch: 5,
      number: 20,
      images: [{ sid: 3, seq: 8, tradeSeq: 200, timeUs: 1_700_000_000_000_000, values, owner: [7] }],
    });
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `940305149196${'0308ccc8cf00060a24181e4000'}${'9e64'}${'c0'.repeat(12)}${'01'}${'c40107'}`,
    );
  });

  it('is read where a newer or older writer has more or fewer fields', () => {
    const writer = new MsgpackWriter();
    const many = Array.from({ length: IMAGE_FIELD_COUNT + 2 }, (_, field) => field);
    writer.value([
      CHECKPOINT,
      1,
      2,
      [
        [7, 1, 0, 9, many, null, 'more'],
        [8, 1, 0, 9, [5], null],
      ],
      'tail',
    ]);
    const { images } = decode(writer.bytes());
    expect(images.map(({ values }) => values)).toEqual([
      many.slice(0, IMAGE_FIELD_COUNT),
      [5, ...Array.from({ length: IMAGE_FIELD_COUNT - 1 }, () => null)],
    ]);
  });

  it('is refused half written', () => {
    const encoder = new CheckpointEncoder();
    encoder.begin(1, 1, 1);
    expect(() => encoder.end()).toThrow('Expected 1 more symbols, was end()');
    encoder.symbol(1, 1, 1, 1, new Float64Array(IMAGE_FIELD_COUNT), 0, new Uint8Array(0));
    expect(() =>
      encoder.symbol(2, 1, 1, 1, new Float64Array(IMAGE_FIELD_COUNT), 0, new Uint8Array(0)),
    ).toThrow('Expected end()');
  });

  it('says what is wrong with malformed bytes, and nothing worse', () => {
    const silent: CheckpointVisitor = {
      begin: () => undefined,
      image: () => undefined,
      end: () => undefined,
    };
    const attempt = (bytes: Uint8Array) => {
      try {
        decodeCheckpoint(bytes, silent);
      } catch (error) {
        expect(error).toBeInstanceOf(MsgpackError);
      }
    };
    fc.assert(
      fc.property(
        checkpoint,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (one, edits, cut) => {
          const bytes = encode(one);
          attempt(bytes.subarray(0, cut % bytes.length));
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
          attempt(bytes);
        },
      ),
      { numRuns: 500 },
    );
    expect(() => decodeCheckpoint(new Uint8Array([0x94, 1]), silent)).toThrow(
      'Expected a checkpoint, was kind 1',
    );
  });
});
