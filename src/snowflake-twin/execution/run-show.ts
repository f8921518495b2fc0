/** SHOW: a list with the columns that Snowflake's own has. */
import type { ViewColumn, ViewRow } from '../catalog/view-columns.ts'
import { STATEMENT_TYPE, type StatementResult, type WireRow } from '../protocol/query-reply.ts'
import { wireType } from '../protocol/wire-value.ts'
import { unsupported } from '../refusals.ts'
import type { ShowPlan } from '../sql/plan.ts'
import { rowsResult } from './run-query.ts'
import { accountList } from './show-account.ts'
import { schemaList } from './show-schema.ts'
import type { StatementContext } from './statement-context.ts'

/** `rows` in the order in which Snowflake lists them. */
export interface ShownList {
  readonly columns: readonly ViewColumn[]
  readonly rows: readonly ViewRow[]
  /** What LIKE and STARTS WITH look at. Default: name. */
  readonly nameColumn?: string
}

export function runShow(context: StatementContext, plan: ShowPlan): StatementResult {
  context.record.type = 'SHOW'
  const list = accountList(context, plan) ?? schemaList(context, plan)
  if (list === undefined) throw unsupported(`SHOW ${plan.objects}`)
  return shownResult(list, plan)
}

function shownResult({ columns, rows, nameColumn = 'name' }: ShownList, plan: ShowPlan): StatementResult {
  const like = plan.like === undefined ? undefined : likePattern(plan.like)
  let chosen = rows.filter((row) => {
    const name = String(row[nameColumn] ?? row.key ?? '')
    return (like === undefined || like.test(name)) && name.startsWith(plan.startsWith ?? '')
  })
  const { limitFrom } = plan
  if (limitFrom !== undefined) chosen = chosen.filter((row) => String(row[nameColumn] ?? '') > limitFrom)
  if (plan.limit !== undefined) chosen = chosen.slice(0, plan.limit)
  return listResult(STATEMENT_TYPE.show, columns, chosen)
}

export function listResult(typeId: number, columns: readonly ViewColumn[], rows: readonly ViewRow[]): StatementResult {
  return rowsResult(
    typeId,
    columns,
    rows.map((row) => columns.map((column) => shownValue(row[column.name], column))),
  )
}

/** Moments are given as milliseconds. */
function shownValue(value: ViewRow[string], { type }: ViewColumn): WireRow[number] {
  if (value === undefined || value === null) return null
  if (wireType(type).name === 'timestamp_ltz') return (Number(value) / 1000).toFixed(6)
  if (type.kind === 'BOOLEAN') return value === true ? '1' : '0'
  return String(value)
}

/** `%` and `_`, without regard to case, as SHOW … LIKE compares. */
function likePattern(like: string): RegExp {
  const escaped = like.replaceAll(/[.*+?^${}()|[\]]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('%', '.*').replaceAll('_', '.')}$`, 'is')
}
