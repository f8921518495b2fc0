/**
 * Dates and times as text, by Snowflake's format models (docs: sql-reference/date-time-input-output, functions-conversion). A moment is the
 * microseconds of its wall clock since 1970-01-01 and, where there is one, an offset from UTC in minutes.
 */
export interface Moment {
  readonly micros: bigint
  readonly offsetMinutes: number | undefined
}

const ELEMENTS = /YYYY|YY|MMMM|MON|MM|DD|DY|HH24|HH12|AM|PM|MI|SS|FF\d?|TZH:?TZM|TZH|TZISO|"[^"]*"/giy
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const LONG_MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const DAY_MICROS = 86_400_000_000n

type Part = { readonly element: string } | { readonly text: string }

/** Undefined when a model has an element that is not known here. */
export function formatParts(format: string): readonly Part[] {
  const parts: Part[] = []
  let at = 0
  while (at < format.length) {
    ELEMENTS.lastIndex = at
    const found = ELEMENTS.exec(format)?.[0]
    if (found === undefined) {
      parts.push({ text: format[at] ?? '' })
      at += 1
    } else {
      parts.push(found.startsWith('"') ? { text: found.slice(1, -1) } : { element: found.toUpperCase() })
      at += found.length
    }
  }
  return parts
}

/** `offsetMinutes` counts for TZH and TZM. */
export function formatMoment(micros: bigint, offsetMinutes: number, format: string): string {
  const days = floorDivide(micros, DAY_MICROS)
  const rest = micros - days * DAY_MICROS
  const { year, month, day } = civilFromDays(Number(days))
  const seconds = Number(rest / 1_000_000n)
  const hour = Math.floor(seconds / 3600)
  const fraction = (rest % 1_000_000n).toString().padStart(6, '0').padEnd(9, '0')
  const two = (value: number) => value.toString().padStart(2, '0')
  const sign = offsetMinutes < 0 ? '-' : '+'
  const offset = Math.abs(offsetMinutes)
  const render = (element: string): string => {
    switch (element) {
      case 'YYYY':
        return year < 0 ? `-${(-year).toString().padStart(4, '0')}` : year.toString().padStart(4, '0')
      case 'YY':
        return two(((year % 100) + 100) % 100)
      case 'MMMM':
        return LONG_MONTHS[month - 1] ?? ''
      case 'MON':
        return MONTHS[month - 1] ?? ''
      case 'MM':
        return two(month)
      case 'DD':
        return two(day)
      case 'DY':
        return DAYS[(((Number(days) + 4) % 7) + 7) % 7] ?? ''
      case 'HH24':
        return two(hour)
      case 'HH12':
        return two(hour % 12 === 0 ? 12 : hour % 12)
      case 'AM':
      case 'PM':
        return hour < 12 ? 'AM' : 'PM'
      case 'MI':
        return two(Math.floor(seconds / 60) % 60)
      case 'SS':
        return two(seconds % 60)
      case 'TZH':
        return `${sign}${two(Math.floor(offset / 60))}`
      case 'TZHTZM':
      case 'TZISO':
        return `${sign}${two(Math.floor(offset / 60))}${two(offset % 60)}`
      case 'TZH:TZM':
        return `${sign}${two(Math.floor(offset / 60))}:${two(offset % 60)}`
      default:
        return fraction.slice(0, element === 'FF' ? 9 : Number(element.slice(2)))
    }
  }
  return formatParts(format)
    .map((part) => ('text' in part ? part.text : render(part.element)))
    .join('')
}

/** `format` 'AUTO' recognises ISO forms and whole numbers since 1970. Undefined: the text does not fit. */
export function parseMoment(text: string, format: string): Moment | undefined {
  return format.toUpperCase() === 'AUTO' ? parseAuto(text.trim()) : parseByFormat(text, formatParts(format))
}

const ISO =
  /^([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})(?:[T ]\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,9}))?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?$/i
const CLOCK = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,9}))?)?$/

function parseAuto(text: string): Moment | undefined {
  const iso = ISO.exec(text)
  if (iso !== null) {
    return momentOf(
      {
        year: Number(iso[1]),
        month: Number(iso[2]),
        day: Number(iso[3]),
        hour: Number(iso[4] ?? 0),
        minute: Number(iso[5] ?? 0),
        second: Number(iso[6] ?? 0),
        micros: microsOf(iso[7] ?? ''),
      },
      iso[8] === undefined ? undefined : offsetOf(iso[8]),
    )
  }
  // Seconds, milliseconds, microseconds or nanoseconds by magnitude, as Snowflake reads integers in strings.
  if (/^-?\d+$/.test(text)) {
    const value = BigInt(text)
    const size = value < 0n ? -value : value
    if (size < 31_536_000_000n) return { micros: value * 1_000_000n, offsetMinutes: undefined }
    if (size < 31_536_000_000_000n) return { micros: value * 1_000n, offsetMinutes: undefined }
    if (size < 31_536_000_000_000_000n) return { micros: value, offsetMinutes: undefined }
    return { micros: floorDivide(value, 1_000n), offsetMinutes: undefined }
  }
  return undefined
}

