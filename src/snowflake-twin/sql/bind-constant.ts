/** `?` and `:1` with the values that the driver sent. */
import type { Statement } from './binding.ts'
import { compilationError } from './binding.ts'
import { cast } from './cast.ts'
import type { DataType } from './data-type.ts'
import { textLiteral } from './stored-name.ts'
import type { Expression } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { BOOLEAN, FLOAT, NULL_VALUE, numberConstant, TEXT, textConstant, VARIANT, value } from './value.ts'

const MOMENTS: Readonly<Record<string, DataType>> = {
  DATE: { kind: 'DATE' },
  TIME: { kind: 'TIME', precision: 9 },
  TIMESTAMP_NTZ: { kind: 'TIMESTAMP_NTZ', precision: 9 },
  TIMESTAMP_LTZ: { kind: 'TIMESTAMP_LTZ', precision: 9 },
  TIMESTAMP_TZ: { kind: 'TIMESTAMP_TZ', precision: 9 },
}

/** An array binding has a value for each row: `row` says which. */
export function bindConstant(statement: Statement, at: Expression & { type: 'bind' }, row = 0): Value {
  const bound = statement.context.binds[at.index - 1]
  if (bound === undefined) {
    throw compilationError(statement, at, '001003', '42000', `Bind variable ? not set (number ${at.index}).`)
  }
  const text = bound.value === null || typeof bound.value === 'string' ? bound.value : (bound.value[row] ?? null)
  if (text === null) return NULL_VALUE
  switch (bound.type) {
    case 'FIXED': {
      const negative = text.startsWith('-')
      const constant = numberConstant(negative ? text.slice(1) : text)
      return negative ? { ...constant, sql: `(-${constant.sql})`, constant: text } : constant
    }
    case 'REAL':
      return value(`CAST(${textLiteral(text)} AS DOUBLE)`, FLOAT, { nullable: false })
    case 'BOOLEAN':
      return value(/^(?:true|1)$/i.test(text) ? 'true' : 'false', BOOLEAN, { nullable: false })
    case 'TEXT':
      // A bound text has the longest type, whatever it is now.
      return { ...textConstant(text), type: TEXT }
    case 'BINARY':
      return value(`unhex(${textLiteral(text)})`, { kind: 'BINARY', length: 8_388_608 }, { nullable: false })
    case 'VARIANT':
      return value(`CAST(sf_parse_json(${textLiteral(text)}) AS JSON)`, VARIANT)
    default: {
      const type = MOMENTS[bound.type]
      if (type === undefined) throw compilationError(statement, at, '001003', '42000', `Bind type ${bound.type}`)
      return cast(statement, textConstant(text), type)
    }
  }
}
