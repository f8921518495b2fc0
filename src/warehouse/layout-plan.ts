/**
 * How the layout of a table follows the schema of its source.
 *
 * Columns are matched by id. New → added; renamed → renamed; gone → kept, NULL from then on; type that widens along the
 * lattice → widened. Any other change of type follows the policy: `evolve` begins a new column beside the old one,
 * `discard` leaves the column out from then on, `freeze` stops the table.
 *
 * Names. A column is called at the destination what it is called at the source, except where that name is taken: by one
 * of ours, or by another column whose name differs only by case. Then it gets the first free of `name_2`, `name_3`, …,
 * and keeps it. Columns that the source has no more give way: they become `name_old`, `name_old_2`, …
 */
import type { TargetTable } from '../core/destination.ts'
import { PipelineError } from '../core/errors.ts'
import { shellWord } from '../core/shell-word.ts'
import type { Column, ColumnType, TableSchema } from '../core/table-schema.ts'
import { tableName } from '../core/table-schema.ts'
import {
  ACTIVE_ID,
  COMMITTED_AT_ID,
  DELETED_ID,
  END_ID,
  foldCase,
  type LayoutColumn,
  type LayoutState,
  LOAD_TIME_ID,
  OPERATION_ID,
  POSITION_COLUMN,
  POSITION_ID,
  ROW_ID_COLUMN,
  ROW_ID_ID,
  START_ID,
  type TableLayout,
  writeModeOf,
} from './table-layout.ts'
import { sameType, widen } from './type-lattice.ts'

/** What a destination does about names and types. */
export interface LayoutDialect {
  /** How the type is called there, for people. */
  typeName(type: ColumnType): string
  /** What a column of this name at the source is called there. */
  columnName(name: string): string
}

/** A change of a table, in the order in which they are made. */
export type LayoutChange =
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  /** `source`: the column that it is for; absent for a column of ours. Older rows have its missing value. */
  | { readonly kind: 'add'; readonly column: LayoutColumn; readonly source: Column | undefined }
  | { readonly kind: 'widen'; readonly column: LayoutColumn; readonly from: ColumnType }

export interface LayoutPlan {
  readonly layout: TableLayout
  /** What brings the table there. Empty: nothing to do. */
  readonly changes: readonly LayoutChange[]
}

interface Draft {
  readonly id: number
  /** Absent for a column that does not exist yet. */
  readonly oldName: string | undefined
  readonly oldType: ColumnType | undefined
  name: string
  sourceName: string
  type: ColumnType
  state: LayoutState
  /** Its name is the one chosen before, for the same name at the source. */
  settled: boolean
  source: Column | undefined
}

/** `rowid` is how DuckDB addresses rows; a column of that name would hide it. The same names everywhere. */
const RESERVED_NAMES: readonly string[] = ['rowid']
const TEMPORARY_NAME = '_simplyload_renamed_'

export function planLayout(
  layout: TableLayout,
  schema: TableSchema,
  target: TargetTable,
  dialect: LayoutDialect,
): LayoutPlan {
  requireSameIdentity(layout, schema)
  requireSameWrite(layout, schema, target)
  const drafts = layout.columns.map((column) => draftOf(column))
  for (const column of schema.columns) followColumn(drafts, column, schema, target, dialect)
  for (const draft of drafts) {
    const isGone = draft.id > 0 && !schema.columns.some((column) => column.id === draft.id)
    if (isGone) draft.state = 'retired'
  }
  addOwnColumns(drafts, schema, target)
  assignNames(drafts, schema, dialect)
  const next: TableLayout = {
    ...layout,
    identity: schema.identity,
    columns: drafts.map(({ id, name, sourceName, type, state }) => ({ id, name, sourceName, type, state })),
  }
  return { layout: next, changes: changesOf(drafts) }
}

function draftOf(column: LayoutColumn): Draft {
  return { ...column, oldName: column.name, oldType: column.type, settled: true, source: undefined }
}

function newDraft(id: number, name: string, type: ColumnType): Draft {
  return {
    id,
    oldName: undefined,
    oldType: undefined,
    name,
    sourceName: name,
    type,
    state: 'current',
    settled: false,
    source: undefined,
  }
}

function followColumn(
  drafts: Draft[],
  column: Column,
  schema: TableSchema,
  target: TargetTable,
  dialect: LayoutDialect,
): void {
  if (drafts.some((draft) => draft.id === column.id && draft.state === 'discarded')) return
  const current = drafts.find((draft) => draft.id === column.id && draft.state === 'current')
  if (current === undefined) {
    drafts.push(addedDraft(column))
    return
  }
  const type = widen(current.type, column.type)
  if (type === undefined) {
    replaceColumn(drafts, current, column, schema, target, dialect)
    return
  }
  current.type = type
  if (current.sourceName !== column.name) {
    current.sourceName = column.name
    current.settled = false
  }
}

function addedDraft(column: Column): Draft {
  const draft = newDraft(column.id, column.name, column.type)
  draft.source = column
  return draft
}

function replaceColumn(
  drafts: Draft[],
  current: Draft,
  column: Column,
  schema: TableSchema,
  target: TargetTable,
  dialect: LayoutDialect,
): void {
  const isKey = schema.identity.kind === 'key' && schema.identity.columnIds.includes(column.id)
  // Rows that are there could not be matched by a column that is new.
  if (isKey || target.schemaChanges === 'freeze') throw frozen(schema, column, dialect.typeName(current.type), isKey)
  current.state = target.schemaChanges === 'discard' ? 'discarded' : 'retired'
  if (current.state === 'retired') drafts.push(addedDraft(column))
}

