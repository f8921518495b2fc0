/** The table that a file set is. */
import type { FileSet } from '../../core/file-set.ts'
import type { Column, RowIdentity, TableSchema } from '../../core/table-schema.ts'

/** As the configuration has it, with ids in the order of the columns. */
export function describeSet(set: FileSet, exclude: readonly string[] = []): TableSchema {
  const columns = set.columns.filter(({ name }) => !exclude.includes(name)).map(plainColumn)
  return { table: set.table, columns, identity: identityOf(set, columns), version: 1 }
}

export interface FollowedSchema {
  readonly schema: TableSchema
  readonly lastColumnId: number
  /** What is different, for people; empty: nothing. */
  readonly changes: readonly string[]
}

/**
 * The table as it is known, brought to what the configuration says now. Columns are the same by name; a new one gets an id
 * that none has had, so that its values never get into a column that was dropped.
 */
export function followSet(known: TableSchema, described: TableSchema, lastColumnId: number): FollowedSchema {
  let lastId = Math.max(lastColumnId, ...known.columns.map(({ id }) => id))
  const changes: string[] = []
  const columns = described.columns.map((column): Column => {
    const before = known.columns.find(({ name }) => name === column.name)
    if (before === undefined) {
      changes.push(`column ${column.name} added`)
      lastId += 1
      return { ...column, id: lastId }
    }
    if (before.sourceType !== column.sourceType || JSON.stringify(before.type) !== JSON.stringify(column.type))
      changes.push(`column ${column.name} is ${column.sourceType} now`)
    return { ...column, id: before.id }
  })
  for (const { name } of known.columns) {
    if (!columns.some((column) => column.name === name)) changes.push(`column ${name} dropped`)
  }
  if (changes.length === 0) return { schema: known, lastColumnId: lastId, changes }
  const identity = sameKey(described, columns)
  return { schema: { ...known, columns, identity, version: known.version + 1 }, lastColumnId: lastId, changes }
}

function identityOf(set: FileSet, columns: readonly Column[]): RowIdentity {
  if (set.write !== 'merge') return { kind: 'append' }
  const columnIds = set.key.flatMap((name) => columns.find((column) => column.name === name)?.id ?? [])
  return { kind: 'key', columnIds }
}

/** The key of `described` in the ids of `columns`, which are in the same order. */
function sameKey({ identity, columns: described }: TableSchema, columns: readonly Column[]): RowIdentity {
  if (identity.kind !== 'key') return identity
  const places = identity.columnIds.map((id) => described.findIndex((column) => column.id === id))
  return { kind: 'key', columnIds: places.flatMap((place) => columns[place]?.id ?? []) }
}

/** Without what only reading a file needs. */
function plainColumn({ id, name, type, sourceType, nullable }: Column): Column {
  return { id, name, type, sourceType, nullable }
}
