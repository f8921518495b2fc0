/** Dates, times and intervals as Postgres writes them under `DateStyle ISO`, `IntervalStyle postgres`, `TimeZone UTC`. */
import { DATE_MINUS_INFINITY, DATE_PLUS_INFINITY, EPOCH_DAYS } from './date-time.ts'
import type { TextWriter } from './text-writer.ts'

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const DAY_MICROS = 86_400_000_000n

/** `days` since 2000-01-01. */
export function writeDate(writer: TextWriter, days: number): void {
  if (days === DATE_PLUS_INFINITY) writer.ascii('infinity')
  else if (days === DATE_MINUS_INFINITY) writer.ascii('-infinity')
  else if (writeCivil(writer, days)) writer.ascii(' BC')
}

/** `micros` since 2000-01-01. */
export function writeTimestamp(writer: TextWriter, micros: bigint, zoned: boolean): void {
  if (micros === INT64_MAX) writer.ascii('infinity')
  else if (micros === INT64_MIN) writer.ascii('-infinity')
  else {
    let days = micros / DAY_MICROS
    let rest = micros % DAY_MICROS
    if (rest < 0n) {
      days -= 1n
      rest += DAY_MICROS
    }
    const beforeChrist = writeCivil(writer, Number(days))
    writer.byte(0x20)
    writeTime(writer, Number(rest))
    if (zoned) writer.ascii('+00')
    if (beforeChrist) writer.ascii(' BC')
  }
}

/** `micros` since midnight. */
export function writeTime(writer: TextWriter, micros: number): void {
  writeClock(writer, Math.floor(micros / 1e6), micros % 1e6)
}

/** `west`: seconds west of UTC. */
export function writeZonedTime(writer: TextWriter, micros: number, west: number): void {
  writeTime(writer, micros)
  writer.byte(west <= 0 ? 0x2b : 0x2d)
  const zone = Math.abs(west)
  writer.padded(Math.floor(zone / 3600), 2)
  if (zone % 3600 === 0) return
  writer.byte(0x3a)
  writer.padded(Math.floor(zone / 60) % 60, 2)
  if (zone % 60 === 0) return
  writer.byte(0x3a)
  writer.padded(zone % 60, 2)
}

/** `1 year 2 mons -3 days +04:05:06.789`: a positive part that follows a negative one carries its sign. */
export function writeInterval(writer: TextWriter, micros: bigint, days: number, months: number): void {
  if (micros === INT64_MAX && days === 0x7fffffff && months === 0x7fffffff) {
    writer.ascii('infinity')
    return
  }
  if (micros === INT64_MIN && days === -0x80000000 && months === -0x80000000) {
    writer.ascii('-infinity')
    return
  }
  const start = writer.length
  let negative = writeIntervalPart(writer, start, false, Math.trunc(months / 12), 'year')
  negative = writeIntervalPart(writer, start, negative, months % 12, 'mon')
  negative = writeIntervalPart(writer, start, negative, days, 'day')
  if (micros === 0n && writer.length !== start) return
  if (writer.length !== start) writer.byte(0x20)
  if (micros < 0n) writer.byte(0x2d)
  else if (negative) writer.byte(0x2b)
  const size = micros < 0n ? -micros : micros
  writeClock(writer, Number(size / 1_000_000n), Number(size % 1_000_000n))
}

/** Returns whether the next part, if positive, needs its sign. */
function writeIntervalPart(writer: TextWriter, start: number, negative: boolean, value: number, unit: string): boolean {
  if (value === 0) return negative
  if (writer.length !== start) writer.byte(0x20)
  if (negative && value > 0) writer.byte(0x2b)
  writer.integer(value)
  writer.byte(0x20)
  writer.ascii(unit)
  if (value !== 1) writer.byte(0x73)
  return value < 0
}

function writeClock(writer: TextWriter, seconds: number, micros: number): void {
  writer.padded(Math.floor(seconds / 3600), 2)
  writer.byte(0x3a)
  writer.padded(Math.floor(seconds / 60) % 60, 2)
  writer.byte(0x3a)
  writer.padded(seconds % 60, 2)
  if (micros === 0) return
  writer.byte(0x2e)
  let digits = 6
  let fraction = micros
  while (fraction % 10 === 0) {
    fraction /= 10
    digits--
  }
  writer.padded(fraction, digits)
}

/** Writes year, month and day, and returns whether the year is before Christ, which is said at the end of the value. */
function writeCivil(writer: TextWriter, postgresDays: number): boolean {
  const shifted = postgresDays + EPOCH_DAYS + 719468
  const era = Math.floor(shifted / 146097)
  const dayOfEra = shifted - era * 146097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  writer.padded(year > 0 ? year : 1 - year, 4)
  writer.byte(0x2d)
  writer.padded(month, 2)
  writer.byte(0x2d)
  writer.padded(dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1, 2)
  return year <= 0
}
