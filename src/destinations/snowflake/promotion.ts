/**
 * A shadow table takes the place of the final one.
 *
 * Swapping two tables is one DDL statement, which commits by itself: before it, the shadow table is complete and the
 * checkpoint says so; after it, a transaction records the swap. Where that breaks off between the two, the comments of the
 * tables tell whether they have been swapped, since a comment goes with its table.
 */
import type { TargetTable } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { type TableId, tableName } from '../../core/table-schema.ts'
import { shadowName } from '../../warehouse/shadow-layout.ts'
import { writeModeOf } from '../../warehouse/table-layout.ts'
import { findNamed } from './described-table.ts'
import { quoteLiteral } from './identifiers.ts'
import { loadLayouts, ownerOf, removeLayout, saveLayout } from './layout-store.ts'
import { forgetQuarantine } from './quarantine.ts'
import type { SnowflakeSession } from './session.ts'
import { metadataTable, nameSql } from './table-names.ts'

const SHADOW_MARK = ', being read'

/** `made`: tells two tables of the same name apart. */
export function tableComment(table: TableId, made: 'shadow' | 'final'): string {
  return `Copied by SimplyLoad from ${table.source}: ${tableName(table)}${made === 'shadow' ? SHADOW_MARK : ''}`
}

/** Not in a transaction. Harmless when it is done again. Views on the final table keep working: they go by name. */
export async function swapIn(session: SnowflakeSession, target: TargetTable): Promise<void> {
  const final = nameSql(target, target.name)
  const shadow = nameSql(target, shadowName(target))
  await requireFreeName(session, target)
  const [atShadow, atFinal] = [
    await tableNamed(session, target, shadowName(target)),
    await tableNamed(session, target, target.name),
  ]
  const isShadow = (comment: string | undefined) => comment?.endsWith(SHADOW_MARK) === true
  if (atFinal === undefined) await session.run(`ALTER TABLE ${shadow} RENAME TO ${final}`)
  else if (!isShadow(atFinal)) {
    invariant(isShadow(atShadow), `${final} has a shadow table`)
    await session.run(`ALTER TABLE ${final} SWAP WITH ${shadow}`)
  }
}

/** In the transaction that lets the table join its group. */
export async function finishSwap(session: SnowflakeSession, target: TargetTable): Promise<void> {
  const { table } = target
  const book = await loadLayouts(session, table.source, [table])
  const shadow = book.get(table, 'shadow')
  invariant(shadow !== undefined, `${tableName(table)} has a shadow table`)
  await removeLayout(session, table, 'shadow')
  const layout = { ...shadow.layout, name: target.name }
  await saveLayout(session, table, 'final', { ...shadow, layout, finishedPosition: undefined })
  await forgetLoads(session, table)
  // Rows of versions and changes that were put aside stay in the table.
  if (shadow.finishedPosition !== undefined && writeModeOf(layout) === 'merge') {
    await forgetQuarantine(session, table, shadow.finishedPosition)
  }
}

/** After that transaction: what was the final table goes, and what is now the final one is called so. */
export async function tidySwap(session: SnowflakeSession, target: TargetTable): Promise<void> {
  await session.run(`DROP TABLE IF EXISTS ${nameSql(target, shadowName(target))}`)
  await markFinal(session, target)
}

async function markFinal(session: SnowflakeSession, target: TargetTable): Promise<void> {
  const comment = quoteLiteral(tableComment(target.table, 'final'))
  await session.run(`ALTER TABLE ${nameSql(target, target.name)} SET COMMENT = ${comment}`)
}

/**
 * Before a shadow table is made: that of an earlier promotion is the final one by now, also where that was not said.
 * Returns whether there is a final table.
 */
export async function settleSwap(session: SnowflakeSession, target: TargetTable): Promise<boolean> {
  const comment = await tableNamed(session, target, target.name)
  if (comment?.endsWith(SHADOW_MARK) === true) await markFinal(session, target)
  return comment !== undefined
}

async function tableNamed(session: SnowflakeSession, target: TargetTable, name: string): Promise<string | undefined> {
  const found = await findNamed(session, target, name)
  return found.find((each) => each.kind === 'table' && each.namespace === target.namespace && each.name === name)
    ?.comment
}

/** Of a snapshot that is given up, also what it put aside. */
export async function forgetAttempt(session: SnowflakeSession, table: TableId): Promise<void> {
  await session.run(
    `DELETE FROM ${metadataTable('QUARANTINE')} WHERE ${OF_TABLE}
       AND position IN (SELECT position FROM ${metadataTable('LOADS')} WHERE ${OF_TABLE})`,
    idValues(table),
  )
  await forgetLoads(session, table)
}

/** Of a snapshot or a backfill that is over, or given up. */
export async function forgetLoads(session: SnowflakeSession, table: TableId): Promise<void> {
  for (const kept of ['LOADS', 'TOMBSTONES']) {
    await session.run(`DELETE FROM ${metadataTable(kept)} WHERE ${OF_TABLE}`, idValues(table))
  }
}

const OF_TABLE = 'source = :1 AND namespace = :2 AND table_name = :3'

function idValues(table: TableId): readonly string[] {
  return [table.source, table.namespace, table.name]
}

/** Throws where the name belongs to something that is not this table's: it would be lost. */
export async function requireFreeName(session: SnowflakeSession, target: TargetTable): Promise<void> {
  const { table, name } = target
  const [existing] = await findNamed(session, target, name)
  if (existing === undefined) return
  const owner = await ownerOf(session, target, name)
  if (owner === `${table.source}.${tableName(table)}`) return
  // Swapped in, and not yet recorded.
  if (owner === undefined && existing.comment === tableComment(table, 'shadow')) return
  const what = owner === undefined ? 'it exists and was not made by SimplyLoad' : `it belongs to ${owner}`
  throw new PipelineError('destination_rejected', `Making ${nameSql(target, name)}`, {
    cause: new Error(what),
    hint: 'Rename or drop it, or give the table another target in the configuration',
    context: { table: tableName(table) },
  })
}
