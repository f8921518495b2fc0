/**
 * The changes of one table in one flush, as the fold takes them.
 *
 * Each change has a code and a key of one or more columns `k1`, `k2`, …: the key of the row; for a bag the occurrence of
 * the row's content (`bag.ts`); for `append` the position, so that every insert is a row of its own
 * (with its number in the file, where all rows of a file have one).
 *
 * A small flush is copied into a temporary table first, because opening and planning a Parquet file anew for each
 * statement costs more than reading its rows. A large one is read from its files, in slices, so that memory is bounded.
 */
import { type BatchFeatures, SYSTEM_COLUMNS } from '../../core/batch.ts'
import { firstCode, TRUNCATE } from '../../warehouse/change-code.ts'
import { identityColumns, type TableLayout, writeModeOf } from '../../warehouse/table-layout.ts'
import { sharesPositions, totalFeatures } from '../../warehouse/total-features.ts'
import type { Session } from './session.ts'
import { hasColumn } from './stage-inspection.ts'
import { type RowBounds, relationSql, type StageRelation } from './stage-relation.ts'

/** What is done at once. */
export interface MergeLimits {
  /** A flush of one table within both of these is small. */
  readonly smallRows: number
  readonly smallBytes: number
  /** Changes that are folded in one aggregate. */
  readonly bucketRows: number
  /** Changes whose rows are written by one statement. */
  readonly sliceRows: number
}

export const MERGE_LIMITS: MergeLimits = {
  smallRows: 50_000,
  smallBytes: 16 << 20,
  // About 100 MiB with a long text key.
  bucketRows: 1_000_000,
  sliceRows: 1_000_000,
}

/** A run of stage files, `first` and `end` are file numbers; or some rows of one file, which a large transaction fills alone. */
export interface Slice extends RowBounds {
  readonly first: number
  readonly end: number
}

/** Whether a code is of a row in the slice. */
export function isInSliceSql(code: string, { first, end, firstRow, endRow }: Slice): string {
  const after = endRow === undefined ? firstCode(end) : firstCode(first, endRow)
  return `${code} >= ${firstCode(first, firstRow)} AND ${code} < ${after}`
}

export class MergeInput {
  readonly relation: StageRelation
  readonly features: BatchFeatures
  readonly rows: number
  readonly isSmall: boolean
  readonly keyCount: number
  readonly #limits: MergeLimits

  constructor(relation: StageRelation, limits: MergeLimits) {
    this.relation = relation
    this.#limits = limits
    this.features = totalFeatures(relation.files.map(({ file }) => file))
    this.rows = relation.files.reduce((sum, { file }) => sum + file.rows, 0)
    const bytes = relation.files.reduce((sum, { file }) => sum + file.bytes, 0)
    this.isSmall = this.rows <= limits.smallRows && bytes <= limits.smallBytes
    this.keyCount = identityColumns(relation.layout).length
  }

  get layout(): TableLayout {
    return this.relation.layout
  }

  /** Parts of the key space that are folded one after the other. */
  get buckets(): number {
    return Math.max(1, Math.ceil(this.rows / this.#limits.bucketRows))
  }

  /** All rows, in runs of bounded size. */
  get slices(): readonly Slice[] {
    const { files } = this.relation
    if (this.isSmall) return [{ first: 0, end: files.length }]
    const slices: Slice[] = []
    let first = 0
    let rows = 0
    const { sliceRows } = this.#limits
    files.forEach(({ file }, index) => {
      if (rows === 0 && file.rows >= 2 * sliceRows) {
        slices.push(...rowSlices(index, file.rows, sliceRows))
        first = index + 1
        return
      }
      rows += file.rows
      if (rows < sliceRows && index + 1 < files.length) return
      slices.push({ first, end: index + 1 })
      first = index + 1
      rows = 0
    })
    return slices
  }

  async prepare(session: Session): Promise<void> {
    if (!this.isSmall) return
    await session.run(`CREATE OR REPLACE TEMP TABLE merge_rows AS SELECT * FROM ${relationSql(this.relation)}`)
  }

  /** All rows, those that change no key included. */
  rowsSql(slice?: Slice): string {
    return this.isSmall ? 'merge_rows' : relationSql(this.relation, slice?.first, slice?.end, slice)
  }

  /** Inserts, updates and deletes, with key and values. */
  changesSql(slice?: Slice): string {
    const rows = this.rowsSql(slice)
    const { kind } = this.layout.identity
    if (kind === 'bag') return `(SELECT r.*, b.k1 FROM ${rows} r JOIN merge_bag b ON b.code = r.code)`
    // Without operations all rows are inserts, and nobody has to look at each.
    const hasOther = hasColumn(this.relation.files, SYSTEM_COLUMNS.op)
    const where = hasOther ? ` WHERE code IS NOT NULL AND (code & 7) <> ${TRUNCATE}` : ''
    return `(SELECT *${kind === 'append' ? `, ${this.#rowIdSql()} AS k1` : ''} FROM ${rows}${where})`
  }

  /** Of a table that is only appended to. */
  #rowIdSql(): string {
    if (!sharesPositions(this.relation.files.map(({ file }) => file))) return 'pos'
    return `pos || '/' || (((code >> 3) & ${2 ** 32 - 1}) + 1)`
  }

  /** One row for each key that a change touches: an update that changes the key is also a move out of the old one. */
  keyChangesSql(): string {
    const changes = this.changesSql()
    const named = (prefix: string) => this.keyNames(prefix).map((name, index) => `${name} AS k${index + 1}`)
    const committed = writeModeOf(this.layout) === 'merge' ? '' : ', committed'
    const own = `SELECT ${named('k').join(', ')}, code, pos, unchanged${committed} FROM ${changes}`
    if (this.features.keyChanges === 0) return `(${own})`
    const out = `SELECT ${named('o').join(', ')}, code & -8, pos, NULL${committed} FROM ${changes} WHERE (code & 7) IN (5, 6)`
    return `(${own} UNION ALL ${out})`
  }

  /** `k1, k2, …`. */
  keyNames(prefix: string): readonly string[] {
    return Array.from({ length: this.keyCount }, (_, index) => `${prefix}${index + 1}`)
  }

  /** The target's key columns under the names `k1`, `k2`, …, and what else the fold wants to know of its rows. */
  targetColumns(): readonly { readonly name: string; readonly alias: string }[] {
    return identityColumns(this.layout).map((column, index) => ({ name: column.name, alias: `k${index + 1}` }))
  }
}

/** Of one file. The last has no end. */
function rowSlices(file: number, rows: number, sliceRows: number): readonly Slice[] {
  const count = Math.floor(rows / sliceRows)
  return Array.from({ length: count }, (_, at) => ({
    first: file,
    end: file + 1,
    firstRow: at * sliceRows,
    ...(at + 1 < count ? { endRow: (at + 1) * sliceRows } : {}),
  }))
}
