import type { ColumnType } from '../../core/table-schema.ts'

/** The DuckDB type of a column, as SQL. */
export function duckdbType(type: ColumnType): string {
  switch (type.kind) {
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
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'text':
      return 'VARCHAR'
    case 'bytes':
      return 'BLOB'
    case 'uuid':
      return 'UUID'
    case 'json':
      return 'JSON'
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME'
    case 'timestamp':
      return 'TIMESTAMP'
    case 'timestamptz':
      return 'TIMESTAMPTZ'
  }
}

/** Kinds whose stage form DuckDB itself may refuse: texts that are parsed on their way in. */
export function isParsed(type: ColumnType): boolean {
  return type.kind === 'json' || type.kind === 'uuid'
}

/** The text form of a value that the source understands, as an SQL expression of the value. */
export function textForm(expression: string, type: ColumnType): string {
  if (type.kind === 'bytes') return `'\\x' || lower(hex(${expression}))`
  const text = `CAST(${expression} AS VARCHAR)`
  // Years before 1: DuckDB writes `0044-03-15 (BC)`.
  const hasEra = type.kind === 'date' || type.kind === 'timestamp' || type.kind === 'timestamptz'
  return hasEra ? `replace(${text}, '(BC)', 'BC')` : text
}

/** JSON array of text forms: how a key is named outside SQL. */
export function keyText(parts: readonly { readonly expression: string; readonly type: ColumnType }[]): string {
  return `to_json([${parts.map((part) => textForm(part.expression, part.type)).join(', ')}])::VARCHAR`
}
