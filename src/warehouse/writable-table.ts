/** Whether a table may be written as the configuration asks for. */
import type { TargetTable } from '../core/destination.ts'
import { PipelineError } from '../core/errors.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'
import { sameName } from './shadow-layout.ts'
import { type TableLayout, writeModeOf } from './table-layout.ts'

export interface PresentTable {
  readonly layout: TableLayout
  /** Its rows can go on in the table that is asked for. */
  readonly isAlike: boolean
  /** Its name in SQL. */
  readonly sql: string
  /** Nobody has dropped or renamed it by hand. */
  exists(): Promise<boolean>
}

/** Throws where the configuration asks for what cannot be done with the table, or where reading it anew would lose rows. */
export async function requireWritable(
  target: TargetTable,
  schema: TableSchema,
  present: PresentTable | undefined,
): Promise<void> {
  const table = tableName(schema.table)
  const doing = `Writing ${table} in mode ${target.write}`
  if (target.write === 'history' && schema.identity.kind === 'append') {
    throw new PipelineError('config_invalid', doing, {
      cause: new Error('nothing tells its rows apart, so the end of a version cannot be known'),
      hint: `Give it a primary key or REPLICA IDENTITY FULL, or set write to append or merge`,
      context: { table },
    })
  }
  if (present === undefined || writeModeOf(present.layout) === 'merge' || present.isAlike) return
  const { layout } = present
  if (!sameName(layout, target) || !(await present.exists())) return
  const why =
    writeModeOf(layout) === target.write
      ? 'its rows are recognised in another way than those it has kept'
      : `${layout.namespace}.${layout.name} was written in mode ${writeModeOf(layout)}`
  throw new PipelineError('destination_rejected', doing, {
    cause: new Error(`${why}, and what it holds is nowhere else`),
    hint: `Give the table another target in the configuration; or rename or drop ${present.sql}`,
    context: { table },
  })
}
