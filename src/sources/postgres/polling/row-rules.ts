/** Which rows of a table that is polled count, as the configuration says: the same for first reads, polls and `verify`. */
import type { PostgresType } from '../../../columnar/postgres-type.ts'
import type { CatalogColumn, CatalogTable } from '../catalog.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { findCursor, misfit } from './cursor-column.ts'
import type { PollOptions } from './poll-options.ts'

export interface SoftDelete {
  readonly column: CatalogColumn
  /** True where it is. Else: where it is not NULL. */
  readonly isFlag: boolean
}

export interface RowRules {
  /** Rows that count at all; undefined: all. */
  readonly counts: string | undefined
  /** Rows that count and are not deleted; undefined: all. */
  readonly lives: string | undefined
  readonly softDelete: SoftDelete | undefined
  /** Changes when rows count that did not before, or the other way round. */
  readonly digest: string
}

/** Throws `config_invalid` where the configuration names columns that will not do. */
export function rowRules(table: CatalogTable, options: PollOptions): RowRules {
  const softDelete = findSoftDelete(table, options)
  const cursor = findCursor(table, options)
  const ignoresNull = options.nullCursor === 'ignore' && cursor?.column.nullable === true
  const counts = ignoresNull && cursor !== undefined ? `${quoteIdentifier(cursor.column.name)} IS NOT NULL` : undefined
  const notDeleted = softDelete === undefined ? undefined : notDeletedSql(softDelete)
  const both = [counts, notDeleted].filter((condition) => condition !== undefined)
  return {
    counts,
    lives: both.length === 0 ? undefined : both.join(' AND '),
    softDelete,
    digest: JSON.stringify([counts === undefined ? 0 : cursor?.column.attnum, softDelete?.column.attnum ?? 0]),
  }
}

function notDeletedSql({ column, isFlag }: SoftDelete): string {
  return `${quoteIdentifier(column.name)} IS ${isFlag ? 'NOT TRUE' : 'NULL'}`
}

const TIMES = new Set(['timestamptz', 'timestamp', 'date'])

function findSoftDelete(table: CatalogTable, options: PollOptions): SoftDelete | undefined {
  const name = options.softDeleteColumn
  if (name === undefined) return undefined
  const column = table.columns.find((candidate) => candidate.name === name)
  if (column === undefined) {
    const names = table.columns.map((candidate) => candidate.name).join(', ')
    throw misfit(table, `it has no column "${name}", which is configured as soft_delete_column`, `Columns: ${names}`)
  }
  const type = baseName(column.type)
  if (type === 'bool') return { column, isFlag: true }
  if (type !== undefined && TIMES.has(type)) return { column, isFlag: false }
  throw misfit(
    table,
    `its soft_delete_column "${name}" is ${column.sourceType}; it must be a boolean, or a time that is NULL while the row lives`,
    'Name another column, or take soft_delete_column out',
  )
}

function baseName(type: PostgresType): string | undefined {
  if (type.kind === 'domain') return type.base === undefined ? undefined : baseName(type.base)
  return type.kind === 'base' ? type.name : undefined
}
