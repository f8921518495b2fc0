/**
 * Dates and times: Postgres' binary form (days and microseconds since 2000-01-01) and its ISO text form → days and
 * microseconds since 1970-01-01, proleptic Gregorian.
 */
import {
  DATE_INFINITY,
  DATE_OUT_OF_RANGE,
  type DecodeOutcome,
  INVALID_VALUE,
  OK,
  TIMESTAMP_INFINITY,
  TIMESTAMP_OUT_OF_RANGE,
} from './decode-outcome.ts'
import type { VectorBuilder } from './vector-builder.ts'
import type { WireBuffer } from './wire-buffer.ts'

const TWO_32 = 4294967296
/** 1970-01-01 to 2000-01-01. */
export const EPOCH_DAYS = 10957
export const EPOCH_MICROS_HIGH = Math.floor((EPOCH_DAYS * 86_400_000_000) / TWO_32)
export const EPOCH_MICROS_LOW = EPOCH_DAYS * 86_400_000_000 - EPOCH_MICROS_HIGH * TWO_32
/** DuckDB takes the largest int64 for its infinity, so the last microsecond that it has is the one before (in year 294247). */
const MICROS_MAX = 2n ** 63n - 2n
/** Postgres' earliest timestamp (4714-11-24 BC) is far within the range of an int64 since 1970. */
const MICROS_MIN = -(2n ** 63n) + 2n
const DATE_DAYS_MAX = 2 ** 31 - 2

export const DATE_PLUS_INFINITY = 0x7fffffff
export const DATE_MINUS_INFINITY = -0x80000000

export function appendBinaryDate(builder: VectorBuilder, row: number, days: number): DecodeOutcome {
  if (days === DATE_PLUS_INFINITY || days === DATE_MINUS_INFINITY) return DATE_INFINITY
  if (days > DATE_DAYS_MAX - EPOCH_DAYS) return DATE_OUT_OF_RANGE
  const at = builder.open(row, 4)
  builder.view.setInt32(at, days + EPOCH_DAYS, true)
  return OK
}

/** `high` and `low`: the two halves of the int64 of microseconds since 2000-01-01, `low` without sign. */
export function appendBinaryTimestamp(builder: VectorBuilder, row: number, high: number, low: number): DecodeOutcome {
  const sum = low + EPOCH_MICROS_LOW
  const resultLow = sum >= TWO_32 ? sum - TWO_32 : sum
  const resultHigh = high + EPOCH_MICROS_HIGH + (sum >= TWO_32 ? 1 : 0)
  if (resultHigh >= 0x7fffffff || high === -0x80000000) {
    if ((high === 0x7fffffff && low === 0xffffffff) || (high === -0x80000000 && low === 0)) return TIMESTAMP_INFINITY
    if (resultHigh > 0x7fffffff || resultLow === 0xffffffff) return TIMESTAMP_OUT_OF_RANGE
  }
  const at = builder.open(row, 8)
  builder.view.setUint32(at, resultLow, true)
  builder.view.setInt32(at + 4, resultHigh, true)
  return OK
}

// The text forms. One value is parsed at a time, so where the parser stands is kept here and not in an object per value.
let at = 0
let end = 0
/** Results of the parsers: days, and seconds and microseconds within the day. */
let days = 0
let seconds = 0
let micros = 0

/** `2024-02-29`, `10000-01-01`, `0044-03-15 BC`. */
export function appendTextDate(
  builder: VectorBuilder,
  row: number,
  source: WireBuffer,
  offset: number,
  length: number,
): DecodeOutcome {
  at = offset
  end = offset + length
  const view = source.view
  if (isInfinity(view)) return DATE_INFINITY
  if (!parseDate(view, trimEra(view)) || at !== end) return INVALID_VALUE
  if (days > DATE_DAYS_MAX) return DATE_OUT_OF_RANGE
  const to = builder.open(row, 4)
  builder.view.setInt32(to, days, true)
  return OK
}

/** `2024-02-29 12:00:00.5`, with an offset from UTC (`+00`, `-03:30`) where `zoned`, and ` BC` at the end. */
export function appendTextTimestamp(
  builder: VectorBuilder,
  row: number,
  source: WireBuffer,
  offset: number,
  length: number,
  zoned: boolean,
): DecodeOutcome {
  at = offset
  end = offset + length
  const view = source.view
  if (isInfinity(view)) return TIMESTAMP_INFINITY
  if (!parseDate(view, trimEra(view)) || !expect(view, 0x20) || !parseTime(view)) return INVALID_VALUE
  if (zoned && !parseZone(view)) return INVALID_VALUE
  if (at !== end) return INVALID_VALUE
  return storeMicros(builder, row, days * 86400 + seconds, micros, TIMESTAMP_OUT_OF_RANGE)
}

