/** Aggregates, also as window functions (docs: sql-reference/functions-aggregation). */
import type { Binder, FunctionBinder, FunctionTable } from './binding.ts'
import { argument, boundArguments, checkCount, unknown } from './binding.ts'
import { asText, cast } from './cast.ts'
import { variantOf } from './cast-variant.ts'
import { storedType } from './data-type.ts'
import { quotientType } from './number-types.ts'
import { condition } from './operators.ts'
import { textLiteral } from './stored-name.ts'
import type { Call } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { BOOLEAN, COUNT, exactSql, FLOAT, NULL_VALUE, number, TEXT, value } from './value.ts'

export const aggregateFunctions: FunctionTable = {
  COUNT: (call, binder) => {
    const over = binder.window(call, false)
    if (call.star || call.args.length === 0) return value(`count(*)${over}`, COUNT, { exact: false, nullable: false })
    const args = call.args.map((one) => binder.bind(one).sql)
    // COUNT(a, b) counts rows in which no argument is NULL.
    const counted =
      args.length === 1
        ? args[0]
        : call.distinct
          ? `CASE WHEN ${args.map((sql) => `${sql} IS NOT NULL`).join(' AND ')} THEN (${args.join(', ')}) END`
          : `CASE WHEN ${args.map((sql) => `${sql} IS NOT NULL`).join(' AND ')} THEN 1 END`
    return value(`count(${call.distinct ? 'DISTINCT ' : ''}${counted})${over}`, COUNT, {
      exact: false,
      nullable: false,
    })
  },
  COUNT_IF: (call, binder) => {
    const [of = NULL_VALUE] = boundArguments(call, binder, 1)
    const sql = `count(CASE WHEN ${condition(binder.statement, of).sql} THEN 1 END)${binder.window(call, false)}`
    return value(sql, COUNT, { exact: false, nullable: false })
  },
  SUM: (call, binder) => {
    const of = numeric(call, binder)
    const over = binder.window(call, false)
    if (of.type.kind === 'FLOAT') return value(`sum(${distinct(call)}${of.sql})${over}`, FLOAT)
    const scale = of.type.kind === 'NUMBER' ? of.type.scale : 0
    return value(
      `CAST(sum(${distinct(call)}${exactSql(of)})${over} AS ${storedType(number(38, scale))})`,
      number(38, scale),
    )
  },
  AVG: (call, binder) => {
    const of = numeric(call, binder)
    const over = binder.window(call, false)
    if (of.type.kind !== 'NUMBER') return value(`avg(${distinct(call)}${of.sql})${over}`, FLOAT)
    const { scale } = quotientType(of.type, { kind: 'NUMBER', precision: 18, scale: 0 })
    const type = number(38, scale)
    const sum = `CAST(sum(${distinct(call)}${exactSql(of)})${over} AS VARCHAR)`
    const count = `CAST(count(${distinct(call)}${of.sql})${over} AS VARCHAR)`
    // Without rows the sum is NULL, and so is the quotient.
    return value(`CAST(sf_divide(${sum}, ${count}, ${scale}) AS ${storedType(type)})`, type)
  },
  MIN: (call, binder) => extreme('min', call, binder),
  MAX: (call, binder) => extreme('max', call, binder),
  ANY_VALUE: (call, binder) => extreme('any_value', call, binder),
  MIN_BY: (call, binder) => extremeBy('arg_min', call, binder),
  MAX_BY: (call, binder) => extremeBy('arg_max', call, binder),
  BOOLAND_AGG: (call, binder) => truth('bool_and', call, binder),
  BOOLOR_AGG: (call, binder) => truth('bool_or', call, binder),
  BITAND_AGG: bits('bit_and'),
  BITOR_AGG: bits('bit_or'),
  BITXOR_AGG: bits('bit_xor'),
  STDDEV: floating('stddev_samp'),
  STDDEV_SAMP: floating('stddev_samp'),
  STDDEV_POP: floating('stddev_pop'),
  VARIANCE: floating('var_samp'),
  VAR_SAMP: floating('var_samp'),
  VAR_POP: floating('var_pop'),
  MEDIAN: floating('median'),
  APPROX_COUNT_DISTINCT: (call, binder) => {
    const [of = NULL_VALUE] = boundArguments(call, binder, 1)
    return value(`count(DISTINCT ${of.sql})${binder.window(call, false)}`, COUNT, { exact: false, nullable: false })
  },
  LISTAGG: (call, binder) => {
    const args = boundArguments(call, binder, 1, 2)
    const separator = args[1] ?? value(textLiteral(''), TEXT)
    const order = call.withinGroup.length === 0 ? '' : ` ORDER BY ${binder.orderBy(call.withinGroup)}`
    const text = asText(binder.statement, argument(args, 0)).sql
    const sql = `string_agg(${distinct(call)}${text}, ${separator.sql}${order})${binder.window(call, true)}`
    // Of no rows it is an empty string, not NULL.
    return value(`COALESCE(${sql}, '')`, TEXT, { nullable: false })
  },
  ARRAY_AGG: (call, binder) => {
    const [of = NULL_VALUE] = boundArguments(call, binder, 1)
    const order = call.withinGroup.length === 0 ? '' : ` ORDER BY ${binder.orderBy(call.withinGroup)}`
    const json = variantOf(of, (moment) => asText(binder.statement, moment)).sql
    // NULLs are left out; no rows give an empty array.
    const sql = `list(${distinct(call)}${json}${order}) FILTER (WHERE ${of.sql} IS NOT NULL)${binder.window(call, true)}`
    return value(`COALESCE(CAST(to_json(${sql}) AS JSON), CAST('[]' AS JSON))`, { kind: 'ARRAY' }, { nullable: false })
  },
  OBJECT_AGG: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const key = asText(binder.statement, argument(args, 0)).sql
    const json = variantOf(argument(args, 1), (moment) => asText(binder.statement, moment)).sql
    const sql = `json_group_object(${key}, ${json}) FILTER (WHERE ${key} IS NOT NULL AND ${json} IS NOT NULL)${binder.window(call, true)}`
    return value(
      `CAST(sf_parse_json(CAST(COALESCE(${sql}, '{}') AS VARCHAR)) AS JSON)`,
      { kind: 'OBJECT' },
      { nullable: false },
    )
  },
}

