/** Names of data types (docs: sql-reference/intro-summary-data-types, with their synonyms). */
import type { DataType } from './data-type.ts'
import { BINARY_LENGTH_MAX, VARCHAR_LENGTH_MAX } from './data-type.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { TokenStream } from './token-stream.ts'

const TIMESTAMPS: Readonly<Record<string, 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ'>> = {
  DATETIME: 'TIMESTAMP_NTZ',
  TIMESTAMP_NTZ: 'TIMESTAMP_NTZ',
  TIMESTAMPNTZ: 'TIMESTAMP_NTZ',
  TIMESTAMP_LTZ: 'TIMESTAMP_LTZ',
  TIMESTAMPLTZ: 'TIMESTAMP_LTZ',
  TIMESTAMP_TZ: 'TIMESTAMP_TZ',
  TIMESTAMPTZ: 'TIMESTAMP_TZ',
}
const INTEGERS: readonly string[] = ['INT', 'INTEGER', 'BIGINT', 'SMALLINT', 'TINYINT', 'BYTEINT']
const DECIMALS: readonly string[] = ['NUMBER', 'DECIMAL', 'NUMERIC', 'DEC']
const FLOATS: readonly string[] = ['FLOAT', 'FLOAT4', 'FLOAT8', 'REAL', 'DOUBLE']
const TEXTS: readonly string[] = ['VARCHAR', 'STRING', 'TEXT', 'NVARCHAR', 'NVARCHAR2', 'CHAR', 'CHARACTER', 'NCHAR']
const ONE_CHARACTER: readonly string[] = ['CHAR', 'CHARACTER', 'NCHAR']

/** `timestamp` is what the session's TIMESTAMP_TYPE_MAPPING makes of a plain TIMESTAMP. */
export function parseType(
  tokens: TokenStream,
  timestamp: 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ',
): DataType {
  const start = tokens.peek()
  if (start.type !== 'word') throw tokens.unexpected()
  const name = tokens.next().value
  if (DECIMALS.includes(name)) {
    const [precision = 38, scale = 0] = numbers(tokens)
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision || scale > 37) {
      throw new SnowflakeError(
        '002258',
        '22023',
        `SQL compilation error: error line 0 at position ${start.start}\nInvalid precision or scale for NUMBER: (${precision},${scale}).`,
      )
    }
    return { kind: 'NUMBER', precision, scale }
  }
  if (INTEGERS.includes(name)) return { kind: 'NUMBER', precision: 38, scale: 0 }
  if (FLOATS.includes(name)) {
    if (name === 'DOUBLE') tokens.takeWords('PRECISION')
    return { kind: 'FLOAT' }
  }
  if (TEXTS.includes(name)) {
    tokens.takeWords('VARYING')
    const [length = ONE_CHARACTER.includes(name) ? 1 : VARCHAR_LENGTH_MAX] = numbers(tokens)
    return { kind: 'VARCHAR', length }
  }
  if (name === 'BINARY' || name === 'VARBINARY') {
    const [length = BINARY_LENGTH_MAX] = numbers(tokens)
    return { kind: 'BINARY', length }
  }
  if (name === 'TIME') return { kind: 'TIME', precision: numbers(tokens)[0] ?? 9 }
  if (name === 'TIMESTAMP') {
    const [precision = 9] = numbers(tokens)
    return { kind: zone(tokens) ?? timestamp, precision }
  }
  const exact = TIMESTAMPS[name]
  if (exact !== undefined) return { kind: exact, precision: numbers(tokens)[0] ?? 9 }
  switch (name) {
    case 'BOOLEAN':
    case 'DATE':
    case 'VARIANT':
      return { kind: name }
    case 'OBJECT':
    case 'ARRAY':
      if (tokens.isSymbol('(')) throw tokens.unknown(`structured ${name} types`)
      return { kind: name }
  }
  if (['MAP', 'GEOGRAPHY', 'GEOMETRY', 'VECTOR', 'FILE', 'UUID', 'DECFLOAT'].includes(name)) {
    throw tokens.unknown(`the data type ${name}`, start.start)
  }
  throw new SnowflakeError('002040', '42601', `SQL compilation error:\nUnsupported data type '${name}'.`)
}

function numbers(tokens: TokenStream): readonly number[] {
  if (!tokens.isSymbol('(')) return []
  return tokens.parenthesized(() => {
    const token = tokens.peek()
    if (token.type !== 'number' || !/^\d+$/.test(token.value)) throw tokens.unexpected()
    return Number(tokens.next().value)
  })
}

function zone(tokens: TokenStream): 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ' | undefined {
  if (tokens.takeWords('WITH', 'LOCAL', 'TIME', 'ZONE')) return 'TIMESTAMP_LTZ'
  if (tokens.takeWords('WITH', 'TIME', 'ZONE')) return 'TIMESTAMP_TZ'
  if (tokens.takeWords('WITHOUT', 'TIME', 'ZONE')) return 'TIMESTAMP_NTZ'
  return undefined
}