/** `23:59:59.999999`, `24:00:00`. */
export function appendTextTime(
  builder: VectorBuilder,
  row: number,
  source: WireBuffer,
  offset: number,
  length: number,
): DecodeOutcome {
  at = offset
  end = offset + length
  if (!parseTime(source.view) || at !== end || seconds > 86400 || (seconds === 86400 && micros > 0))
    return INVALID_VALUE
  return storeMicros(builder, row, seconds, micros, INVALID_VALUE)
}

function storeMicros(
  builder: VectorBuilder,
  row: number,
  wholeSeconds: number,
  fraction: number,
  outOfRange: DecodeOutcome,
): DecodeOutcome {
  const total = wholeSeconds * 1e6 + fraction
  if (Math.abs(total) <= Number.MAX_SAFE_INTEGER) {
    const to = builder.open(row, 8)
    builder.view.setInt32(to, total, true)
    builder.view.setInt32(to + 4, Math.floor(total / TWO_32), true)
    return OK
  }
  const exact = BigInt(wholeSeconds) * 1_000_000n + BigInt(fraction)
  if (exact > MICROS_MAX || exact < MICROS_MIN) return outOfRange
  const to = builder.open(row, 8)
  builder.view.setBigInt64(to, exact, true)
  return OK
}

function isInfinity(view: DataView): boolean {
  // `infinity` and `-infinity`: no other form has an `i` first or second.
  const first = at < end ? view.getUint8(at) : 0
  return first === 0x69 || (first === 0x2d && at + 1 < end && view.getUint8(at + 1) === 0x69)
}

/** Takes ` BC` off the end. */
function trimEra(view: DataView): boolean {
  if (end - at < 3 || view.getUint8(end - 1) !== 0x43 || view.getUint8(end - 2) !== 0x42) return false
  end -= 3
  return true
}

function expect(view: DataView, byte: number): boolean {
  if (at >= end || view.getUint8(at) !== byte) return false
  at++
  return true
}

/** Digits up to `most`; -1 where there are fewer than `least`. */
function parseDigits(view: DataView, least: number, most: number): number {
  let value = 0
  let count = 0
  while (count < most && at < end) {
    const digit = view.getUint8(at) - 0x30
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
    count++
    at++
  }
  return count < least ? -1 : value
}

function parseDate(view: DataView, beforeChrist: boolean): boolean {
  const year = parseDigits(view, 4, 7)
  if (year < 0 || !expect(view, 0x2d)) return false
  const month = parseDigits(view, 2, 2)
  if (month < 1 || month > 12 || !expect(view, 0x2d)) return false
  const day = parseDigits(view, 2, 2)
  if (day < 1 || day > 31) return false
  days = daysFromCivil(beforeChrist ? 1 - year : year, month, day)
  return true
}

function parseTime(view: DataView): boolean {
  const hour = parseDigits(view, 2, 2)
  if (hour < 0 || !expect(view, 0x3a)) return false
  const minute = parseDigits(view, 2, 2)
  if (minute < 0 || minute > 59 || !expect(view, 0x3a)) return false
  const second = parseDigits(view, 2, 2)
  if (second < 0 || second > 59) return false
  seconds = hour * 3600 + minute * 60 + second
  micros = 0
  if (!expect(view, 0x2e)) return true
  const start = at
  micros = parseDigits(view, 1, 6)
  if (micros < 0) return false
  for (let digits = at - start; digits < 6; digits++) micros *= 10
  return true
}

/** Takes the offset off `seconds`. */
function parseZone(view: DataView): boolean {
  const sign = expect(view, 0x2b) ? 1 : expect(view, 0x2d) ? -1 : 0
  const hours = sign === 0 ? -1 : parseDigits(view, 2, 2)
  if (hours < 0) return false
  let zone = hours * 3600
  if (expect(view, 0x3a)) {
    const minutes = parseDigits(view, 2, 2)
    if (minutes < 0) return false
    zone += minutes * 60
    if (expect(view, 0x3a)) {
      const rest = parseDigits(view, 2, 2)
      if (rest < 0) return false
      zone += rest
    }
  }
  seconds -= sign * zone
  return true
}

/**
 * Days since 1970-01-01. Years count from March, so that the leap day is the last of its year; 400 years are 146,097 days
 * (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
 */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146097 + dayOfEra - 719468
}
