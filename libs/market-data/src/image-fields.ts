/**
 * The fields of an image, in the order of their bits in a mask. The order is the protocol: fields are only ever
 * added at the end. In tables an image is IMAGE_FIELD_COUNT float64 values, NaN where the field is unknown or
 * there is no market.
 */
export const IMAGE_FIELDS = [
  'bidPrice',
  'bidSize',
  'askPrice',
  'askSize',
  'lastPrice',
  'lastSize',
  'volume',
  'tradeCount',
  'vwapPrice',
  'highPrice',
  'lowPrice',
  'openPrice',
  'previousClosePrice',
  'flags',
] as const;
export type ImageField = (typeof IMAGE_FIELDS)[number];

export const IMAGE_FIELD_COUNT = IMAGE_FIELDS.length;
/** A mask with every field. */
export const ALL_FIELDS = (1 << IMAGE_FIELD_COUNT) - 1;

export const BID_PRICE = 0;
export const BID_SIZE = 1;
export const ASK_PRICE = 2;
export const ASK_SIZE = 3;
export const LAST_PRICE = 4;
export const LAST_SIZE = 5;
export const VOLUME = 6;
export const TRADE_COUNT = 7;
export const VWAP_PRICE = 8;
export const HIGH_PRICE = 9;
export const LOW_PRICE = 10;
export const OPEN_PRICE = 11;
export const PREVIOUS_CLOSE_PRICE = 12;
export const FLAGS = 13;

/** `flags` bit 0: the bid is above the ask. */
export const FLAG_CROSSED = 1;

/** By which of an instrument's scales a field is scaled; `none` for plain counts and flags. */
export type FieldScale = 'price' | 'size' | 'volume' | 'none';
export const FIELD_SCALES: readonly FieldScale[] = [
  'price',
  'size',
  'price',
  'size',
  'price',
  'size',
  'volume',
  'none',
  'price',
  'price',
  'price',
  'price',
  'price',
  'none',
];

/** An image with its names, as a client or a test holds it: scaled integers, null where unknown. */
export type ImageValues = { readonly [field in ImageField]: number | null };
