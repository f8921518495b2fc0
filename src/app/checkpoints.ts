/** Checkpoints, as the destination has them, and letting go of them. */

import { freshnessMs, openDestination, openStage, openState } from '../connectors.ts'
import type { CheckpointStatus, Selection } from '../core/application.ts'
import type { SourceCheckpoints } from '../core/destination.ts'
import { parsePosition } from '../core/position.ts'
import { qualifiedTableName, type TableId, tableName } from '../core/table-schema.ts'
import { formatLsn } from '../engine/start-plan.ts'
import { groupFreshnessMs } from '../engine/table-group.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { selectSources, selectTables } from './tables.ts'

export async function checkpoints(
  { config, folder }: LoadedConfig,
  selection: Selection,
  signal: AbortSignal,
): Promise<readonly CheckpointStatus[]> {
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const found: SourceCheckpoints[] = []
  for (const name of selectSources(config, selection)) {
    const known = await destination.checkpoints(name, signal)
    if (known !== undefined) found.push(known)
  }
  const tables = found.flatMap((each) => each.tables)
  const selected = new Set(
    selectTables(
      tables.map((table) => table.table),
      selection,
    ),
  )
  return tables
    .filter((entry) => selected.has(entry.table))
    .map(({ table, position, group }) => {
      const parts = parsePosition(position)
      const inGroup = group !== undefined
      const freshness = group === undefined ? undefined : groupFreshnessMs(group, { freshnessMs: freshnessMs(config) })
      return {
        table,
        position,
        inGroup,
        freshnessMs: freshness,
        sourcePosition: parts === undefined ? position : formatLsn(parts.lsn),
      }
    })
}

/** The tables are read anew by the next sync. Returns their qualified names. */
export async function resetCheckpoints(
  { config, folder }: LoadedConfig,
  selection: Selection,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using state = await openState(config, folder, 'write')
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  const known: TableId[] = []
  for (const name of selectSources(config, selection)) {
    const recorded = (await state.tables(name)).map((record) => record.table)
    const checkpointed = (await destination.checkpoints(name, signal))?.tables.map((entry) => entry.table) ?? []
    const unrecorded = checkpointed.filter((table) => !recorded.some((one) => tableName(one) === tableName(table)))
    known.push(...recorded, ...unrecorded)
  }
  const selected = selectTables(known, selection)
  for (const name of new Set(selected.map((table) => table.source))) {
    const { lease } = await destination.acquireLease(name, signal)
    const source = await state.source(name)
    // Rows that come now must sort after all that came before, also where the log begins anew.
    if (source !== undefined) await state.saveSource({ ...source, generation: source.generation + 1 })
    for (const table of selected.filter((each) => each.source === name)) {
      await destination.resetCheckpoint(lease, table, signal)
      for (const file of await state.discardWaiting(table)) await stage.remove(file.path)
      await state.removeTable(table)
    }
  }
  return selected.map(qualifiedTableName)
}
