/**
 * The changes of one table in one flush, as the merge takes them.
 *
 * Each change has a code and a key of one or more columns `k1`, `k2`, …: the key of the row; for a bag the occurrence of
 * the row's content (`bag.ts`); for `append` the position, so that every insert is a row of its own
 * (with its number in the file, where all rows of a file have one).
 */
import type { BatchFeatures } from '../../core/batch.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import { MOVE_IN, PARTIAL_MOVE_IN, TRUNCATE } from '../../warehouse/change-code.ts'
import { identityColumns, type LayoutColumn, type TableLayout, writeModeOf } from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { StagedRows } from './staged-rows.ts'
import { scratchTable } from './table-names.ts'

export const KIND = 'MOD(code, 8)'

export class MergeInput {
  readonly staged: StagedRows
  readonly features: BatchFeatures
  /** In order of the key: its columns in the target. */
  readonly keys: readonly { readonly column: LayoutColumn; readonly quoted: string; readonly name: string }[]
  readonly #part: number

  /** `part`: number of the table in the flush. */
  constructor(staged: StagedRows, part: number) {
    this.staged = staged
    this.features = staged.features
    this.keys = identityColumns(staged.layout).map((column, index) => ({
      column,
      quoted: quoteIdentifier(column.name),
      name: `k${index + 1}`,
    }))
    this.#part = part
  }

  get layout(): TableLayout {
    return this.staged.layout
  }

  get schema(): TableSchema {
    return this.staged.schema
  }

  get isBag(): boolean {
    return this.layout.identity.kind === 'bag'
  }

  /** A temporary table of this merge. */
  scratch(name: 'bag' | 'result' | 'moves' | 'equal' | 'versions'): string {
    return scratchTable(name, this.#part)
  }

  /** All rows, those that change no key included. */
  get rows(): string {
    return this.staged.table
  }

  /** Of a table that is only appended to. */
  get #rowId(): string {
    return this.staged.sharesPositions ? "s.pos || '/' || TO_VARCHAR(MOD(TRUNC(s.code / 8), 4294967296) + 1)" : 's.pos'
  }

  /** Inserts, updates and deletes, with key and values. */
  get changes(): string {
    const { kind } = this.layout.identity
    if (kind === 'bag') return `(SELECT s.*, b.k1 FROM ${this.rows} s JOIN ${this.scratch('bag')} b ON b.code = s.code)`
    const isChange = `code IS NOT NULL AND ${KIND} <> ${TRUNCATE}`
    if (kind === 'append') return `(SELECT s.*, ${this.#rowId} AS k1 FROM ${this.rows} s WHERE ${isChange})`
    const mayHaveOthers = this.features.truncates + this.features.quarantinedRows > 0
    return mayHaveOthers ? `(SELECT * FROM ${this.rows} WHERE ${isChange})` : this.rows
  }

  /**
   * One row for each key that a change touches: an update that changes the key is also a move out of the old one.
   * `moved`: the code of that update, else NULL.
   */
  get keyChanges(): string {
    const named = (prefix: string) => this.keyNames(prefix).map((name, index) => `${name} AS k${index + 1}`)
    const committed = writeModeOf(this.layout) === 'merge' ? '' : ', committed'
    const moved = this.features.keyChanges > 0
    const own = `SELECT ${this.keyNames('k').join(', ')}, code, pos, unchanged${committed}${moved ? ', CAST(NULL AS NUMBER(19,0)) AS moved' : ''} FROM ${this.changes}`
    if (!moved) return `(${own})`
    return `(${own} UNION ALL SELECT ${named('o').join(', ')}, code - ${KIND}, pos, NULL${committed}, code
      FROM ${this.changes} WHERE ${KIND} IN (${MOVE_IN}, ${PARTIAL_MOVE_IN}))`
  }

  /** `k1, k2, …`. */
  keyNames(prefix: string): readonly string[] {
    return this.keys.map((_, index) => `${prefix}${index + 1}`)
  }

  /** `<a>.k1 = <b>.k1 AND …`. */
  sameKey(a: string, b: string): string {
    return this.keys.map(({ name }) => `${a}.${name} = ${b}.${name}`).join(' AND ')
  }

  /** Rows `t` of the target against a relation with `<prefix>1`, …. */
  onTarget(relation: string, prefix = 'k'): string {
    return this.keys.map(({ quoted }, index) => `t.${quoted} = ${relation}.${prefix}${index + 1}`).join(' AND ')
  }

  /** The target's key columns of `t` as `k1`, …. */
  get targetKeys(): string {
    return this.keys.map(({ quoted, name }) => `t.${quoted} AS ${name}`).join(', ')
  }
}

/** The row's own value of the column came with the change. */
export function hasColumnSql(id: number): string {
  return `(unchanged IS NULL OR NOT CONTAINS(unchanged, ',${id},'))`
}

/** MAX of the codes where the condition holds. */
export function lastCode(condition: string): string {
  return `MAX(CASE WHEN ${condition} THEN code END)`
}
