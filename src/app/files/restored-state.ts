/**
 * Operational state of a source of files that is missing, or older than the rows at the destination, comes back from what is
 * kept with the rows: which files they are from, and how far the one in progress is. What was staged beyond them and is not
 * known any more comes from its files again.
 */
import { configuredFileSets, openDestination, openStage, openState } from '../../connectors.ts'
import type { Destination, KeptToken } from '../../core/destination.ts'
import { boundary, parsePosition } from '../../core/position.ts'
import type { Stage } from '../../core/stage.ts'
import type { SourceRecord, State } from '../../core/state.ts'
import { FILES_IDENTITY } from '../../file-sets/file-token.ts'
import type { SyncSetting } from '../sync.ts'

export interface RestorePlace {
  readonly state: State
  readonly stage: Stage
  readonly destination: Pick<Destination, 'tokens' | 'checkpoints'>
}

/** Before a command reads the state. Where it knows the sources nothing else is opened. */
export async function restoreMissingState(
  { config, folder }: Pick<SyncSetting, 'config' | 'folder'>,
  signal: AbortSignal,
): Promise<void> {
  const sources = [...new Set(configuredFileSets(config).map(({ table }) => table.source))]
  if (sources.length === 0) return
  const missing: string[] = []
  {
    await using state = await openState(config, folder, 'read')
    for (const source of sources) if ((await state.source(source)) === undefined) missing.push(source)
  }
  if (missing.length === 0) return
  await using stage = await openStage(config, folder)
  await using destination = await openDestination(config, folder, stage)
  for (const source of missing) {
    if ((await destination.tokens(source, signal)).length === 0) continue
    await using state = await openState(config, folder, 'write')
    await restoreState({ state, stage, destination }, source, signal)
  }
}

/** Returns what to say of it; undefined where the state is as it should be. */
export async function restoreState(
  { state, stage, destination }: RestorePlace,
  source: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const tokens = await destination.tokens(source, signal)
  const own = await state.source(source)
  if (!tokens.some(({ position }) => own === undefined || position > stagedThrough(own))) return undefined
  const reached = await reachedBy(destination, source, tokens, signal)
  const records = await state.tables(source)
  for (const { table, token, schema, position } of tokens) {
    for (const file of await state.discardWaiting(table)) await stage.remove(file.path)
    const known = records.find(({ table: { namespace, name } }) => namespace === table.namespace && name === table.name)
    await state.saveTable({
      rowsSnapshot: 0,
      changesMerged: 0,
      quarantined: 0,
      lastSyncMs: undefined,
      ...known,
      table,
      state: 'live',
      schema,
      snapshotPosition: position,
      resumeState: undefined,
      lastError: undefined,
      lastErrorCode: undefined,
      mergedSchema: schema.version,
      mergedThrough: position,
      updatedMs: Date.now(),
    })
    await state.saveToken({ table, token })
  }
  // Last: without it all of this is done again.
  const { generation, lsn } = reached
  await state.saveSource({
    source,
    generation,
    identity: FILES_IDENTITY,
    stagedThroughLsn: lsn,
    confirmedLsn: lsn,
    prunedThrough: undefined,
  })
  return own === undefined
    ? 'operational state was missing; which files are loaded is taken from the destination'
    : 'operational state is older than the destination (did it come from a copy?); which files are loaded is taken from there'
}

function stagedThrough({ generation, stagedThroughLsn }: SourceRecord): string {
  return boundary(generation, stagedThroughLsn)
}

/** The clock of the source goes on behind everything that anybody has seen of it. */
async function reachedBy(
  destination: RestorePlace['destination'],
  source: string,
  tokens: readonly KeptToken[],
  signal: AbortSignal,
): Promise<{ readonly generation: number; readonly lsn: bigint }> {
  const checkpoints = await destination.checkpoints(source, signal)
  const positions = [
    ...tokens.map(({ position }) => position),
    ...(checkpoints?.groups.values() ?? []),
    ...(checkpoints?.tables.map(({ position }) => position) ?? []),
  ]
  const newest = positions.sort().at(-1)
  const parts = newest === undefined ? undefined : parsePosition(newest)
  return { generation: parts?.generation ?? 1, lsn: parts?.lsn ?? 0n }
}
