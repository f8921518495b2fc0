import type { ColumnType } from '../core/table-schema.ts'
import type { ValueLimits } from '../core/value-limits.ts'
import {
  BINARY_TOO_LONG,
  DATE_OUT_OF_RANGE,
  type DecodeOutcome,
  END_OF_DAY,
  JSON_NUMBER_TOO_LONG,
  OK,
  TEXT_TOO_LONG,
  TIMESTAMP_OUT_OF_RANGE,
} from './decode-outcome.ts'
import type { ValueDecoder } from './value-decoder.ts'
import type { VectorBuilder } from './vector-builder.ts'

/** Looks at the latest value of a column. */
type ValueCheck = (builder: VectorBuilder) => DecodeOutcome

const DAY_MS = 86_400_000
const DAY_MICROS = 86_400_000_000
const TWO_32 = 4294967296

/** `decode`, and what the destination cannot hold has no representation. */
export function limitedDecoder(decode: ValueDecoder, type: ColumnType, limits: ValueLimits | undefined): ValueDecoder {
  const check = limits === undefined ? undefined : checkOf(type, limits)
  if (check === undefined) return decode
  return (builder, row, source, offset, length) => {
    const decoded = decode(builder, row, source, offset, length)
    if (decoded !== OK) return decoded
    const outcome = check(builder)
    if (outcome !== OK) builder.undo(row)
    return outcome
  }
}

function checkOf(type: ColumnType, limits: ValueLimits): ValueCheck | undefined {
  switch (type.kind) {
    case 'date':
      return dateCheck(limits)
    case 'timestamp':
    case 'timestamptz':
      return timestampCheck(limits)
    case 'time':
      return limits.hasEndOfDay ? undefined : endOfDayCheck
    case 'text':
      return lengthCheck(limits.textBytes, TEXT_TOO_LONG)
    case 'bytes':
      return lengthCheck(limits.binaryBytes, BINARY_TOO_LONG)
    case 'json':
      return jsonCheck(limits)
    default:
      return undefined
  }
}

/** Milliseconds since 1970 at which a year begins. */
function yearStart(year: number): number {
  return new Date(0).setUTCFullYear(year, 0, 1)
}

function dateCheck({ firstYear, lastYear }: ValueLimits): ValueCheck {
  const first = yearStart(firstYear) / DAY_MS
  const end = yearStart(lastYear + 1) / DAY_MS
  return ({ view, last }) => {
    const days = view.getInt32(last, true)
    return days < first || days >= end ? DATE_OUT_OF_RANGE : OK
  }
}

function timestampCheck({ firstYear, lastYear }: ValueLimits): ValueCheck {
  // In halves: microseconds of far years are no exact numbers.
  const halves = (year: number) => {
    const micros = BigInt(yearStart(year)) * 1000n
    return { high: Number(micros >> 32n), low: Number(micros & 0xffffffffn) }
  }
  const first = halves(firstYear)
  const end = halves(lastYear + 1)
  return ({ view, last }) => {
    const low = view.getUint32(last, true)
    const high = view.getInt32(last + 4, true)
    const isBefore = high < first.high || (high === first.high && low < first.low)
    const isAfter = high > end.high || (high === end.high && low >= end.low)
    return isBefore || isAfter ? TIMESTAMP_OUT_OF_RANGE : OK
  }
}

function endOfDayCheck({ view, last }: VectorBuilder): DecodeOutcome {
  const micros = view.getInt32(last + 4, true) * TWO_32 + view.getUint32(last, true)
  return micros >= DAY_MICROS ? END_OF_DAY : OK
}

function lengthCheck(most: number, outcome: DecodeOutcome): ValueCheck {
  return ({ last, length }) => (length - last - 4 > most ? outcome : OK)
}

function jsonCheck({ textBytes, jsonDigits }: ValueLimits): ValueCheck {
  return ({ bytes, last, length }) => {
    const start = last + 4
    if (length - start > textBytes) return TEXT_TOO_LONG
    // What is shorter has no such number.
    if (length - start <= DOUBLE_DIGITS) return OK
    return hasLongNumber(bytes, start, length, jsonDigits) ? JSON_NUMBER_TOO_LONG : OK
  }
}

/** A number with an exponent becomes a double, which keeps so many digits. */
const DOUBLE_DIGITS = 15
const EXPONENT_DIGITS = 2

/** Of valid JSON. */
function hasLongNumber(bytes: Uint8Array, start: number, end: number, most: number): boolean {
  let isText = false
  let digits = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (isText) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) isText = false
    } else if (byte >= 0x30 && byte <= 0x39) {
      if (++digits > most) return true
    } else if (byte === 0x22) {
      isText = true
      digits = 0
    } else if (digits > 0 && (byte === 0x65 || byte === 0x45)) {
      if (digits > DOUBLE_DIGITS) return true
      // Digits of the exponent are few enough while they stay below those of the largest double.
      let exponent = at + 1
      if (bytes[exponent] === 0x2b || bytes[exponent] === 0x2d) exponent++
      const from = exponent
      while (exponent < end && (bytes[exponent] as number) >= 0x30 && (bytes[exponent] as number) <= 0x39) exponent++
      if (exponent - from > EXPONENT_DIGITS) return true
      at = exponent - 1
      digits = 0
    } else if (byte !== 0x2e) digits = 0
  }
  return false
}
