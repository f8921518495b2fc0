/**
 * The MERGE that writes one result for each key into a table of the current state.
 *
 * A result `r` has the key `k1`, …, the values `v0`, …, and
 * - `dead`: the row is gone. `valued`: its values are known from the flush. `new_pos`: the position of what decided.
 * Rows that are marked deleted keep the last values that are known of them.
 */
import { DELETED_ID, dataColumns, LOAD_TIME_ID, POSITION_ID, ROW_ID_ID } from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import { timestampLiteral } from './sql-time.ts'
import { columnSql, tableSql } from './table-names.ts'

export interface MergeOptions {
  readonly hardDelete: boolean
  readonly loadedMs: number
  /** Condition on rows `t` of the target; '' or begins with AND. */
  readonly range: string
}

/** `results`: a query. `mayDie`: some of them may be dead. */
export function mergeStatement(input: MergeInput, results: string, mayDie: boolean, options: MergeOptions): string {
  const { hardDelete, range } = options
  return `MERGE INTO ${tableSql(input.layout)} t USING (${results}) r ON ${input.onTarget('r')}${range}
    ${clauses(input, mayDie, hardDelete, options.loadedMs).join('\n    ')}`
}

function clauses(input: MergeInput, mayDie: boolean, hardDelete: boolean, loadedMs: number): readonly string[] {
  const own = (id: number) => columnSql(input.layout, id)
  const loaded = `${own(LOAD_TIME_ID)} = ${timestampLiteral(loadedMs)}`
  const isKey = new Set(input.keys.map(({ column }) => column.id))
  const values = dataColumns(input.layout).flatMap((column, index) =>
    isKey.has(column.id) ? [] : [`${quoteIdentifier(column.name)} = r.v${index}`],
  )
  const update = (dead: string) =>
    `UPDATE SET ${[...values, loaded, `${own(DELETED_ID)} = ${dead}`, `${own(POSITION_ID)} = r.new_pos`].join(', ')}`
  const insert = (dead: string) =>
    `INSERT (${targetColumnList(input)}) VALUES (${insertedValues(input, 'r', loadedMs, dead, 'r.new_pos').join(', ')})`
  if (!mayDie) return [`WHEN MATCHED THEN ${update('FALSE')}`, `WHEN NOT MATCHED THEN ${insert('FALSE')}`]
  if (hardDelete) {
    return [
      'WHEN MATCHED AND r.dead THEN DELETE',
      `WHEN MATCHED THEN ${update('FALSE')}`,
      `WHEN NOT MATCHED AND NOT r.dead THEN ${insert('FALSE')}`,
    ]
  }
  const mark = `UPDATE SET ${loaded}, ${own(DELETED_ID)} = TRUE, ${own(POSITION_ID)} = r.new_pos`
  return [
    `WHEN MATCHED AND (NOT r.dead OR r.valued) THEN ${update('r.dead')}`,
    `WHEN MATCHED AND NOT COALESCE(t.${own(DELETED_ID)}, FALSE) THEN ${mark}`,
    `WHEN NOT MATCHED AND (NOT r.dead OR r.valued) THEN ${insert('r.dead')}`,
  ]
}

/** The columns of a table of the current state: those of the source's rows, the row's id where it has one, ours. */
export function targetColumnList(input: MergeInput): string {
  const { layout } = input
  const rowId = layout.identity.kind === 'key' ? [] : [columnSql(layout, ROW_ID_ID)]
  const own = [LOAD_TIME_ID, DELETED_ID, POSITION_ID].map((id) => columnSql(layout, id))
  const data = dataColumns(layout).map((column) => quoteIdentifier(column.name))
  return [...data, ...rowId, ...own].join(', ')
}

/** In the order of `targetColumnList`, from a relation with `v0`, … and `k1`. */
export function insertedValues(
  input: MergeInput,
  relation: string,
  loadedMs: number,
  dead: string,
  position: string,
): readonly string[] {
  const values = dataColumns(input.layout).map((_, index) => `${relation}.v${index}`)
  const rowId = input.layout.identity.kind === 'key' ? [] : [`${relation}.k1`]
  return [...values, ...rowId, timestampLiteral(loadedMs), dead, position]
}
