/** Functions that need OVER (docs: sql-reference/functions-window). */
import type { Binder, FunctionBinder, FunctionTable } from './binding.ts'
import { argument, boundArguments, checkCount, compilationError } from './binding.ts'
import { unified } from './coercion.ts'
import type { Call } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { COUNT, exactSql, FLOAT, number, numberConstant, value } from './value.ts'

export const windowFunctions: FunctionTable = {
  ROW_NUMBER: ranking('row_number'),
  RANK: ranking('rank'),
  DENSE_RANK: ranking('dense_rank'),
  NTILE: (call, binder) => {
    const [of] = boundArguments(call, binder, 1)
    needsOrder(call, binder)
    return value(`ntile(CAST(${of?.sql} AS BIGINT))${binder.window(call, false)}`, COUNT, {
      exact: false,
      nullable: false,
    })
  },
  PERCENT_RANK: (call, binder) => share('percent_rank', call, binder),
  CUME_DIST: (call, binder) => share('cume_dist', call, binder),
  LAG: (call, binder) => neighbour('lag', call, binder),
  LEAD: (call, binder) => neighbour('lead', call, binder),
  FIRST_VALUE: (call, binder) => ofFrame('first_value', call, binder),
  LAST_VALUE: (call, binder) => ofFrame('last_value', call, binder),
  NTH_VALUE: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    needsOrder(call, binder)
    const of = argument(args, 0)
    const nulls = call.ignoreNulls ? ' IGNORE NULLS' : ''
    const sql = `nth_value(${of.sql}, CAST(${argument(args, 1).sql} AS BIGINT)${nulls})${binder.window(call, true)}`
    return value(sql, of.type, { exact: of.exact })
  },
  RATIO_TO_REPORT: (call, binder) => {
    const [of] = boundArguments(call, binder, 1)
    return value(`(CAST(${of?.sql} AS DOUBLE) / sum(CAST(${of?.sql} AS DOUBLE))${binder.window(call, false)})`, FLOAT)
  },
  CONDITIONAL_TRUE_EVENT: (call, binder) => {
    const [of] = boundArguments(call, binder, 1)
    needsOrder(call, binder)
    return value(`count(CASE WHEN ${of?.sql} THEN 1 END)${binder.window(call, false)}`, COUNT, { exact: false })
  },
}

/** Snowflake refuses these without OVER and ORDER BY. */
function needsOrder(call: Call, binder: Binder): void {
  if (call.over !== undefined && call.over.orderBy.length > 0) return
  const [code, state, what] =
    call.over === undefined
      ? ['002091', '42601', `Missing OVER clause for window function [${call.name}]`]
      : ['002303', '42601', `Window function type [${call.name}] requires ORDER BY in window specification`]
  throw compilationError(binder.statement, call, code, state, what)
}

function ranking(name: string): FunctionBinder {
  return (call, binder) => {
    checkCount(call, binder, 0)
    needsOrder(call, binder)
    return value(`${name}()${binder.window(call, false)}`, COUNT, { exact: false, nullable: false })
  }
}

function share(name: string, call: Call, binder: Binder): Value {
  checkCount(call, binder, 0)
  needsOrder(call, binder)
  return value(`${name}()${binder.window(call, false)}`, FLOAT, { nullable: false })
}

function neighbour(name: string, call: Call, binder: Binder): Value {
  const args = boundArguments(call, binder, 1, 3)
  needsOrder(call, binder)
  const [of, fallback] =
    args.length === 3 ? unified(binder.statement, [argument(args, 0), argument(args, 2)]).values : args
  const first = of ?? argument(args, 0)
  const offset = args[1] ?? numberConstant('1')
  const last = args.length === 3 && fallback !== undefined ? `, ${exactSql(fallback)}` : ''
  const nulls = call.ignoreNulls ? ' IGNORE NULLS' : ''
  return value(
    `${name}(${exactSql(first)}, CAST(${offset.sql} AS BIGINT)${last}${nulls})${binder.window(call, false)}`,
    first.type,
  )
}

/** Their frame is the whole partition unless one is written, unlike in the SQL standard. */
function ofFrame(name: string, call: Call, binder: Binder): Value {
  const [of] = boundArguments(call, binder, 1)
  needsOrder(call, binder)
  const first = of ?? value('NULL', number(1, 0))
  const nulls = call.ignoreNulls ? ' IGNORE NULLS' : ''
  return value(`${name}(${first.sql}${nulls})${binder.window(call, true)}`, first.type, { exact: first.exact })
}
