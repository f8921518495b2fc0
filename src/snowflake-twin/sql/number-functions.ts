/** Numeric functions (docs: sql-reference/functions-numeric). */
import type { Binder, FunctionBinder, FunctionTable } from './binding.ts'
import { argument, boundArguments, unknown } from './binding.ts'
import { cast } from './cast.ts'
import { storedType } from './data-type.ts'
import { fixed } from './number-types.ts'
import { arithmetic } from './operators.ts'
import type { Call } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { exactSql, FLOAT, number, value } from './value.ts'

export const numberFunctions: FunctionTable = {
  ABS: (call, binder) => {
    const of = numeric(call, binder)
    return value(`abs(${exactSql(of)})`, of.type, { nullable: of.nullable })
  },
  SIGN: (call, binder) => value(`sign(${exactSql(numeric(call, binder))})`, number(2, 0), { exact: false }),
  ROUND: (call, binder) => rounded('round', call, binder),
  TRUNC: (call, binder) => rounded('trunc', call, binder),
  TRUNCATE: (call, binder) => rounded('trunc', call, binder),
  CEIL: (call, binder) => rounded('ceil', call, binder),
  FLOOR: (call, binder) => rounded('floor', call, binder),
  MOD: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    return arithmetic(binder.statement, '%', argument(args, 0), argument(args, 1), call)
  },
  SQRT: floating('sqrt'),
  EXP: floating('exp'),
  LN: floating('ln'),
  POWER: twoFloats('pow'),
  POW: twoFloats('pow'),
  LOG: twoFloats('log'),
  PI: () => value('pi()', FLOAT, { nullable: false }),
  RANDOM: () =>
    value('CAST((random() - 0.5) * 18446744073709551615 AS HUGEINT)', number(19, 0), { exact: false, nullable: false }),
  BITAND: bits('&'),
  BITOR: bits('|'),
  BITXOR: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    return value(`xor(${integer(binder, argument(args, 0))}, ${integer(binder, argument(args, 1))})`, number(38, 0), {
      exact: false,
    })
  },
  BITSHIFTLEFT: bits('<<'),
  BITSHIFTRIGHT: bits('>>'),
  WIDTH_BUCKET: (call, binder) => {
    throw unknown(binder.statement, call, 'WIDTH_BUCKET')
  },
  SEQ4: sequence,
  SEQ8: sequence,
  UNIFORM: (call, binder) => {
    const args = boundArguments(call, binder, 2, 3)
    const [low, high] = [argument(args, 0), argument(args, 1)]
    if (low.type.kind === 'FLOAT') return value(`(${low.sql} + random() * (${high.sql} - ${low.sql}))`, FLOAT)
    return value(`CAST(floor(${low.sql} + random() * (${high.sql} - ${low.sql} + 1)) AS BIGINT)`, number(38, 0), {
      exact: false,
    })
  },
}

function numeric(call: Call, binder: Binder, most = 1): Value {
  const of = argument(boundArguments(call, binder, 1, most), 0)
  if (of.type.kind === 'NUMBER' || of.type.kind === 'FLOAT') return of
  return cast(binder.statement, of, of.untyped ? number(38, 0) : of.type.kind === 'VARIANT' ? FLOAT : number(18, 5))
}

/** ROUND and its kin with a scale keep that many places; half goes away from zero, as in DuckDB's DECIMAL. */
function rounded(name: 'round' | 'trunc' | 'ceil' | 'floor', call: Call, binder: Binder): Value {
  const of = numeric(call, binder, 2)
  const [, places] = call.args
  const scale = places === undefined ? '0' : binder.bind(places).constant
  if (scale === undefined) throw unknown(binder.statement, call, `${call.name} with a computed scale`)
  const digits = Number(scale)
  if (of.type.kind !== 'NUMBER') {
    if (name === 'round') return value(`round(${of.sql}, ${digits})`, FLOAT)
    return value(
      digits === 0 ? `${name}(${of.sql})` : `(${name}(${of.sql} * pow(10, ${digits})) / pow(10, ${digits}))`,
      FLOAT,
    )
  }
  const { precision, scale: had } = of.type
  if (digits >= had) return of
  const kept = Math.max(digits, 0)
  const type = fixed(precision - had + kept + 1, kept)
  const exact = exactSql(of)
  if (name === 'round') return value(`CAST(round(${exact}, ${digits}) AS ${storedType(type)})`, type)
  // Scale down, take the whole part, scale up: all in DECIMAL.
  if (digits < 0) throw unknown(binder.statement, call, `${call.name} to tens`)
  const unit = `CAST(${digits === 0 ? '1' : `0.${'0'.repeat(digits - 1)}1`} AS DECIMAL(38,${Math.max(had, digits)}))`
  const cut = `(${exact} - ${exact} % ${unit})`
  const step = (condition: string, operator: string) =>
    `CASE WHEN ${condition} THEN ${cut} ${operator} ${unit} ELSE ${cut} END`
  const sql = name === 'trunc' ? cut : name === 'ceil' ? step(`${exact} > ${cut}`, '+') : step(`${exact} < ${cut}`, '-')
  return value(`CAST(${sql} AS ${storedType(type)})`, type)
}

function floating(name: string): FunctionBinder {
  return (call, binder) => value(`${name}(${cast(binder.statement, numeric(call, binder), FLOAT).sql})`, FLOAT)
}

function twoFloats(name: string): FunctionBinder {
  return (call, binder) => {
    const args = boundArguments(call, binder, 2).map((one) => cast(binder.statement, one, FLOAT).sql)
    return value(`${name}(${args.join(', ')})`, FLOAT)
  }
}

function integer(binder: Binder, of: Value): string {
  return `CAST(${cast(binder.statement, of, number(38, 0)).sql} AS BIGINT)`
}

function bits(operator: string): FunctionBinder {
  return (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const sql = `(${integer(binder, argument(args, 0))} ${operator} ${integer(binder, argument(args, 1))})`
    return value(sql, number(38, 0), { exact: false })
  }
}

/** Counts the rows of the query from 0. */
function sequence(): Value {
  return value('(row_number() OVER () - 1)', number(19, 0), { exact: false, nullable: false })
}
