/**
 * The values of rows that are written: those of the change that made the row, and, where it did not send one because it
 * is unchanged, those that `lineage.ts` has found: of an earlier change, of a row that was read again, or of the root.
 */
import { dataColumns } from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput, Slice } from './merge-input.ts'
import type { SqlRow } from './session.ts'
import { tableSql } from './table-sql.ts'

export interface Completion {
  readonly unchangedIds: readonly number[]
  /** Some rows were read again (`merge_completion`). */
  readonly isCompleted: boolean
}

/** Aggregates over results `r` that tell which joins `RowValues` needs. */
export function completionCounts(unchangedIds: readonly number[]): readonly string[] {
  if (unchangedIds.length === 0) return []
  const patched = unchangedIds.map((id) => `count(*) FILTER (WHERE r.p${id} <> r.val) AS patched${id}`)
  return [...patched, `count(*) FILTER (WHERE ${fromRoot(unchangedIds)}) AS rooted`]
}

/** For results `r` and the changes `e` that have their values. */
export class RowValues {
  /** For the columns of `dataColumns(layout)`. */
  readonly values: readonly string[]
  readonly #input: MergeInput
  readonly #completion: Completion
  readonly #patched: readonly number[]
  readonly #isRooted: boolean

  /** `counts`: of `completionCounts`. */
  constructor(input: MergeInput, completion: Completion, counts: SqlRow) {
    const { unchangedIds } = completion
    this.#input = input
    this.#completion = completion
    this.#patched = unchangedIds.filter((id) => Number(counts[`patched${id}`]) > 0)
    this.#isRooted = Number(counts.rooted ?? 0) > 0
    this.values = dataColumns(input.layout).map((column, index) =>
      unchangedIds.includes(column.id) ? this.#valueSql(column.id, column.name, index) : `e.v${index}`,
    )
  }

  /** What the values are taken from besides `r` and `e`, for results whose values are in the slice. */
  joinsSql(slice: Slice): string {
    const { unchangedIds, isCompleted } = this.#completion
    const joins = this.#patched.map((id) => {
      const earlier = this.#input.rowsSql({ first: 0, end: slice.end })
      return `LEFT JOIN ${earlier} x${id} ON x${id}.code = CASE WHEN r.p${id} <> r.val THEN r.p${id} END`
    })
    if (isCompleted) joins.push('LEFT JOIN merge_completion c ON c.code = r.completion')
    const root = `CASE WHEN ${fromRoot(unchangedIds)} THEN r.root END`
    if (this.#isRooted) joins.push(`LEFT JOIN ${tableSql(this.#input.layout)} b ON b.rowid = ${root}`)
    return joins.join(' ')
  }

  #valueSql(id: number, name: string, index: number): string {
    const cases = [`WHEN r.p${id} = r.val THEN e.v${index}`]
    if (this.#patched.includes(id)) cases.push(`WHEN r.p${id} IS NOT NULL THEN x${id}.v${index}`)
    if (this.#completion.isCompleted) cases.push(`WHEN r.completion IS NOT NULL THEN c.v${index}`)
    if (this.#isRooted) cases.push(`ELSE b.${quoteIdentifier(name)}`)
    return `CASE ${cases.join(' ')} END`
  }
}

/** `r`: some value is in no change and is taken from the root. */
function fromRoot(unchangedIds: readonly number[]): string {
  return `(r.root IS NOT NULL AND NOT (${unchangedIds.map((id) => `r.p${id} IS NOT NULL`).join(' AND ')}))`
}