/** Microseconds since midnight; undefined for what is no time. */
export function parseClock(text: string): bigint | undefined {
  const clock = CLOCK.exec(text.trim())
  if (clock === null) return undefined
  const micros = microsOf(clock[4] ?? '')
  const fields = { hour: Number(clock[1]), minute: Number(clock[2]), second: Number(clock[3] ?? 0) }
  const moment =
    micros === undefined ? undefined : momentOf({ year: 1970, month: 1, day: 1, ...fields, micros }, undefined)
  return moment?.micros
}

interface Fields {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  /** Undefined: digits that DuckDB cannot keep. */
  micros: number | undefined
}

function parseByFormat(text: string, parts: readonly Part[]): Moment | undefined {
  const fields: Fields = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0 }
  let offset: number | undefined
  let afternoon: boolean | undefined
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(text.slice(at))?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  for (const part of parts) {
    if ('text' in part) {
      if (!text.startsWith(part.text, at)) return undefined
      at += part.text.length
      continue
    }
    const { element } = part
    const found = take(PATTERNS[element.startsWith('FF') ? 'FF' : element] ?? /^$/)
    if (found === undefined) return undefined
    switch (element) {
      case 'YYYY':
        fields.year = Number(found)
        break
      case 'YY':
        // TWO_DIGIT_CENTURY_START is 1970.
        fields.year = Number(found) >= 70 ? 1900 + Number(found) : 2000 + Number(found)
        break
      case 'MON':
      case 'MMMM':
        fields.month = MONTHS.findIndex((name) => found.toLowerCase().startsWith(name.toLowerCase())) + 1
        break
      case 'MM':
        fields.month = Number(found)
        break
      case 'DD':
        fields.day = Number(found)
        break
      case 'HH24':
      case 'HH12':
        fields.hour = Number(found)
        break
      case 'AM':
      case 'PM':
        afternoon = found.toUpperCase() === 'PM'
        break
      case 'MI':
        fields.minute = Number(found)
        break
      case 'SS':
        fields.second = Number(found)
        break
      case 'DY':
        break
      default:
        if (element.startsWith('TZ')) offset = offsetOf(found)
        else fields.micros = microsOf(found)
    }
  }
  if (at !== text.length) return undefined
  if (afternoon !== undefined) fields.hour = (fields.hour % 12) + (afternoon ? 12 : 0)
  return momentOf(fields, offset)
}

const PATTERNS: Readonly<Record<string, RegExp>> = {
  YYYY: /^-?\d{4}/,
  YY: /^\d{2}/,
  MMMM: new RegExp(`^(?:${LONG_MONTHS.join('|')})`, 'i'),
  MON: new RegExp(`^(?:${MONTHS.join('|')})`, 'i'),
  MM: /^\d{1,2}/,
  DD: /^\d{1,2}/,
  DY: new RegExp(`^(?:${DAYS.join('|')})`, 'i'),
  HH24: /^\d{1,2}/,
  HH12: /^\d{1,2}/,
  AM: /^[ap]m/i,
  PM: /^[ap]m/i,
  MI: /^\d{1,2}/,
  SS: /^\d{1,2}/,
  FF: /^\d{1,9}/,
  TZH: /^[+-]\d{1,2}/,
  TZHTZM: /^(?:Z|[+-]\d{2}:?\d{2})/i,
  'TZH:TZM': /^(?:Z|[+-]\d{2}:?\d{2})/i,
  TZISO: /^(?:Z|[+-]\d{2}(?::?\d{2})?)/i,
}

function microsOf(digits: string): number | undefined {
  if (/[1-9]/.test(digits.slice(6))) return undefined
  return Number(digits.slice(0, 6).padEnd(6, '0'))
}

function offsetOf(text: string): number {
  if (/^[zu]/i.test(text)) return 0
  const digits = text.slice(1).replace(':', '').padEnd(4, '0')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2, 4))
  return text.startsWith('-') ? -minutes : minutes
}

function momentOf(fields: Fields, offsetMinutes: number | undefined): Moment | undefined {
  const { year, month, day, hour, minute, second, micros } = fields
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 59 || micros === undefined) return undefined
  const seconds = BigInt(daysFromCivil(year, month, day)) * 86_400n + BigInt(hour * 3600 + minute * 60 + second)
  return { micros: seconds * 1_000_000n + BigInt(micros), offsetMinutes }
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** Proleptic Gregorian calendar, days since 1970-01-01; the well-known algorithm over eras of 400 years that begin in March. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const ofEra = y - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + dayOfYear - 719_468
}

function civilFromDays(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const ofEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const dayOfYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const mp = Math.floor((5 * dayOfYear + 2) / 153)
  const month = mp < 10 ? mp + 3 : mp - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * mp + 2) / 5) + 1,
  }
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}
