/**
 * The values of rows that are written: those of the change that made the row, and, where it did not send one because it
 * is unchanged, those that `lineage.ts` has found: of an earlier change, of a row that was read again, or of the root.
 */
import { ACTIVE_ID, dataColumns, POSITION_ID, writeModeOf } from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Row } from './session.ts'
import { columnSql, tableSql } from './table-names.ts'

export interface Completion {
  readonly unchangedIds: readonly number[]
  /** Name in SQL of the rows that were read again, where some were. */
  readonly completion: string | undefined
  /** Condition on rows `b` of the target; '' or begins with AND. */
  readonly rootRange: string
}

/** Aggregates over results `r` that tell which joins `RowValues` needs. */
export function completionCounts(unchangedIds: readonly number[]): readonly string[] {
  if (unchangedIds.length === 0) return []
  const patched = unchangedIds.map((id) => `COUNT_IF(r.p${id} <> r.val) AS patched${id}`)
  return [...patched, `COUNT_IF(${fromRoot(unchangedIds)}) AS rooted`]
}

/** For results `r` and the changes `e` that have their values. */
export class RowValues {
  /** For the columns of `dataColumns(layout)`. */
  readonly values: readonly string[]
  /** What the values are taken from besides `r` and `e`. */
  readonly joins: string
  readonly #input: MergeInput
  readonly #completion: Completion
  readonly #patched: readonly number[]
  readonly #isRooted: boolean

  /** `counts`: of `completionCounts`. */
  constructor(input: MergeInput, completion: Completion, counts: Row) {
    const { unchangedIds } = completion
    this.#input = input
    this.#completion = completion
    this.#patched = unchangedIds.filter((id) => Number(counts[`PATCHED${id}`]) > 0)
    this.#isRooted = Number(counts.ROOTED ?? 0) > 0
    this.values = dataColumns(input.layout).map((column, index) =>
      unchangedIds.includes(column.id) ? this.#valueSql(column.id, column.name, index) : `e.v${index}`,
    )
    this.joins = this.#joinsSql()
  }

  #joinsSql(): string {
    const { unchangedIds, completion, rootRange } = this.#completion
    const joins = this.#patched.map(
      (id) => `LEFT JOIN ${this.#input.rows} x${id} ON x${id}.code = CASE WHEN r.p${id} <> r.val THEN r.p${id} END`,
    )
    if (completion !== undefined) joins.push(`LEFT JOIN ${completion} c ON c.code = r.completion`)
    if (this.#isRooted)
      joins.push(
        `LEFT JOIN ${tableSql(this.#input.layout)} b ON ${this.#onRoot()}${rootRange} AND ${fromRoot(unchangedIds)}`,
      )
    return joins.join(' ')
  }

  #onRoot(): string {
    const { layout, keys } = this.#input
    const onKey = keys.map(({ quoted }, index) => `b.${quoted} = r.b${index + 1}`)
    switch (writeModeOf(layout)) {
      case 'merge':
        return onKey.join(' AND ')
      case 'history':
        return [...onKey, `b.${columnSql(layout, ACTIVE_ID)}`].join(' AND ')
      case 'append':
        return [...onKey, `b.${columnSql(layout, POSITION_ID)} = r.b_pos`].join(' AND ')
    }
  }

  #valueSql(id: number, name: string, index: number): string {
    // Of a change without a result, all values are its own.
    const cases = [`WHEN r.val IS NULL OR r.p${id} = r.val THEN e.v${index}`]
    if (this.#patched.includes(id)) cases.push(`WHEN r.p${id} IS NOT NULL THEN x${id}.v${index}`)
    if (this.#completion.completion !== undefined) cases.push(`WHEN r.completion IS NOT NULL THEN c.v${index}`)
    if (this.#isRooted) cases.push(`ELSE b.${quoteIdentifier(name)}`)
    return `CASE ${cases.join(' ')} END`
  }
}

/** `r`: some value is in no change and is taken from the root. */
function fromRoot(unchangedIds: readonly number[]): string {
  return `(r.b1 IS NOT NULL AND NOT (${unchangedIds.map((id) => `r.p${id} IS NOT NULL`).join(' AND ')}))`
}
