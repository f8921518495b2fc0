/** TO_…, TRY_TO_… (docs: sql-reference/functions-conversion). */
import type { Binder, FunctionBinder, FunctionTable } from './binding.ts'
import { argument, boundArguments, unknown } from './binding.ts'
import { asText, cast } from './cast.ts'
import { variantOf } from './cast-variant.ts'
import type { DataType } from './data-type.ts'
import type { Call } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { FLOAT, isSemiStructured, number, TEXT, VARIANT, value } from './value.ts'

export const conversionFunctions: FunctionTable = {
  ...both(['TO_DATE', 'DATE'], () => ({ kind: 'DATE' })),
  ...both(['TO_TIME', 'TIME'], () => ({ kind: 'TIME', precision: 9 })),
  ...both(['TO_TIMESTAMP_NTZ'], () => ({ kind: 'TIMESTAMP_NTZ', precision: 9 })),
  ...both(['TO_TIMESTAMP_LTZ'], () => ({ kind: 'TIMESTAMP_LTZ', precision: 9 })),
  ...both(['TO_TIMESTAMP_TZ'], () => ({ kind: 'TIMESTAMP_TZ', precision: 9 })),
  ...both(['TO_TIMESTAMP'], (binder) => ({
    kind: mapping(binder.statement.context.parameters.get('TIMESTAMP_TYPE_MAPPING')),
    precision: 9,
  })),
  ...both(['TO_BOOLEAN'], () => ({ kind: 'BOOLEAN' })),
  ...both(['TO_DOUBLE'], () => FLOAT),
  TO_NUMBER: toNumber(false),
  TO_DECIMAL: toNumber(false),
  TO_NUMERIC: toNumber(false),
  TRY_TO_NUMBER: toNumber(true),
  TRY_TO_DECIMAL: toNumber(true),
  TRY_TO_NUMERIC: toNumber(true),
  TO_VARCHAR: toText,
  TO_CHAR: toText,
  TO_BINARY: toBinary(false),
  TRY_TO_BINARY: toBinary(true),
  TO_VARIANT: (call, binder) =>
    variantOf(argument(boundArguments(call, binder, 1), 0), (one) => asText(binder.statement, one)),
  TO_OBJECT: (call, binder) => cast(binder.statement, argument(boundArguments(call, binder, 1), 0), { kind: 'OBJECT' }),
  TO_ARRAY: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    const json = variantOf(of, (one) => asText(binder.statement, one))
    return cast(binder.statement, json, { kind: 'ARRAY' })
  },
  TO_JSON: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    return value(`CAST(${of.sql} AS VARCHAR)`, TEXT, { nullable: of.nullable })
  },
  PARSE_JSON: (call, binder) => parsed('sf_parse_json', call, binder),
  TRY_PARSE_JSON: (call, binder) => parsed('sf_try_parse_json', call, binder),
}

function mapping(name: string | undefined): 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ' {
  return name === 'TIMESTAMP_LTZ' || name === 'TIMESTAMP_TZ' ? name : 'TIMESTAMP_NTZ'
}

/** A name, its TRY_ form, and their synonyms. */
function both(names: readonly string[], type: (binder: Binder) => DataType): FunctionTable {
  const functions: Record<string, FunctionBinder> = {}
  for (const name of names) functions[name] = (call, binder) => convert(call, binder, type(binder), false)
  const [first] = names
  functions[`TRY_${first}`] = (call, binder) => convert(call, binder, type(binder), true)
  return functions
}

function convert(call: Call, binder: Binder, to: DataType, lenient: boolean): Value {
  const args = boundArguments(call, binder, 1, 2)
  const of = argument(args, 0)
  const second = args[1]
  if (second === undefined) return cast(binder.statement, of, to, { lenient, start: call.start })
  const constant = second.constant
  if (constant === undefined) throw unknown(binder.statement, call, `${call.name} with a computed format`)
  if ((of.type.kind === 'NUMBER' || of.type.kind === 'FLOAT') && to.kind.startsWith('TIMESTAMP')) {
    // The scale of a number: 0 seconds, 3 milliseconds, 6 microseconds, 9 nanoseconds.
    const scaled = `(CAST(${of.sql} AS DECIMAL(38,9)) / ${10 ** Number(constant)})`
    return cast(binder.statement, value(scaled, FLOAT), to, { start: call.start })
  }
  return cast(binder.statement, asText(binder.statement, of), to, { lenient, format: constant, start: call.start })
}

function toNumber(lenient: boolean): FunctionBinder {
  return (call, binder) => {
    const args = boundArguments(call, binder, 1, 4)
    const rest = args.slice(1)
    if (rest[0]?.type.kind === 'VARCHAR') throw unknown(binder.statement, call, `${call.name} with a format`)
    const digits = rest.map((one) => {
      if (one.constant === undefined) throw unknown(binder.statement, call, `${call.name} with a computed precision`)
      return Number(one.constant)
    })
    const type = number(digits[0] ?? 38, digits[1] ?? 0)
    return cast(binder.statement, argument(args, 0), type, { lenient, start: call.start })
  }
}

function toText(call: Call, binder: Binder): Value {
  const args = boundArguments(call, binder, 1, 2)
  const of = argument(args, 0)
  const format = args[1]
  if (format === undefined) return asText(binder.statement, of)
  if (format.constant === undefined) throw unknown(binder.statement, call, `${call.name} with a computed format`)
  const { kind } = of.type
  if (kind === 'DATE' || kind === 'TIME' || kind.startsWith('TIMESTAMP')) {
    return cast(binder.statement, of, TEXT, { format: format.constant, start: call.start })
  }
  if (kind === 'BINARY' && /^hex$/i.test(format.constant)) return value(`hex(${of.sql})`, TEXT)
  if (kind === 'BINARY' && /^utf-?8$/i.test(format.constant)) return value(`decode(${of.sql})`, TEXT)
  if (kind === 'BINARY' && /^base64$/i.test(format.constant)) return value(`base64(${of.sql})`, TEXT)
  throw unknown(binder.statement, call, `${call.name} of ${kind} with a format`)
}

function toBinary(lenient: boolean): FunctionBinder {
  return (call, binder) => {
    const args = boundArguments(call, binder, 1, 2)
    const of = argument(args, 0)
    const format = (args[1]?.constant ?? 'HEX').toUpperCase()
    const type: DataType = { kind: 'BINARY', length: 8_388_608 }
    if (of.type.kind === 'BINARY' || format === 'HEX') return cast(binder.statement, of, type, { lenient })
    const text = asText(binder.statement, of).sql
    if (format === 'UTF-8' || format === 'UTF8') return value(`encode(${text})`, type)
    if (format === 'BASE64' && !lenient) return value(`from_base64(${text})`, type)
    throw unknown(binder.statement, call, `${call.name} with the format ${format}`)
  }
}

function parsed(name: string, call: Call, binder: Binder): Value {
  const of = argument(boundArguments(call, binder, 1, 2), 0)
  if (call.args.length > 1) throw unknown(binder.statement, call, `${call.name} with a second argument`)
  if (isSemiStructured(of.type) && of.native === undefined) {
    // A VARIANT counts as its text, which parses to itself unless it is a string.
    return value(
      `CAST(${name}(CASE WHEN json_type(${of.sql}) = 'VARCHAR' THEN (${of.sql} ->> '$') ELSE CAST(${of.sql} AS VARCHAR) END) AS JSON)`,
      VARIANT,
    )
  }
  return value(`CAST(${name}(${asText(binder.statement, of.native ?? of).sql}) AS JSON)`, VARIANT)
}
