/** What `lineage.ts` works on, as columns of the results of a fold. */
import { INSERT, PARTIAL_UPDATE } from '../../warehouse/change-code.ts'
import { KIND, lastCode, type MergeInput } from './merge-input.ts'

/** Expressions in the place where the columns are made. */
export interface LineageSources {
  /** Code of the last change that began a new row, or took the one before away. */
  readonly reset: string
  /** Of the key column with this index: of the row of the target that the values were in before; else NULL. */
  root(index: number): string
  /** In a table of changes: its position. */
  readonly rootPosition?: string
  /** Code of the change that has the value of the column with this id; else NULL. */
  known(id: number): string
}

/** What `resetSql` is made of. */
export function resetAggregates(): readonly string[] {
  return [`${lastCode(`${KIND} >= ${INSERT}`)} AS begun`, `${lastCode(`${KIND} < ${PARTIAL_UPDATE}`)} AS died`]
}

/**
 * Nothing older has values of the row that change `val` made. A transform that leaves a row out sends its delete, and an
 * update when it takes the row in again: so a row may be changed that went and did not come.
 */
export function resetSql(of: string): string {
  return `CASE WHEN ${of}died < ${of}val AND ${of}died > COALESCE(${of}begun, -1) THEN ${of}died ELSE ${of}begun END`
}

/** Nothing where all rows are whole. */
export function rootColumns(
  input: MergeInput,
  unchangedIds: readonly number[],
  { reset, root, rootPosition, known }: LineageSources,
): readonly string[] {
  if (unchangedIds.length === 0) return []
  return [
    `${reset} AS reset`,
    ...input.keys.map((_, index) => `${root(index)} AS b${index + 1}`),
    ...(rootPosition === undefined ? [] : [`${rootPosition} AS b_pos`]),
    'CAST(NULL AS NUMBER(19,0)) AS completion',
    ...unchangedIds.map((id) => `${known(id)} AS p${id}`),
  ]
}

/** Of a row of the results: some value that it needs is nowhere. */
export function unresolvedSql(unchangedIds: readonly number[], relation = ''): string {
  const known = unchangedIds.map((id) => `${relation}p${id} IS NOT NULL`).join(' AND ')
  return `(${relation}val IS NOT NULL AND ${relation}b1 IS NULL AND NOT (${known}))`
}
