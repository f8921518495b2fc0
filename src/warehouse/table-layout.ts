/**
 * What a table of ours looks like on the destination: which column holds what, in their physical order. Kept in
 * `_simplyload.columns`, because names alone do not tell: they change, and some differ only by case at the source.
 */
import type { WriteMode } from '../core/destination.ts'
import type { ColumnType, RowIdentity, TableSchema } from '../core/table-schema.ts'
import { fits } from './type-lattice.ts'

/** Ids of the columns that are ours. Those of the source begin at 1. */
export const LOAD_TIME_ID = -1
export const DELETED_ID = -2
export const POSITION_ID = -3
/** Only for tables without a key. Bag: `<content hash>/<occurrence>`; append: where the row comes from. */
export const ROW_ID_ID = -4
/** Only for `history`: from when until when the version held, both inclusive, and whether it still does. */
export const START_ID = -5
export const END_ID = -6
export const ACTIVE_ID = -7
/** Only for `append`: what the change was, and when the source committed it. */
export const OPERATION_ID = -8
export const COMMITTED_AT_ID = -9

/** Hex digits of a content hash, before the `/` of a row's id. */
export const HASH_DIGITS = 32

export const POSITION_COLUMN = '_source_position'
export const ROW_ID_COLUMN = '_fivetran_id'

/**
 * - `current`: written.
 * - `retired`: the source has it no more, or with a type that does not fit; kept, NULL in rows written from then on.
 * - `discarded`: as `retired`, but the source still has the column, and `schema_changes: discard` leaves it out.
 */
export type LayoutState = 'current' | 'retired' | 'discarded'

export interface LayoutColumn {
  readonly id: number
  readonly name: string
  /** The source's name when `name` was chosen for it. */
  readonly sourceName: string
  readonly type: ColumnType
  readonly state: LayoutState
}

export interface TableLayout {
  /** Absent: the destination's own. */
  readonly database?: string | undefined
  readonly namespace: string
  readonly name: string
  readonly identity: RowIdentity
  /** In physical order. */
  readonly columns: readonly LayoutColumn[]
}

export function emptyLayout(namespace: string, name: string, schema: TableSchema): TableLayout {
  return { namespace, name, identity: schema.identity, columns: [] }
}

/** A column that every table has. */
export function ownColumn(layout: TableLayout, id: number): LayoutColumn {
  const column = currentColumn(layout, id)
  if (column === undefined) throw new Error(`${layout.namespace}.${layout.name} has no column ${id}`)
  return column
}

export function currentColumn(layout: TableLayout, id: number): LayoutColumn | undefined {
  return layout.columns.find((column) => column.id === id && column.state === 'current')
}

/** Told by the columns that only one of the modes has. */
export function writeModeOf(layout: TableLayout): WriteMode {
  if (currentColumn(layout, ACTIVE_ID) !== undefined) return 'history'
  return currentColumn(layout, OPERATION_ID) === undefined ? 'merge' : 'append'
}

/** Columns by which a row is recognised, in order of the key: for tables without one, that of the row's id. */
export function identityColumns(layout: TableLayout): readonly LayoutColumn[] {
  const { identity } = layout
  const ids = identity.kind === 'key' ? identity.columnIds : [ROW_ID_ID]
  return ids.map((id) => {
    const column = currentColumn(layout, id)
    if (column === undefined) throw new Error(`${layout.namespace}.${layout.name} has no key column ${id}`)
    return column
  })
}

/** The columns of the source's rows, in physical order: all but ours. */
export function dataColumns(layout: TableLayout): readonly LayoutColumn[] {
  return layout.columns.filter((column) => column.id > 0)
}

/** The column that takes values of column `id` when they come with this type. Absent: they are left out. */
export function columnForType(layout: TableLayout, id: number, type: ColumnType): LayoutColumn | undefined {
  const candidates = layout.columns.filter((column) => column.id === id && column.state !== 'discarded')
  return (
    candidates.find((column) => column.state === 'current' && fits(type, column.type)) ??
    candidates.find((column) => fits(type, column.type))
  )
}

/** Names that differ only by case are one name to a person, and to some destinations. */
export function foldCase(name: string): string {
  return name.toLowerCase()
}
