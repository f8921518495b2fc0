/**
 * What became of a value: `OK`, or why it has no representation in its column. Numbers, because the decoders return one
 * for every value; `REASONS` has their text, which is stable since quarantined values are grouped by it.
 */
export type DecodeOutcome = number

export const OK = 0
export const NUMERIC_NAN = 1
export const NUMERIC_INFINITY = 2
export const NUMERIC_TOO_LARGE = 3
export const NUMERIC_TOO_PRECISE = 4
export const DATE_INFINITY = 5
export const DATE_OUT_OF_RANGE = 6
export const TIMESTAMP_INFINITY = 7
export const TIMESTAMP_OUT_OF_RANGE = 8
export const INTEGER_OUT_OF_RANGE = 9
export const UNPAIRED_SURROGATE = 10
export const INVALID_JSON = 11
export const INVALID_UTF8 = 12
export const INVALID_VALUE = 13
export const NO_BINARY_DECODER = 14
export const END_OF_DAY = 15
export const TEXT_TOO_LONG = 16
export const BINARY_TOO_LONG = 17
export const JSON_NUMBER_TOO_LONG = 18

export const REASONS: readonly string[] = [
  '',
  'numeric NaN',
  'numeric infinity',
  'numeric too large',
  'numeric too precise',
  'date infinity',
  'date out of range',
  'timestamp infinity',
  'timestamp out of range',
  'integer out of range',
  'unpaired surrogate in json',
  'invalid json',
  'invalid UTF-8',
  'invalid value',
  'no binary decoder',
  'time 24:00:00',
  'text too long',
  'binary too long',
  'number too long in json',
]
