/** Conditional functions (docs: sql-reference/expressions-conditional). */
import type { FunctionTable } from './binding.ts'
import { argument, boundArguments } from './binding.ts'
import { asText } from './cast.ts'
import { unified } from './coercion.ts'
import { arithmetic, choice, compare, condition, firstNotNull } from './operators.ts'
import { BOOLEAN, exactSql, NULL_VALUE, number, numberConstant, value } from './value.ts'

export const conditionalFunctions: FunctionTable = {
  IFF: (call, binder) => {
    const [test, yes, no] = boundArguments(call, binder, 3)
    const args = [test, yes, no].map((one) => one ?? NULL_VALUE)
    const when = condition(binder.statement, argument(args, 0)).sql
    return choice(binder.statement, [{ when, result: argument(args, 1) }], argument(args, 2))
  },
  COALESCE: (call, binder) => firstNotNull(binder.statement, boundArguments(call, binder, 2, Number.POSITIVE_INFINITY)),
  NVL: (call, binder) => firstNotNull(binder.statement, boundArguments(call, binder, 2)),
  IFNULL: (call, binder) => firstNotNull(binder.statement, boundArguments(call, binder, 2)),
  NVL2: (call, binder) => {
    const args = boundArguments(call, binder, 3)
    const when = `${argument(args, 0).sql} IS NOT NULL`
    return choice(binder.statement, [{ when, result: argument(args, 1) }], argument(args, 2))
  },
  NULLIF: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const equal = compare(binder.statement, '=', argument(args, 0), argument(args, 1), call)
    return choice(binder.statement, [{ when: equal.sql, result: NULL_VALUE }], argument(args, 0))
  },
  NULLIFZERO: (call, binder) => {
    const [of = NULL_VALUE] = boundArguments(call, binder, 1)
    return choice(binder.statement, [{ when: `${of.sql} = 0`, result: NULL_VALUE }], of)
  },
  ZEROIFNULL: (call, binder) => {
    const [of = NULL_VALUE] = boundArguments(call, binder, 1)
    return firstNotNull(binder.statement, [of.untyped ? { ...of, type: number(38, 0) } : of, numberConstant('0')])
  },
  EQUAL_NULL: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    return compare(binder.statement, 'IS NOT DISTINCT FROM', argument(args, 0), argument(args, 1), call)
  },
  DECODE: (call, binder) => {
    const [of = NULL_VALUE, ...rest] = boundArguments(call, binder, 3, Number.POSITIVE_INFINITY)
    const whens = []
    let at = 0
    // DECODE finds NULL equal to NULL.
    for (; at + 1 < rest.length; at += 2) {
      const when = compare(binder.statement, 'IS NOT DISTINCT FROM', of, argument(rest, at), call).sql
      whens.push({ when, result: argument(rest, at + 1) })
    }
    return choice(binder.statement, whens, rest[at])
  },
  GREATEST: (call, binder) =>
    extreme('greatest', false, boundArguments(call, binder, 1, Number.POSITIVE_INFINITY), binder),
  LEAST: (call, binder) => extreme('least', false, boundArguments(call, binder, 1, Number.POSITIVE_INFINITY), binder),
  GREATEST_IGNORE_NULLS: (call, binder) =>
    extreme('greatest', true, boundArguments(call, binder, 1, Number.POSITIVE_INFINITY), binder),
  LEAST_IGNORE_NULLS: (call, binder) =>
    extreme('least', true, boundArguments(call, binder, 1, Number.POSITIVE_INFINITY), binder),
  BOOLAND: (call, binder) => both(call, binder, 'AND'),
  BOOLOR: (call, binder) => both(call, binder, 'OR'),
  BOOLNOT: (call, binder) => {
    const [of = NULL_VALUE] = boundArguments(call, binder, 1)
    return value(`(NOT ${condition(binder.statement, of).sql})`, BOOLEAN)
  },
  DIV0: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const quotient = arithmetic(binder.statement, '/', argument(args, 0), argument(args, 1), call)
    return choice(binder.statement, [{ when: `${argument(args, 1).sql} = 0`, result: numberConstant('0') }], quotient)
  },
  REGR_VALX: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    return choice(
      binder.statement,
      [{ when: `${argument(args, 0).sql} IS NULL`, result: NULL_VALUE }],
      argument(args, 1),
    )
  },
  TYPEOF: (call, binder) => {
    const [of = NULL_VALUE] = boundArguments(call, binder, 1)
    const json = of.sql
    const sql =
      `CASE json_type(${json}) WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'VARCHAR' THEN 'VARCHAR' WHEN 'BOOLEAN' THEN 'BOOLEAN' ` +
      `WHEN 'OBJECT' THEN 'OBJECT' WHEN 'ARRAY' THEN 'ARRAY' ELSE CASE WHEN ${json} IS NULL THEN NULL ` +
      `WHEN contains(CAST(${json} AS VARCHAR), 'e') THEN 'DOUBLE' WHEN contains(CAST(${json} AS VARCHAR), '.') THEN 'DECIMAL' ELSE 'INTEGER' END END`
    return value(sql, asText(binder.statement, value("''", { kind: 'VARCHAR', length: 16 })).type)
  },
}

type Binder = Parameters<FunctionTable[string]>[1]

/** Snowflake: one NULL makes the result NULL, unless NULLs are ignored, as DuckDB always does. */
function extreme(name: string, ignoreNulls: boolean, args: Parameters<typeof unified>[1], binder: Binder) {
  const { type, values } = unified(binder.statement, args)
  const list = values.map(exactSql)
  const all = `${name}(${list.join(', ')})`
  if (ignoreNulls || values.every((one) => !one.nullable)) return value(all, type)
  return value(`CASE WHEN ${list.map((sql) => `${sql} IS NULL`).join(' OR ')} THEN NULL ELSE ${all} END`, type)
}

function both(call: Parameters<FunctionTable[string]>[0], binder: Binder, operator: 'AND' | 'OR') {
  const args = boundArguments(call, binder, 2)
  const truth = (index: number) => condition(binder.statement, argument(args, index)).sql
  return value(`(${truth(0)} ${operator} ${truth(1)})`, BOOLEAN)
}
