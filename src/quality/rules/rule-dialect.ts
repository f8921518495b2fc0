/**
 * What the two dialects write differently, DuckDB (before the load) and Snowflake (after it). A rule is compiled once, against
 * this, so that it asks the same in both.
 */
import type { ColumnKind, ColumnType } from '../../core/table-schema.ts'
import { duckDbType, quoteName, quoteText } from '../../file-sets/value-cast.ts'

export interface RuleDialect {
  readonly name: 'duckdb' | 'snowflake'
  /** An identifier as it is, quoted. */
  readonly identifier: (name: string) => string
  readonly literal: (text: string) => string
  /** An aggregate: rows for which the condition is true. */
  readonly countIf: (condition: string) => string
  /** The whole value, by a regular expression. */
  readonly matches: (value: string, pattern: string) => string
  /** NULL where the value is; `list`: literals, at least one. */
  readonly isNoneOf: (value: string, list: readonly string[]) => string
  /** Characters, not bytes. */
  readonly length: (value: string) => string
  /** A value of this kind as text, the same in both for all but floats and bytes. */
  readonly text: (value: string, kind: ColumnKind) => string
  readonly typeName: (type: ColumnType) => string
  /** A date or time that is written in the letters of strptime. */
  readonly parseTime: (literal: string, format: string, type: ColumnType) => string
}

export const DUCKDB_RULES: RuleDialect = {
  name: 'duckdb',
  identifier: quoteName,
  literal: quoteText,
  countIf: (condition) => `count(*) FILTER (${condition})`,
  matches: (value, pattern) => `regexp_full_match(${value}, ${pattern})`,
  // NOT IN compares a column with one literal after the other and joins what comes out: twice as long, from four literals to a thousand.
  isNoneOf: (value, list) => `NOT list_contains([${list.join(', ')}], ${value})`,
  length: (value) => `length(${value})`,
  text: (value) => `CAST(${value} AS VARCHAR)`,
  typeName: duckDbType,
  parseTime: (literal, format, type) => `CAST(strptime(${literal}, ${quoteText(format)}) AS ${duckDbType(type)})`,
}

export const SNOWFLAKE_RULES: RuleDialect = {
  name: 'snowflake',
  identifier: quoteName,
  // Snowflake reads backslashes in literals as escapes.
  literal: (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
  countIf: (condition) => `COUNT_IF(${condition})`,
  // It matches whole values by itself.
  matches: (value, pattern) => `REGEXP_LIKE(${value}, ${pattern})`,
  isNoneOf: (value, list) => `${value} NOT IN (${list.join(', ')})`,
  length: (value) => `LENGTH(${value})`,
  text: snowflakeText,
  typeName: snowflakeTypeName,
  parseTime: (literal, format, type) => {
    const written = SNOWFLAKE_RULES.literal(snowflakeTimeFormat(format))
    const read = type.kind === 'date' ? 'TO_DATE' : type.kind === 'time' ? 'TO_TIME' : 'TO_TIMESTAMP_NTZ'
    return `${read}(${literal}, ${written})`
  },
}

/** As DuckDB writes it: without zeros at the end of a fraction, moments in UTC. */
function snowflakeText(value: string, kind: ColumnKind): string {
  const trimmed = (format: string) => `RTRIM(RTRIM(TO_VARCHAR(${value}, '${format}'), '0'), '.')`
  switch (kind) {
    case 'date':
      return `TO_VARCHAR(${value}, 'YYYY-MM-DD')`
    case 'time':
      return trimmed('HH24:MI:SS.FF6')
    case 'timestamp':
      return trimmed('YYYY-MM-DD HH24:MI:SS.FF6')
    case 'timestamptz':
      return `${trimmed('YYYY-MM-DD HH24:MI:SS.FF6')} || '+00'`
    default:
      return `TO_VARCHAR(${value})`
  }
}

function snowflakeTypeName(type: ColumnType): string {
  switch (type.kind) {
    case 'bool':
      return 'BOOLEAN'
    case 'int16':
    case 'int32':
    case 'int64':
      return 'NUMBER(19,0)'
    case 'float32':
    case 'float64':
      return 'FLOAT'
    case 'decimal':
      return `NUMBER(${type.precision},${type.scale})`
    case 'bytes':
      return 'BINARY'
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME(6)'
    case 'timestamp':
      return 'TIMESTAMP_NTZ(6)'
    case 'timestamptz':
      return 'TIMESTAMP_TZ(6)'
    case 'text':
    case 'json':
    case 'uuid':
      return 'VARCHAR'
  }
}

/** Letters of strptime → elements of Snowflake's formats. */
const SNOWFLAKE_ELEMENTS: Readonly<Record<string, string>> = {
  Y: 'YYYY',
  y: 'YY',
  m: 'MM',
  d: 'DD',
  b: 'MON',
  B: 'MMMM',
  H: 'HH24',
  I: 'HH12',
  p: 'AM',
  M: 'MI',
  S: 'SS',
  f: 'FF6',
  '%': '%',
}

function snowflakeTimeFormat(format: string): string {
  return format.replaceAll(/%-?([A-Za-z%])/g, (all, letter: string) => SNOWFLAKE_ELEMENTS[letter] ?? all)
}
