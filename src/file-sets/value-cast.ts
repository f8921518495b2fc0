/**
 * Text of a file → a typed value, as SQL of DuckDB over the text. `TRY_CAST` alone is not lossless: it rounds 1.5 to the whole
 * number 2 and 1.239 to 1.24, takes a timestamp for a date, drops `+02` of a timestamp without zone, and makes infinity of
 * 1e400. Here such text has no value (NULL), so that it is told. The session's TimeZone must be UTC.
 */
import type { FileColumn } from '../core/file-set.ts'
import type { ColumnType } from '../core/table-schema.ts'

/** Letters of strptime that say something of the time of day. */
const TIME_LETTERS = /%-?[HIMSfgGpzZ]/

/** As a column of this type is declared where files are read. */
export function duckDbType(type: ColumnType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'bool':
      return 'BOOLEAN'
    case 'int16':
      return 'SMALLINT'
    case 'int32':
      return 'INTEGER'
    case 'int64':
      return 'BIGINT'
    case 'float32':
      return 'FLOAT'
    case 'float64':
      return 'DOUBLE'
    case 'bytes':
      return 'BLOB'
    case 'timestamptz':
      return 'TIMESTAMPTZ'
    case 'text':
    case 'json':
      return 'VARCHAR'
    default:
      return type.kind.toUpperCase()
  }
}

/** What DuckDB makes of the text, rounded or not; undefined for types whose value is not asked for it more than once. */
export function triedCast(raw: string, { type, format }: FileColumn): string | undefined {
  const isAsked = type.kind in WHOLE_DIGITS || (type.kind === 'date' && format === undefined)
  return isAsked ? `TRY_CAST(${raw} AS ${duckDbType(type)})` : undefined
}

/**
 * NULL where the text is no value of the type, or not exactly one.
 *
 * @param raw an expression, not NULL where there is text
 * @param tried `triedCast` of the text; as the name of a column of an inner SELECT it is made once for each row
 */
export function valueOfText(
  raw: string,
  column: FileColumn,
  decimalSeparator: '.' | ',',
  tried = triedCast(raw, column),
): string {
  const { type, format } = column
  const to = duckDbType(type)
  const cast = (text: string) => `TRY_CAST(${text} AS ${to})`
  switch (type.kind) {
    case 'text':
      return raw
    case 'json':
      return `CASE WHEN json_valid(${raw}) THEN ${raw} END`
    case 'bytes':
      return format === 'base64' ? `TRY(from_base64(${raw}))` : `TRY(unhex(regexp_replace(${raw}, '^(\\\\x|0x)', '')))`
    case 'int16':
    case 'int32':
    case 'int64':
      return wholeOf(raw, tried ?? cast(raw), WHOLE_DIGITS[type.kind])
    case 'decimal':
      return decimalOf(raw, type.scale, cast, decimalSeparator)
    case 'float32':
    case 'float64': {
      const text = decimalSeparator === ',' ? withPoint(raw) : raw
      const value = cast(text)
      const isTooLarge = `isinf(${value}) AND NOT contains(lower(${raw}), 'inf')`
      return `CASE WHEN (${isTooLarge}) OR NOT ${isUnmarked(raw)} THEN NULL ELSE ${value} END`
    }
    case 'date':
    case 'timestamp':
    case 'timestamptz':
    case 'time':
      return format === undefined ? isoOf(raw, type.kind, tried ?? cast(raw)) : byFormat(raw, type.kind, format, to)
    default:
      return cast(raw)
  }
}

/** Digits that every number of the type may have. */
const WHOLE_DIGITS = { int16: 4, int32: 9, int64: 18 } as const

/**
 * First what nearly all are like: where the number has as many digits as the text has characters, and the text begins with one that
 * is not 0, no room is left for a point, a space or a letter; but for an exponent, which gives a multiple of 1000 if there
 * is a mark (`1_0e3`) beside it.
 */
function wholeOf(raw: string, tried: string, digits: number): string {
  const limit = (sign: '' | '-') => {
    const steps = Array.from({ length: digits }, (_, zeros) => {
      return `WHEN ${sign.length + 1 + zeros} THEN ${sign}1${'0'.repeat(zeros)}`
    })
    return `CASE strlen(${raw}) ${steps.join(' ')} END`
  }
  const noThousands = `${tried} % 1000 <> 0`
  const usual = [
    `${tried} = 0 AND ${raw} = '0'`,
    `${tried} >= ${limit('')} AND ${noThousands} AND ${raw} >= '1'`,
    `${tried} <= ${limit('-')} AND ${noThousands} AND ${raw} >= '-1' AND ${raw} < '-:'`,
  ]
  // 1.5 and 1e-1 are other numbers than what they are rounded to. A parse as a double tells them apart but for those with many digits and
  // those that are too small (1e-400), of which the letters are looked at.
  const isTold = `strlen(${raw}) <= ${DOUBLE_DIGITS} AND (${tried} <> 0 OR ${raw} = '0')`
  const isExact = `TRY_CAST(${raw} AS DOUBLE) = ${tried} AND ${isUnmarked(raw)}`
  const forms = [...usual, `${isTold} AND ${isExact}`, wholeText(raw)]
  return `CASE ${forms.map((form) => `WHEN ${form} THEN ${tried}`).join(' ')} END`
}