function frozen(schema: TableSchema, column: Column, type: string, isKey: boolean): PipelineError {
  const table = tableName(schema.table)
  const change = `its type is ${column.sourceType} now, and the destination has ${type}`
  return new PipelineError('source_schema_frozen', `Following column "${column.name}" of ${table}`, {
    cause: new Error(isKey ? `it belongs to the key, ${change}` : change),
    hint: `Read the table again with the new type: simplyload table resync ${shellWord(table)}${isKey ? '' : ', or set schema_changes to evolve or discard'}`,
    context: { table, column: column.name },
  })
}

function requireSameIdentity(layout: TableLayout, schema: TableSchema): void {
  if (layout.columns.length === 0 || layout.identity.kind === schema.identity.kind) return
  const table = tableName(schema.table)
  throw new PipelineError('source_schema_frozen', `Following ${table}`, {
    cause: new Error('its rows are recognised in another way than those that were loaded'),
    hint: `Read it again: simplyload table resync ${shellWord(table)}`,
    context: { table },
  })
}

function requireSameWrite(layout: TableLayout, schema: TableSchema, target: TargetTable): void {
  if (layout.columns.length === 0 || writeModeOf(layout) === target.write) return
  const table = tableName(schema.table)
  const before = writeModeOf(layout)
  throw new PipelineError('destination_rejected', `Writing ${table} in mode ${target.write}`, {
    cause: new Error(`its table on the destination was written in mode ${before}`),
    hint: `Set write back to ${before}, or ${before === 'merge' ? '' : 'give the table another target and '}read it again: simplyload table resync ${shellWord(table)}`,
    context: { table },
  })
}

function addOwnColumns(drafts: Draft[], schema: TableSchema, target: TargetTable): void {
  if (schema.identity.kind !== 'key') own(drafts, ROW_ID_ID, ROW_ID_COLUMN, { kind: 'text' })
  if (target.write === 'history') {
    own(drafts, START_ID, '_fivetran_start', { kind: 'timestamptz' })
    own(drafts, END_ID, '_fivetran_end', { kind: 'timestamptz' })
    own(drafts, ACTIVE_ID, '_fivetran_active', { kind: 'bool' })
  } else if (target.write === 'append') {
    own(drafts, OPERATION_ID, '_op', { kind: 'text' })
    own(drafts, COMMITTED_AT_ID, '_committed_at', { kind: 'timestamptz' })
  }
  own(drafts, LOAD_TIME_ID, target.loadTimeColumn, { kind: 'timestamptz' })
  own(drafts, DELETED_ID, target.deletedColumn, { kind: 'bool' })
  own(drafts, POSITION_ID, POSITION_COLUMN, { kind: 'text' })
}

function own(drafts: Draft[], id: number, name: string, type: ColumnType): void {
  const existing = drafts.find((draft) => draft.id === id)
  if (existing === undefined) drafts.push(newDraft(id, name, type))
  else if (foldCase(existing.name) !== foldCase(name)) Object.assign(existing, { sourceName: name, settled: false })
}

function assignNames(drafts: readonly Draft[], schema: TableSchema, dialect: LayoutDialect): void {
  const taken = new Set(RESERVED_NAMES)
  const order = new Map(schema.columns.map((column, index) => [column.id, index]))
  const live = drafts
    .filter((draft) => draft.id > 0 && draft.state === 'current')
    .sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0))
  const ours = drafts.filter((draft) => draft.id < 0)
  for (const draft of ours) take(draft, draft.settled ? draft.name : dialect.columnName(draft.sourceName), taken)
  for (const draft of live) if (draft.settled) take(draft, draft.name, taken)
  for (const draft of live) if (!draft.settled) take(draft, dialect.columnName(draft.sourceName), taken)
  for (const draft of drafts.filter((each) => each.state !== 'current')) {
    take(draft, taken.has(foldCase(draft.name)) ? `${draft.name}_old` : draft.name, taken)
  }
}

function take(draft: Draft, wanted: string, taken: Set<string>): void {
  let name = wanted
  for (let suffix = 2; taken.has(foldCase(name)); suffix++) name = `${wanted}_${suffix}`
  taken.add(foldCase(name))
  draft.name = name
}

function changesOf(drafts: readonly Draft[]): readonly LayoutChange[] {
  const changes: LayoutChange[] = []
  const renamed = drafts.filter((draft) => draft.oldName !== undefined && draft.oldName !== draft.name)
  const temporary = (draft: Draft) => `${TEMPORARY_NAME}${drafts.indexOf(draft)}`
  // Through temporary names, since two columns may swap theirs, or a name may change by case alone.
  for (const draft of renamed) changes.push({ kind: 'rename', from: draft.oldName ?? '', to: temporary(draft) })
  for (const draft of renamed) changes.push({ kind: 'rename', from: temporary(draft), to: draft.name })
  for (const draft of drafts) {
    const { id, name, sourceName, type, state } = draft
    const column = { id, name, sourceName, type, state }
    if (draft.oldType === undefined) changes.push({ kind: 'add', column, source: draft.source })
    else if (!sameType(draft.oldType, type)) changes.push({ kind: 'widen', column, from: draft.oldType })
  }
  return changes
}