function distinct(call: Call): string {
  return call.distinct ? 'DISTINCT ' : ''
}

function numeric(call: Call, binder: Binder): Value {
  const [of = NULL_VALUE] = boundArguments(call, binder, 1)
  if (of.type.kind === 'NUMBER' || of.type.kind === 'FLOAT') return of
  return cast(binder.statement, of, of.untyped ? number(38, 0) : FLOAT)
}

function extreme(name: string, call: Call, binder: Binder): Value {
  const [of = NULL_VALUE] = boundArguments(call, binder, 1)
  if (of.type.kind === 'VARIANT' && name !== 'any_value')
    throw unknown(binder.statement, call, `${call.name} of a VARIANT: cast it`)
  // A window with an order has a running frame, as DuckDB's.
  return value(`${name}(${of.sql})${binder.window(call, false)}`, of.type, { exact: of.exact })
}

function extremeBy(name: string, call: Call, binder: Binder): Value {
  const args = boundArguments(call, binder, 2)
  const of = argument(args, 0)
  return value(`${name}_null(${of.sql}, ${argument(args, 1).sql})${binder.window(call, false)}`, of.type, {
    exact: of.exact,
  })
}

function truth(name: string, call: Call, binder: Binder): Value {
  const [of = NULL_VALUE] = boundArguments(call, binder, 1)
  return value(`${name}(${condition(binder.statement, of).sql})${binder.window(call, false)}`, BOOLEAN)
}

function floating(name: string): FunctionBinder {
  return (call, binder) => {
    checkCount(call, binder, 1)
    const of = cast(binder.statement, numeric(call, binder), FLOAT)
    return value(`${name}(${of.sql})${binder.window(call, false)}`, FLOAT)
  }
}

/** Of whole numbers; Snowflake has them as NUMBER(38,0). */
function bits(name: string): FunctionBinder {
  return (call, binder) => {
    const of = cast(binder.statement, numeric(call, binder), number(38, 0))
    return value(`${name}(${distinct(call)}CAST(${of.sql} AS HUGEINT))${binder.window(call, false)}`, number(38, 0), {
      exact: false,
    })
  }
}
