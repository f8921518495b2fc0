/** What is done about changes that lack values: one plan for each set of columns that some change of a file lacks. */
import { SYSTEM_COLUMNS } from '../core/batch.ts'
import type { CompiledTransform } from './compiled-transform.ts'
import type { TransformSession } from './transform-session.ts'

export interface UnchangedPlan {
  /** `_unchanged` of the rows it is for. */
  readonly unchanged: string
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
): Promise<readonly UnchangedPlan[]> {
  const { unchanged, position } = SYSTEM_COLUMNS
  const rows = await session.rows(
    `SELECT DISTINCT ${unchanged} AS ids FROM transform_raw WHERE ${unchanged} IS NOT NULL AND ${position} IS NOT NULL`,
  )
  return rows.map((row) => planFor(String(row.ids), compiled))
}

export function planFor(unchanged: string, { outputs, filter, reads }: CompiledTransform): UnchangedPlan {
  const missing = new Set(
    unchanged
      .split(',')
      .filter((id) => id !== '')
      .map(Number),
  )
  const asked: UnchangedPlan = { unchanged, completed: true, skipped: false, result: undefined }
  const skipped = reads !== undefined && reads.size > 0 && isWithin(reads, missing)
  if (!skipped && !isApart(filter, missing)) return asked
  const same: number[] = []
  for (const { column, dependencies } of outputs) {
    if (isApart(dependencies, missing)) continue
    if (dependencies === undefined || !isWithin(dependencies, missing)) return asked
    same.push(column.id)
  }
  const result = same.length === 0 ? undefined : `,${same.sort((a, b) => a - b).join(',')},`
  return { unchanged, completed: false, skipped, result }
}

function isApart(dependencies: ReadonlySet<number> | undefined, missing: ReadonlySet<number>): boolean {
  return dependencies?.isDisjointFrom(missing) ?? false
}

function isWithin(dependencies: ReadonlySet<number>, missing: ReadonlySet<number>): boolean {
  return dependencies.isSubsetOf(missing)
}
