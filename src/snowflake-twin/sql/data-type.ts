/** Snowflake's data types, as a column or a result reports them. Lengths of VARCHAR are characters, of BINARY bytes. */
export type DataType =
  | { readonly kind: 'NUMBER'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'FLOAT' }
  | { readonly kind: 'VARCHAR'; readonly length: number }
  | { readonly kind: 'BINARY'; readonly length: number }
  | { readonly kind: 'BOOLEAN' }
  | { readonly kind: 'DATE' }
  | { readonly kind: 'TIME'; readonly precision: number }
  | { readonly kind: 'TIMESTAMP_NTZ'; readonly precision: number }
  | { readonly kind: 'TIMESTAMP_LTZ'; readonly precision: number }
  | { readonly kind: 'TIMESTAMP_TZ'; readonly precision: number }
  | { readonly kind: 'VARIANT' }
  | { readonly kind: 'OBJECT' }
  | { readonly kind: 'ARRAY' }

export const VARCHAR_LENGTH_MAX = 16_777_216
export const BINARY_LENGTH_MAX = 8_388_608

/**
 * The DuckDB type that holds values of a Snowflake type. What DuckDB cannot hold: digits of a second beyond the sixth, and the offset of a
 * TIMESTAMP_TZ (kept as its instant, offset 0); the translator refuses values that would need them.
 */
export function storedType(type: DataType): string {
  switch (type.kind) {
    case 'NUMBER':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'FLOAT':
      return 'DOUBLE'
    case 'VARCHAR':
      return 'VARCHAR'
    case 'BINARY':
      return 'BLOB'
    case 'BOOLEAN':
    case 'DATE':
    case 'TIME':
      return type.kind
    case 'TIMESTAMP_NTZ':
      return 'TIMESTAMP'
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ':
      return 'TIMESTAMPTZ'
    case 'VARIANT':
    case 'OBJECT':
    case 'ARRAY':
      return 'JSON'
  }
}

/** As SHOW COLUMNS, DESCRIBE and error messages write it: `NUMBER(38,0)`, `VARCHAR(16777216)`, `TIMESTAMP_NTZ(9)`. */
export function typeText(type: DataType): string {
  switch (type.kind) {
    case 'NUMBER':
      return `NUMBER(${type.precision},${type.scale})`
    case 'VARCHAR':
    case 'BINARY':
      return `${type.kind}(${type.length})`
    case 'TIME':
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ':
      return `${type.kind}(${type.precision})`
    default:
      return type.kind
  }
}