/** Of so many digits no two numbers are the same double. */
const DOUBLE_DIGITS = 15

/** DuckDB takes `1_000` for 1000, as in its SQL: in a file it is as likely something else. */
function isUnmarked(raw: string): string {
  return `NOT contains(${raw}, '_')`
}

function wholeText(raw: string): string {
  return `regexp_full_match(${raw}, '\\s*[+-]?\\d+(\\.0*)?\\s*')`
}

function hasAny(raw: string, letters: readonly string[]): string {
  return `(${letters.map((letter) => `contains(${raw}, '${letter}')`).join(' OR ')})`
}

/** A point among decimal commas would be a mark of thousands, or a mistake: it is not guessed. */
function withPoint(raw: string): string {
  return `CASE WHEN contains(${raw}, '.') THEN NULL ELSE replace(${raw}, ',', '.') END`
}

/** Fast for what is nearly always there: no more digits behind the mark than the scale, or no mark at all. */
function decimalOf(raw: string, scale: number, cast: (text: string) => string, separator: '.' | ','): string {
  const mark = separator === ',' ? ',' : '\\.'
  const fraction = scale === 0 ? `${mark}0*` : `${mark}\\d{0,${scale}}0*`
  const exact = `regexp_full_match(${raw}, '\\s*[+-]?\\d*(${fraction})?\\s*')`
  // With fewer digits there is no room for an exponent that rounds: e-9.
  const exponent = scale > 2 ? ` AND NOT ${hasAny(raw, ['e', 'E'])}` : ''
  const short = `strlen(${raw}) - strpos(${raw}, '${separator}') <= ${scale}${exponent}`
  const whole = `NOT ${hasAny(raw, [separator, 'e', 'E'])}`
  const value = cast(separator === ',' ? withPoint(raw) : raw)
  return `CASE WHEN NOT ${isUnmarked(raw)} THEN NULL WHEN ${short} THEN ${value} WHEN ${whole} THEN ${value} WHEN ${exact} THEN ${value} END`
}

/** Words such as `infinity` and `epoch` begin with no digit. */
function isoOf(raw: string, kind: 'date' | 'time' | 'timestamp' | 'timestamptz', value: string): string {
  const digitFirst = `${raw} >= '0' AND ${raw} < ':'`
  // 24-03-05 would be a day of the year 24.
  const isWholeYear = `(${value} >= '1000-01-01' OR regexp_matches(${raw}, '^\\d{4}'))`
  switch (kind) {
    case 'date': {
      const usual = `strlen(${raw}) = 10 AND ${value} >= DATE '1000-01-01' AND ${raw} >= '1' AND ${raw} < ':'`
      const isDay = `(strlen(${raw}) <= 10 OR TRY_CAST(${raw} AS TIMESTAMP) = ${value})`
      return `CASE WHEN ${usual} THEN ${value} WHEN ${digitFirst} AND ${isDay} AND ${isWholeYear} THEN ${value} END`
    }
    case 'time':
      return `CASE WHEN regexp_full_match(${raw}, '\\d\\d?:\\d\\d(:\\d\\d(\\.\\d{1,6}0*)?)?') THEN ${value} END`
    case 'timestamp': {
      // To the second and to the millisecond: what nearly all are like. `_` is any character.
      const usual = [`${raw} LIKE '____-__-_____:__:__'`, `${raw} LIKE '____-__-_____:__:__.___'`]
      const other = `regexp_full_match(${raw}, '\\d{4,6}-\\d\\d?-\\d\\d?([ T]\\d\\d?:\\d\\d(:\\d\\d(\\.\\d{1,6}0*)?)?)? ?(Z|UTC|\\+00(:?00)?)?')`
      // One after the other: rows that an OR has taken apart are sorted.
      return `CASE ${[...usual, other].map((form) => `WHEN ${form} THEN ${value}`).join(' ')} END`
    }
    case 'timestamptz': {
      const tooFine = `strlen(${raw}) > 26 AND regexp_matches(${raw}, '\\.\\d{6}\\d*[1-9]')`
      return `CASE WHEN ${digitFirst} AND NOT (${tooFine}) AND ${isWholeYear} THEN ${value} END`
    }
  }
}

function byFormat(raw: string, kind: string, format: string, to: string): string {
  const parsed = `try_strptime(${raw}, ${quoteText(format)})`
  const value = `CAST(${parsed} AS ${to})`
  return kind === 'date' && TIME_LETTERS.test(format)
    ? `CASE WHEN CAST(${parsed} AS TIMESTAMP) = ${value} THEN ${value} END`
    : value
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A path for DuckDB, which takes `*`, `?` and `[` in it for a pattern: each in brackets is itself. */
export function quotePath(path: string): string {
  return quoteText(path.replace(/[*?[]/g, '[$&]'))
}
