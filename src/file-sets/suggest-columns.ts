/** Types that all values of a sample have, the narrowest first; what could be two things is told. */
import { parseColumnType } from '../core/column-type-form.ts'
import type { FileColumn } from '../core/file-set.ts'
import { counted } from '../core/quantity.ts'
import type { SampleDialect, SampleQuery } from './suggest-set.ts'
import { quotePath, quoteText, valueOfText } from './value-cast.ts'

export interface GuessedColumn {
  readonly name: string
  /** As in the configuration. */
  readonly type: string
  readonly format?: string | undefined
  readonly note?: string | undefined
}

export interface GuessedColumns {
  readonly columns: readonly GuessedColumn[]
  readonly decimalSeparator: '.' | ','
  readonly reasons: readonly string[]
}

const DATE_FORMATS: readonly (string | undefined)[] = [
  undefined,
  '%d.%m.%Y',
  '%d/%m/%Y',
  '%m/%d/%Y',
  '%d-%m-%Y',
  '%Y/%m/%d',
  '%Y%m%d',
]
const TIME_FORMATS: readonly (string | undefined)[] = [
  undefined,
  '%d.%m.%Y %H:%M:%S',
  '%d.%m.%Y %H:%M',
  '%m/%d/%Y %H:%M:%S',
]
/** Room for larger values than those of the sample. */
const SPARE_DIGITS = 4
const DECIMAL_DIGITS_MAX = 38

interface Candidate {
  readonly type: string
  readonly format?: string | undefined
  readonly separator?: ',' | undefined
}

const CANDIDATES: readonly Candidate[] = [
  { type: 'int64' },
  { type: 'decimal(38,10)' },
  { type: 'decimal(38,10)', separator: ',' },
  { type: 'float64' },
  ...DATE_FORMATS.map((format) => ({ type: 'date', format })),
  ...TIME_FORMATS.map((format) => ({ type: 'timestamp', format })),
  { type: 'bool' },
  { type: 'uuid' },
]

export async function guessColumns(copy: string, dialect: SampleDialect, query: SampleQuery): Promise<GuessedColumns> {
  const { format, names } = dialect
  const columns = names.map((_, index) => `'c${index}': 'VARCHAR'`).join(', ')
  const quote = quoteText(format.quote ?? '')
  const table = `read_csv(${quotePath(copy)}, hive_partitioning = false, auto_detect = false, header = ${format.header}, skip = ${format.skipLines}, delim = ${quoteText(format.delimiter)}, quote = ${quote}, escape = ${quote}, nullstr = [''], columns = {${columns}}, ignore_errors = true, store_rejects = false)`
  const asked = names.flatMap((name, index) => countsOf(name, `c${index}`, index))
  const [counts = {}] = await query(`SELECT count(*) AS records, ${asked.join(', ')} FROM ${table}`)
  const number = (key: string) => Number(counts[key] ?? 0)
  const guessed = names.map((name, index) => guessColumn(name, index, number))
  const separator = guessed.some((each) => each.separator === ',') ? ',' : '.'
  return {
    columns: guessed.map(({ column }) => column),
    decimalSeparator: separator,
    reasons: [
      `Types are those that fit all values of ${counted(number('records'), 'record')} of the first MiB.`,
      ...(separator === ',' ? ['Decimals are written with a comma.'] : []),
    ],
  }
}

function countsOf(name: string, raw: string, index: number): readonly string[] {
  const fits = CANDIDATES.map((candidate, place) => {
    const value = valueOfText(raw, columnOf(name, candidate), candidate.separator ?? '.')
    return `count(${value}) AS "f${index}_${place}"`
  })
  return [
    `count(${raw}) AS "n${index}"`,
    // Codes such as 00412 would lose their zeros.
    `count(*) FILTER (regexp_full_match(${raw}, '0\\d+')) AS "z${index}"`,
    `max(length(regexp_extract(${raw}, '^[+-]?(\\d*)', 1))) AS "w${index}"`,
    `max(length(regexp_extract(${raw}, '[.,](\\d+)$', 1))) AS "d${index}"`,
    ...fits,
  ]
}

function columnOf(name: string, { type, format }: Candidate): FileColumn {
  const parsed = parseColumnType(type) ?? { kind: 'text' as const }
  return { id: 1, name, type: parsed, sourceType: type, nullable: true, sensitive: false, format }
}

function guessColumn(name: string, index: number, number: (key: string) => number) {
  const values = number(`n${index}`)
  if (values === 0) return { column: { name, type: 'text', note: 'no values in the sample' } }
  const fitting = CANDIDATES.filter((_, place) => number(`f${index}_${place}`) === values)
  // 20240131 is a number too, and a day more likely; 1 and 0 are numbers.
  const dates = fitting.filter(({ type }) => type === 'date')
  const first = dates[0] ?? fitting.find(({ type }) => type !== 'date')
  if (first === undefined) return { column: { name, type: 'text' } }
  if (number(`z${index}`) > 0 && first.type !== 'date')
    return { column: { name, type: 'text', note: 'digits with zeros before them: a code' } }
  if (first.type === 'date') {
    const [, other] = dates
    const note = other === undefined ? undefined : `could be ${other.format ?? 'ISO 8601'} too`
    return { column: { name, type: 'date', format: first.format, note } }
  }
  if (first.type.startsWith('decimal')) {
    const scale = number(`d${index}`)
    const precision = Math.min(DECIMAL_DIGITS_MAX, number(`w${index}`) + scale + SPARE_DIGITS)
    return { column: { name, type: `decimal(${precision},${scale})` }, separator: first.separator }
  }
  return { column: { name, type: first.type, format: first.format } }
}

const PARQUET_TYPES: Readonly<Record<string, string>> = {
  BOOLEAN: 'bool',
  TINYINT: 'int16',
  SMALLINT: 'int16',
  UTINYINT: 'int16',
  INTEGER: 'int32',
  USMALLINT: 'int32',
  BIGINT: 'int64',
  UINTEGER: 'int64',
  UBIGINT: 'decimal(20,0)',
  HUGEINT: 'decimal(38,0)',
  FLOAT: 'float32',
  DOUBLE: 'float64',
  BLOB: 'bytes',
  DATE: 'date',
  TIME: 'time',
  UUID: 'uuid',
  JSON: 'json',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
}

/** `type`: as DuckDB calls it. */
export function parquetColumn(name: string, type: string): GuessedColumn {
  if (type.startsWith('DECIMAL')) return { name, type: type.toLowerCase() }
  if (/^TIMESTAMP(_S|_MS|_NS)?$/.test(type)) return { name, type: 'timestamp' }
  if (/^(STRUCT|MAP|UNION)\b|\]$/.test(type)) return { name, type: 'json' }
  return { name, type: PARQUET_TYPES[type] ?? 'text' }
}
