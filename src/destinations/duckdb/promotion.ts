/** A shadow table takes the place of the final one. */
import type { TargetTable } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import { type TableId, tableName } from '../../core/table-schema.ts'
import { carriedColumns, hasSameKey, sameName } from '../../warehouse/shadow-layout.ts'
import {
  DELETED_ID,
  identityColumns,
  LOAD_TIME_ID,
  POSITION_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { duckdbType } from './column-type.ts'
import { qualifiedName, quoteIdentifier, quoteLiteral, timestampLiteral } from './identifiers.ts'
import { loadLayouts, ownerOf, removeLayout, saveLayout } from './layout-store.ts'
import { forgetQuarantine } from './quarantine.ts'
import type { Session } from './session.ts'
import { columnSql, tableSql } from './table-sql.ts'

/**
 * Rows of the old final table whose key the new one does not have: they were deleted while nobody followed the table, so
 * they are marked, and those marked before stay as they are. Not where rows are recognised in another way than before.
 * Harmless when it is done again.
 */
export async function carryOver(
  session: Session,
  target: TargetTable,
  final: TableLayout,
  shadow: TableLayout,
  at: Position,
  loadedMs: number,
): Promise<void> {
  // Tables of versions and of changes have gone on with the snapshot (`continuation.ts`).
  if (writeModeOf(shadow) !== 'merge' || writeModeOf(final) !== 'merge') return
  if (target.hardDelete || !hasSameKey(final, shadow)) return
  const deleted = `o.${columnSql(final, DELETED_ID)}`
  const columns = carriedColumns(final, shadow)
  const into = columns.map(({ to }) => quoteIdentifier(to.name))
  const values = columns.map(({ from }) =>
    carriedValue(from.id, `o.${quoteIdentifier(from.name)}`, deleted, at, loadedMs),
  )
  // In the new type: the other way round, values that the old one does not have would fail the statement.
  const onKey = identityColumns(shadow).map((column, index) => {
    const old = `o.${quoteIdentifier(identityColumns(final)[index]?.name ?? '')}`
    return `n.${quoteIdentifier(column.name)} = CAST(${old} AS ${duckdbType(column.type)})`
  })
  await session.run(
    `INSERT INTO ${tableSql(shadow)} (${into.join(', ')}) SELECT ${values.join(', ')} FROM ${tableSql(final)} o
     ANTI JOIN ${tableSql(shadow)} n ON ${onKey.join(' AND ')}`,
  )
}

function carriedValue(id: number, value: string, deleted: string, at: Position, loadedMs: number): string {
  if (id === DELETED_ID) return 'true'
  if (id === LOAD_TIME_ID) return `CASE WHEN ${deleted} THEN ${value} ELSE ${timestampLiteral(loadedMs)} END`
  if (id === POSITION_ID) return `CASE WHEN ${deleted} THEN ${value} ELSE ${quoteLiteral(at)} END`
  return value
}

/** Within a transaction that changes no rows of either table. Views on the final table keep working: they go by name. */
export async function swapIn(session: Session, target: TargetTable): Promise<void> {
  const { table } = target
  const book = await loadLayouts(session, table.source, [table])
  const shadow = book.get(table, 'shadow')
  const final = book.get(table, 'final')
  invariant(shadow !== undefined, `${tableName(table)} has a shadow table`)
  await requireFreeName(session, target)
  // Where the target was given another name, the old table stays as it is: it is no longer ours.
  if (final !== undefined && sameName(final.layout, target)) await session.run(`DROP TABLE ${tableSql(final.layout)}`)
  await session.run(`ALTER TABLE ${tableSql(shadow.layout)} RENAME TO ${quoteIdentifier(target.name)}`)
  await removeLayout(session, table, 'shadow')
  const layout = { ...shadow.layout, name: target.name }
  await saveLayout(session, table, 'final', { layout, finishedPosition: undefined })
  await forgetLoads(session, table)
  // Rows of versions and changes that were put aside stay in the table.
  if (shadow.finishedPosition !== undefined && writeModeOf(layout) === 'merge') {
    await forgetQuarantine(session, table, shadow.finishedPosition)
  }
}

/** Of a snapshot that is given up, also what it put aside. */
export async function forgetAttempt(session: Session, table: TableId): Promise<void> {
  const of = [table.source, table.namespace, table.name]
  await session.run(
    `DELETE FROM _simplyload.quarantine WHERE source = $1 AND namespace = $2 AND table_name = $3
       AND position IN (SELECT position FROM _simplyload.loads
                        WHERE source = $1 AND namespace = $2 AND table_name = $3)`,
    of,
  )
  await forgetLoads(session, table)
}

/** Of a snapshot or a backfill that is over, or given up. */
export async function forgetLoads(session: Session, table: TableId): Promise<void> {
  const of = [table.source, table.namespace, table.name]
  for (const kept of ['loads', 'tombstones']) {
    await session.run(`DELETE FROM _simplyload.${kept} WHERE source = $1 AND namespace = $2 AND table_name = $3`, of)
  }
}

/** Throws where the name belongs to something that is not this table's: it would be lost. */
export async function requireFreeName(session: Session, target: TargetTable): Promise<void> {
  const { table, namespace, name } = target
  const [existing] = await session.rows(
    `SELECT table_type FROM information_schema.tables
     WHERE table_catalog = current_database() AND lower(table_schema) = lower($1) AND lower(table_name) = lower($2)`,
    [namespace, name],
  )
  if (existing === undefined) return
  const owner = await ownerOf(session, namespace, name)
  if (owner === `${table.source}.${tableName(table)}`) return
  const what = owner === undefined ? 'it exists and was not made by SimplyLoad' : `it belongs to ${owner}`
  throw new PipelineError('destination_rejected', `Making ${qualifiedName(namespace, name)}`, {
    cause: new Error(what),
    hint: 'Rename or drop it, or give the table another target in the configuration',
    context: { table: tableName(table) },
  })
}
