/** The table that a snapshot is read into, beside the one that it will take the place of. */
import type { TargetTable } from '../core/destination.ts'
import { type ColumnType, keyColumns, type TableSchema } from '../core/table-schema.ts'
import { type LayoutDialect, planLayout } from './layout-plan.ts'
import {
  currentColumn,
  emptyLayout,
  foldCase,
  identityColumns,
  type LayoutColumn,
  type TableLayout,
} from './table-layout.ts'
import { fits, widen } from './type-lattice.ts'

/** It stands in the same schema: not every destination can move a table to another one. */
export function shadowName(target: TargetTable): string {
  return `_simplyload_shadow_${target.name}`
}

/** `before`: the table that it is to be like. */
export function shadowLayout(
  target: TargetTable,
  schema: TableSchema,
  before: TableLayout | undefined,
  dialect: LayoutDialect,
): TableLayout {
  const place = { database: target.database, namespace: target.namespace, name: shadowName(target) }
  if (before === undefined) {
    return planLayout({ ...emptyLayout(place.namespace, place.name, schema), ...place }, schema, target, dialect).layout
  }
  // Whatever the policy, a new table takes the types that the source has now, and keeps old values in retired columns.
  const types = new Map(schema.columns.map((column) => [column.id, column.type]))
  const columns = before.columns.map((column): LayoutColumn => {
    const type = types.get(column.id)
    const isReplaced = column.state === 'discarded' || (type !== undefined && becomesText(column.type, type))
    return isReplaced ? { ...column, state: 'retired' } : column
  })
  const start = { ...before, ...place, columns }
  return planLayout(start, schema, { ...target, schemaChanges: 'evolve' }, dialect).layout
}

/** Rows of the old table can be found by the key of the new one. */
export function hasSameRows(before: TableLayout, schema: TableSchema): boolean {
  if (JSON.stringify(before.identity) !== JSON.stringify(schema.identity)) return false
  return keyColumns(schema).every((key) => {
    const column = currentColumn(before, key.id)
    return column !== undefined && widen(column.type, key.type) !== undefined && !becomesText(column.type, key.type)
  })
}

/** Both can only be held as text although the source has no text: a column of the source's type is better. */
function becomesText(before: ColumnType, now: ColumnType): boolean {
  return now.kind !== 'text' && widen(before, now)?.kind === 'text'
}

/** The shadow table was made after the final one: the same columns in the same places, then those added since. */
export function carriedColumns(
  final: TableLayout,
  shadow: TableLayout,
): readonly { readonly from: LayoutColumn; readonly to: LayoutColumn }[] {
  return final.columns.flatMap((from, index) => {
    const to = shadow.columns[index]
    return to === undefined || to.id !== from.id || !fits(from.type, to.type) ? [] : [{ from, to }]
  })
}

export function hasSameKey(final: TableLayout, shadow: TableLayout): boolean {
  if (JSON.stringify(final.identity) !== JSON.stringify(shadow.identity)) return false
  const before = identityColumns(final)
  return identityColumns(shadow).every((column, index) => {
    const old = before[index]
    return old !== undefined && fits(old.type, column.type)
  })
}

export function sameName(layout: TableLayout, target: TargetTable): boolean {
  const folded = (place: TableLayout | TargetTable) =>
    foldCase(JSON.stringify([place.database ?? '', place.namespace, place.name]))
  return folded(layout) === folded(target)
}
