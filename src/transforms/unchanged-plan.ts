/** What is done about changes that lack values: one plan for each set of columns that some change of a file lacks, and for changes of key. */
import { oldKeyColumn, SYSTEM_COLUMNS } from '../core/batch.ts'
import { keyColumns } from '../core/table-schema.ts'
import type { CompiledTransform } from './compiled-transform.ts'
import { quoteText } from './duckdb-column.ts'
import type { TransformSession } from './transform-session.ts'

export interface UnchangedPlan {
  /** `_unchanged` of the rows it is for. */
  readonly unchanged: string
  /** It is for rows whose key has changed, or else for the others. */
  readonly moved: boolean
  /** The missing values are asked for. */
  readonly completed: boolean
  /** Nothing that the transform reads has changed: it is not asked. */
  readonly skipped: boolean
  /** `_unchanged` of what comes out. */
  readonly result: string | undefined
}

/** For the rows of `transform_raw`. */
export async function unchangedPlans(
  session: TransformSession,
  compiled: CompiledTransform,
  present: ReadonlySet<string>,
): Promise<readonly UnchangedPlan[]> {
  const { unchanged, position } = SYSTEM_COLUMNS
  const moved = movedSql(compiled, present, '')
  const rows = await session.rows(
    `SELECT DISTINCT ${unchanged} AS ids, ${moved} AS moved FROM transform_raw
     WHERE ${unchanged} IS NOT NULL AND ${position} IS NOT NULL`,
  )
  return rows.map(({ ids, moved }) => planFor(String(ids), moved === true, compiled))
}

/** Whether one of the plans is for the row; `alias`: '' or ends with a dot. */
export function isForSql(
  plans: readonly UnchangedPlan[],
  compiled: CompiledTransform,
  present: ReadonlySet<string>,
  alias: string,
): string {
  const isMoved = movedSql(compiled, present, alias)
  const among = [false, true].flatMap((moved) => {
    const lists = plans.filter((plan) => plan.moved === moved).map((plan) => quoteText(plan.unchanged))
    return lists.length === 0
      ? []
      : [`(${isMoved} = ${moved} AND coalesce(${alias}${SYSTEM_COLUMNS.unchanged} IN (${lists.join(', ')}), false))`]
  })
  return among.length === 0 ? 'false' : `(${among.join(' OR ')})`
}

/** The row has left another key. */
function movedSql({ source }: CompiledTransform, present: ReadonlySet<string>, alias: string): string {
  const old = keyColumns(source)
    .map(({ id }) => oldKeyColumn(id))
    .filter((name) => present.has(name))
  return old.length === 0 ? 'false' : `(${old.map((name) => `${alias}${name} IS NOT NULL`).join(' OR ')})`
}

/**
 * A row that has left a key at which rows may have been asked for is asked for itself: what was read for the key may be
 * that of a row which got the key later, and must not be taken along (docs/decisions/0036).
 */
export function planFor(unchanged: string, moved: boolean, compiled: CompiledTransform): UnchangedPlan {
  const missing = unchanged
    .split(',')
    .filter((id) => id !== '')
    .map(Number)
  const plan = { unchanged, moved, ...whatToDo(new Set(missing), compiled) }
  return moved && mayAsk(compiled) ? { ...plan, ...ASKED } : plan
}

type WhatToDo = Pick<UnchangedPlan, 'completed' | 'skipped' | 'result'>

const ASKED: WhatToDo = { completed: true, skipped: false, result: undefined }

/** What asks for a set of columns asks for one of them alone, or is no more than a copy of it. */
function mayAsk(compiled: CompiledTransform): boolean {
  const keys = new Set(keyColumns(compiled.source).map((column) => column.id))
  return compiled.source.columns.some(({ id, type }) => {
    const mayBeMissing = !keys.has(id) && !NEVER_LARGE.has(type.kind)
    return mayBeMissing && whatToDo(new Set([id]), compiled).completed
  })
}

const NEVER_LARGE: ReadonlySet<string> = new Set([
  ...['bool', 'int16', 'int32', 'int64', 'float32', 'float64', 'uuid', 'date', 'time', 'timestamp', 'timestamptz'],
])

function whatToDo(missing: ReadonlySet<number>, { outputs, filter, reads }: CompiledTransform): WhatToDo {
  const skipped = reads !== undefined && reads.size > 0 && isWithin(reads, missing)
  if (!skipped && !isApart(filter, missing)) return ASKED
  const same: number[] = []
  for (const { column, dependencies } of outputs) {
    if (isApart(dependencies, missing)) continue
    if (dependencies === undefined || !isWithin(dependencies, missing)) return ASKED
    same.push(column.id)
  }
  const result = same.length === 0 ? undefined : `,${same.sort((a, b) => a - b).join(',')},`
  return { completed: false, skipped, result }
}

function isApart(dependencies: ReadonlySet<number> | undefined, missing: ReadonlySet<number>): boolean {
  return dependencies?.isDisjointFrom(missing) ?? false
}

function isWithin(dependencies: ReadonlySet<number>, missing: ReadonlySet<number>): boolean {
  return dependencies.isSubsetOf(missing)
}
