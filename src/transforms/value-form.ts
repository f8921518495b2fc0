/** Values between DuckDB and the functions of modules, one form for each type; see `TransformValue`. */
import type { DuckDBAppender } from '@duckdb/node-api'
import type { ColumnType } from '../core/table-schema.ts'
import type { TransformValue } from '../core/transform.ts'

/** What can be collected. */
type Collected = string | number | bigint | boolean | Uint8Array

export interface ValueForm {
  /** The column of a batch as it is read, as SQL over it. */
  read(expression: string): string
  /** Type of the column that results are collected in. */
  readonly collectedAs: string
  /** What is collected as a stage file has it, as SQL over it. */
  stored(expression: string): string
  /** The type that text must be read as without error. Undefined: nothing can go wrong. */
  readonly parsedAs: string | undefined
  /** A result that is not null as it is collected. Undefined where it is no value of the type. */
  collect(value: unknown): Collected | undefined
  append(appender: DuckDBAppender, collected: Collected): void
}

const INT16_MAX = 2 ** 15
const INT32_MAX = 2 ** 31
const INT64_MAX = 2n ** 63n

export function valueForm(type: ColumnType, typeName: (type: ColumnType) => string): ValueForm {
  const native = (collect: ValueForm['collect'], append: ValueForm['append']): ValueForm => ({
    read: (expression) => expression,
    collectedAs: typeName(type),
    stored: (expression) => expression,
    parsedAs: undefined,
    collect,
    append,
  })
  const text = (parsedAs: string | undefined, collect: ValueForm['collect']): ValueForm => ({
    read: (expression) => `CAST(${expression} AS VARCHAR)`,
    collectedAs: 'VARCHAR',
    stored: (expression) => (parsedAs === undefined ? expression : `CAST(${expression} AS ${parsedAs})`),
    parsedAs,
    collect,
    append: (appender, value) => appender.appendVarchar(value as string),
  })
  switch (type.kind) {
    case 'bool':
      return native(
        (value) => (typeof value === 'boolean' ? value : undefined),
        (appender, value) => appender.appendBoolean(value as boolean),
      )
    case 'int16':
      return native(integerBelow(INT16_MAX), (appender, value) => appender.appendSmallInt(value as number))
    case 'int32':
      return native(integerBelow(INT32_MAX), (appender, value) => appender.appendInteger(value as number))
    case 'int64':
      return native(bigInteger, (appender, value) => appender.appendBigInt(value as bigint))
    case 'float32':
      return native(onlyNumber, (appender, value) => appender.appendFloat(value as number))
    case 'float64':
      return native(onlyNumber, (appender, value) => appender.appendDouble(value as number))
    case 'bytes':
      return native(
        (value) => (value instanceof Uint8Array ? value : undefined),
        (appender, value) => appender.appendBlob(value as Uint8Array),
      )
    case 'decimal':
      return text(typeName(type), (value) => decimalText(value, type.scale))
    case 'json':
      return text(undefined, jsonText)
    case 'text':
      return text(undefined, onlyText)
    case 'uuid':
      return { ...text('UUID', onlyText), stored: (expression) => `CAST(CAST(${expression} AS UUID) AS VARCHAR)` }
    case 'timestamp':
    case 'timestamptz':
      return text(typeName(type), (value) => (value instanceof Date ? dateText(value) : onlyText(value)))
    case 'date':
    case 'time':
      return text(typeName(type), onlyText)
  }
}

/** A value as the driver gives it → as a module gets it. */
export function givenValue(value: unknown): TransformValue {
  if (typeof value === 'object' && value !== null && 'bytes' in value) return value.bytes as Uint8Array
  return value as TransformValue
}

function integerBelow(max: number): ValueForm['collect'] {
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= -max && value < max ? value : undefined
}

function bigInteger(value: unknown): bigint | undefined {
  const whole = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
  return typeof whole === 'bigint' && whole >= -INT64_MAX && whole < INT64_MAX ? whole : undefined
}

function onlyNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Half a character has no form in UTF-8. */
function onlyText(value: unknown): string | undefined {
  return typeof value === 'string' && value.isWellFormed() ? value : undefined
}

/** DuckDB would round what has more digits than fit. */
function decimalText(value: unknown, scale: number): string | undefined {
  const written =
    typeof value === 'string' ? value : typeof value === 'bigint' || typeof value === 'number' ? String(value) : ''
  const match = /^[+-]?\d+(?:\.(\d*?)0*)?$/.exec(written)
  return match !== null && (match[1] ?? '').length <= scale ? written : undefined
}

function jsonText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'object' || typeof value === 'number' || typeof value === 'boolean'
    ? JSON.stringify(value)
    : undefined
}

function dateText(value: Date): string | undefined {
  return Number.isNaN(value.getTime()) ? undefined : value.toISOString()
}
