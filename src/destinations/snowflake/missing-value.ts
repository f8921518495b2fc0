import type { Column, ColumnType } from '../../core/table-schema.ts'
import { snowflakeType } from './column-type.ts'
import { quoteLiteral } from './identifiers.ts'

/** The value that rows have which are older than a column with a constant default; undefined: NULL. */
export function missingValueSql(column: Column): string | undefined {
  const text = column.missingValue
  if (text === undefined) return undefined
  if (column.type.kind === 'json') return `PARSE_JSON(${quoteLiteral(text)})`
  return `CAST(${quoteLiteral(inputForm(text, column.type))} AS ${snowflakeType(column.type)})`
}

/** As a constant that a column can have as its DEFAULT; undefined where Snowflake takes none for the type. */
export function missingValueDefault(column: Column): string | undefined {
  const text = column.missingValue
  if (text === undefined) return undefined
  switch (column.type.kind) {
    case 'text':
    case 'uuid':
      return quoteLiteral(text)
    case 'int16':
    case 'int32':
    case 'int64':
    case 'decimal':
      return /^-?\d+(\.\d+)?$/.test(text) ? text : undefined
    case 'bool':
      return /^t/i.test(text) ? 'TRUE' : 'FALSE'
    default:
      return undefined
  }
}

/** As Snowflake reads what Postgres writes. */
export function inputForm(text: string, type: ColumnType): string {
  if (type.kind === 'bytes') return text.replace(/^\\x/, '')
  // An offset of hours alone is in no form that is recognised.
  if (type.kind === 'timestamptz') return text.replace(/([+-]\d\d)$/, '$1:00')
  return text
}
