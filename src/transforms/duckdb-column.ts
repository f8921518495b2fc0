/** What DuckDB calls the type of a result column → our type, and the expression that a stage file can hold. */
import type { ColumnType } from '../core/table-schema.ts'

/** How the destination's rooms write DuckDB's SQL; handed in, since a transform knows no destination. */
export interface TransformDialect {
  readonly typeName: (type: ColumnType) => string
  /** The text form of a value that the source understands, as SQL over it. */
  readonly textForm: (expression: string, type: ColumnType) => string
  /** JSON array of text forms. */
  readonly keyText: (parts: readonly { readonly expression: string; readonly type: ColumnType }[]) => string
}

export interface ResultColumn {
  readonly type: ColumnType
  /** The value as a stage file has it, as SQL over the expression. */
  stored(expression: string): string
}

const PLAIN: Readonly<Record<string, ColumnType['kind']>> = {
  BOOLEAN: 'bool',
  TINYINT: 'int16',
  UTINYINT: 'int16',
  SMALLINT: 'int16',
  USMALLINT: 'int32',
  INTEGER: 'int32',
  UINTEGER: 'int64',
  BIGINT: 'int64',
  FLOAT: 'float32',
  DOUBLE: 'float64',
  VARCHAR: 'text',
  BLOB: 'bytes',
  DATE: 'date',
  TIME: 'time',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
  UUID: 'uuid',
  JSON: 'json',
}

/** `name` as DESCRIBE gives it: `DECIMAL(10,2)`, `STRUCT(a INTEGER)[]`. */
export function resultColumn(name: string): ResultColumn {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(name)
  if (decimal !== null) return asIs({ kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) })
  // Parquet knows whole numbers up to 64 bits; DuckDB would write larger ones as floats.
  if (name === 'UBIGINT') return cast({ kind: 'decimal', precision: 20, scale: 0 }, 'DECIMAL(20,0)')
  if (name === 'HUGEINT' || name === 'UHUGEINT')
    return cast({ kind: 'decimal', precision: 38, scale: 0 }, 'DECIMAL(38,0)')
  if (/^TIMESTAMP(_S|_MS|_NS)?$/.test(name)) return cast({ kind: 'timestamp' }, 'TIMESTAMP')
  if (/^(STRUCT|MAP|UNION|VARIANT)\b|\]$/.test(name))
    return { type: { kind: 'json' }, stored: (expression) => `CAST(to_json(${expression}) AS VARCHAR)` }
  const kind = PLAIN[name]
  if (kind === undefined || kind === 'decimal' || kind === 'uuid' || kind === 'json')
    return cast({ kind: kind === 'uuid' || kind === 'json' ? kind : 'text' }, 'VARCHAR')
  return asIs({ kind })
}

function asIs(type: ColumnType): ResultColumn {
  return { type, stored: (expression) => expression }
}

function cast(type: ColumnType, to: string): ResultColumn {
  return { type, stored: (expression) => `CAST(${expression} AS ${to})` }
}

/** The type that a column of a stage file has for those who compute with it: JSON and UUIDs are text there. */
export function batchType(type: ColumnType, typeName: (type: ColumnType) => string): string {
  return type.kind === 'json' || type.kind === 'uuid' ? 'VARCHAR' : typeName(type)
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
