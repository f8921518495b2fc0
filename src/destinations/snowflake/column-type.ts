import type { ColumnType } from '../../core/table-schema.ts'

/** The Snowflake type of a column, as SQL. */
export function snowflakeType(type: ColumnType): string {
  switch (type.kind) {
    case 'bool':
      return 'BOOLEAN'
    case 'int16':
      return 'NUMBER(5,0)'
    case 'int32':
      return 'NUMBER(10,0)'
    case 'int64':
      return 'NUMBER(19,0)'
    case 'float32':
    case 'float64':
      return 'FLOAT'
    case 'decimal':
      return `NUMBER(${type.precision},${type.scale})`
    case 'text':
    case 'uuid':
      return 'VARCHAR'
    case 'bytes':
      return 'BINARY'
    case 'json':
      return 'VARIANT'
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME(6)'
    case 'timestamp':
      return 'TIMESTAMP_NTZ(6)'
    case 'timestamptz':
      return 'TIMESTAMP_TZ(6)'
  }
}
