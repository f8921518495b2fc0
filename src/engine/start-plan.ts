/**
 * What to do with each table when a run starts: state, destination and source held against each other.
 *
 * The destination's checkpoint is the truth about rows. The ledger says what is staged beyond it. The slot says what the
 * source can still send. A table goes on only where these three meet without a gap; otherwise it is `needs_resync` and
 * says why. Pure, so that each combination can be tested.
 */
import type { SourceCheckpoints, TableCheckpoint } from '../core/destination.ts'
import type { PipelineError } from '../core/errors.ts'
import { boundary, type Position, parsePosition } from '../core/position.ts'
import { describeIdentity, type PreparedSource, readingMode } from '../core/source.ts'
import type { SourceRecord, TableRecord, TableState } from '../core/state.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'

export type TableStart =
  /** Nothing usable: read from the beginning into a new shadow table. */
  | { readonly action: 'snapshot'; readonly notice?: string }
  /** Some chunks may be finished and loaded. */
  | { readonly action: 'resume-snapshot'; readonly schema: TableSchema }
  /** The shadow table is complete as of `from`. */
  | { readonly action: 'catch-up'; readonly from: Position; readonly schema: TableSchema }
  | { readonly action: 'live'; readonly from: Position; readonly schema: TableSchema; readonly notice?: string }
  /** The final table is complete as of `from`, outside the group. */
  | { readonly action: 'rejoin'; readonly from: Position; readonly schema: TableSchema }
  | { readonly action: 'stay'; readonly state: TableState; readonly schema: TableSchema }
  | { readonly action: 'gap'; readonly reason: string | PipelineError; readonly schema: TableSchema }

export interface StartFacts {
  /** Schemas of the configured tables as of now. */
  readonly described: readonly TableSchema[]
  readonly prepared: PreparedSource
  /** By name: tables that the source has no more. */
  readonly missing?: ReadonlyMap<string, PipelineError>
  /** Names of tables whose changes were not wholly in the log until now. */
  readonly unpublished?: ReadonlySet<string>
  /** Names of tables whose key the configuration gives. */
  readonly keysGiven?: ReadonlySet<string>
  /** Names of tables of which it is remembered how far they were polled. */
  readonly remembered?: ReadonlySet<string>
  readonly record: SourceRecord | undefined
  readonly tables: readonly TableRecord[]
  readonly checkpoints: SourceCheckpoints
  /** A version above any that a lost state could have given. */
  readonly freshSchemaVersion: number
}

export interface StartPlan {
  readonly generation: number
  /** Where the stream starts. */
  readonly fromLsn: bigint
  /** Of a paused table: what it starts with once it is resumed. */
  readonly starts: ReadonlyMap<string, TableStart>
}

export function planStart(facts: StartFacts): StartPlan {
  const { record, prepared, checkpoints } = facts
  const knownGeneration = Math.max(record?.generation ?? 1, highestGeneration(checkpoints))
  const sameSystem = record === undefined || record.identity.system === prepared.identity.system
  const sameTimeline = record === undefined || record.identity.timeline === prepared.identity.timeline
  const mode = readingMode(prepared.identity)
  const sameMode = record === undefined || readingMode(record.identity) === mode
  // How far the clock of a source that is polled had come is known from the record alone.
  const sameClock = mode === 'cdc' || record !== undefined || checkpoints.tables.length === 0
  const compares = sameSystem && sameTimeline && sameMode && sameClock
  const generation = compares ? knownGeneration : knownGeneration + 1
  const left = sameTimeline || mode === 'polling' ? undefined : leftAt(facts)
  const sourceGap = sameMode ? findSourceGap(facts, sameSystem, left) : undefined
  const isForgotten = (name: string) => mode === 'polling' && facts.remembered?.has(name) !== true
  const covered = record !== undefined && sameSystem && sameMode && sourceGap === undefined

  const starts = new Map<string, TableStart>()
  for (const schema of facts.described) {
    const name = tableName(schema.table)
    const known = facts.tables.find((table) => tableName(table.table) === name)
    const checkpoint = checkpoints.tables.find((table) => tableName(table.table) === name)
    const gap = sourceGap ?? (isForgotten(name) ? FORGOTTEN : undefined)
    starts.set(name, startOf(facts, schema, known, checkpoint, gap, sameMode, left))
  }
  return { generation, fromLsn: covered ? record.stagedThroughLsn : prepared.restartLsn, starts }
}

const FORGOTTEN = 'the operational state does not say how far the table had been polled'

const CHANGED_TO = {
  cdc: 'its changes are read from the log from now on, so it is read again first',
  polling: 'it is polled from now on, so it is read again first',
} as const

/** The place of the log from which another server writes it: 0 where that is not known. */
function leftAt({ record, prepared }: StartFacts): bigint {
  return (record && prepared.timelineEnds?.get(record.identity.timeline)) ?? 0n
}

const FAILED_OVER = 'another server took over'

/** What was read beyond it is not what the log has there now. */
function forkedBefore(lsn: bigint, left: bigint): string {
  return left === 0n
    ? `${FAILED_OVER}, and it does not know where its log left the one that was read until ${formatLsn(lsn)}`
    : `${FAILED_OVER} at ${formatLsn(left)}, before ${formatLsn(lsn)}, up to which the log of the former one was read: what it had in between may be lost at the source`
}

function findSourceGap(facts: StartFacts, sameSystem: boolean, left: bigint | undefined): string | undefined {
  const { record, prepared } = facts
  if (record === undefined) return undefined
  if (!sameSystem) {
    return `the source is another database system (${prepared.identity.system}, not ${record.identity.system}), so its positions do not continue the old ones`
  }
  if (left !== undefined && record.stagedThroughLsn > left) return forkedBefore(record.stagedThroughLsn, left)
  if (prepared.created) return `slot ${prepared.identity.slot} was created anew, so changes before it are gone`
  if (prepared.restartLsn > record.stagedThroughLsn) {
    return `slot ${prepared.identity.slot} has been moved on to ${formatLsn(prepared.restartLsn)}, past ${formatLsn(record.stagedThroughLsn)}, up to which changes are staged`
  }
  return undefined
}

/** True where files are gone that the table at the destination lacks. */
function isOlderThanStage(record: SourceRecord | undefined, known: TableRecord, checkpoint: TableCheckpoint): boolean {
  const pruned = record?.prunedThrough
  if (pruned === undefined) return false
  // Files of other tables are pruned further on. Where it is not known how far this one had come, its group had.
  const needed = known.mergedThrough ?? (checkpoint.group === undefined ? undefined : pruned)
  return needed !== undefined && checkpoint.position < needed && checkpoint.position < pruned
}

function startOf(
  facts: StartFacts,
  described: TableSchema,
  known: TableRecord | undefined,
  checkpoint: TableCheckpoint | undefined,
  sourceGap: string | undefined,
  sameMode: boolean,
  left: bigint | undefined,
): TableStart {
  if (known === undefined) return startWithoutRecord(facts, described, checkpoint)
  const { schema } = known
  if (known.state === 'needs_resync') return { action: 'stay', state: known.state, schema }
  // Under another name, or made anew, it has had changes that nobody followed.
  const missing = facts.missing?.get(tableName(known.table))
  if (missing !== undefined) return { action: 'gap', reason: missing, schema }
  const rests = known.state === 'failed' || known.state === 'paused'
  const state = rests ? (known.resumeState ?? 'pending') : known.state
  if (state === 'pending') return { action: 'snapshot' }
  // Nobody knows which changes lie between the last position of the one way and the first of the other.
  if (!sameMode) return { action: 'snapshot', notice: CHANGED_TO[readingMode(facts.prepared.identity)] }
  if (sourceGap !== undefined) {
    // A snapshot that is not finished loses nothing but time.
    return state === 'snapshotting'
      ? { action: 'snapshot', notice: sourceGap }
      : { action: 'gap', reason: sourceGap, schema }
  }
  if (
    state !== 'snapshotting' &&
    keyDiffers(known.schema, described, facts.keysGiven?.has(tableName(described.table)) === true)
  ) {
    return {
      action: 'gap',
      reason: `its rows are recognised by ${describeIdentity(described)} now, and those already loaded by ${describeIdentity(schema)}`,
      schema,
    }
  }
  const included = newlyIncluded(known.schema, described)
  if (included.length > 0) {
    if (state === 'snapshotting')
      return { action: 'snapshot', notice: `columns ${included.join(', ')} are included now` }
    return {
      action: 'gap',
      reason: `columns ${included.join(', ')} were excluded until now, so rows already loaded lack their values`,
      schema,
    }
  }
  if (state === 'snapshotting') {
    // What was read may be of a place of the log that is another one now.
    if (left !== undefined) return { action: 'snapshot', notice: FAILED_OVER }
    // The reply of `finishSnapshot` was lost after its commit.
    if (checkpoint !== undefined && checkpoint.group === undefined)
      return { action: 'catch-up', from: checkpoint.position, schema }
    // Chunks that are read already lack what has changed since.
    if (!sameShape(schema, described)) return { action: 'snapshot', notice: 'its columns changed during the snapshot' }
    return { action: 'resume-snapshot', schema }
  }
  if (checkpoint === undefined) {
    return {
      action: 'snapshot',
      notice: 'the destination has no checkpoint of this table (was it replaced?), so it is read again',
    }
  }
  const reached = parsePosition(checkpoint.position)?.lsn ?? 0n
  if (left !== undefined && reached > left) return { action: 'gap', reason: forkedBefore(reached, left), schema }
  if (isOlderThanStage(facts.record, known, checkpoint)) {
    const reason =
      'the destination is older than the stage files that retention has kept (was it restored from a copy?)'
    return { action: 'gap', reason, schema }
  }
  if (checkpoint.group !== undefined) return { action: 'live', from: checkpoint.position, schema }
  return { action: state === 'live' ? 'rejoin' : 'catch-up', from: checkpoint.position, schema }
}

/** State was lost, or the table is new. */
function startWithoutRecord(
  facts: StartFacts,
  described: TableSchema,
  checkpoint: TableCheckpoint | undefined,
): TableStart {
  if (checkpoint?.group === undefined) return { action: 'snapshot' }
  const schema = { ...described, version: facts.freshSchemaVersion }
  const at = parsePosition(checkpoint.position)
  if (facts.unpublished?.has(tableName(described.table)) === true) {
    return {
      action: 'gap',
      reason: 'operational state was lost, and not all changes of the table were published',
      schema,
    }
  }
  if (
    at !== undefined &&
    facts.record === undefined &&
    !facts.prepared.created &&
    facts.prepared.restartLsn <= at.lsn
  ) {
    return {
      action: 'live',
      from: checkpoint.position,
      schema,
      notice: 'operational state was missing; going on from the checkpoint at the destination',
    }
  }
  if (readingMode(facts.prepared.identity) === 'polling') {
    return {
      action: 'gap',
      reason: 'the operational state was lost, and with it how far the table had been polled',
      schema,
    }
  }
  return {
    action: 'gap',
    reason: `operational state was lost, and the slot stands at ${formatLsn(facts.prepared.restartLsn)}, past the destination's checkpoint ${checkpoint.position}`,
    schema,
  }
}

/** What the stream cannot find out for itself: another key was configured, or the configured one was taken away. */
function keyDiffers(known: TableSchema, described: TableSchema, given: boolean): boolean {
  if (known.identity.kind !== 'key') return given
  if (described.identity.kind !== 'key') return true
  const ids = new Set(known.identity.columnIds)
  return ids.size !== described.identity.columnIds.length || described.identity.columnIds.some((id) => !ids.has(id))
}

/** Names of columns that were there before but left out: their ids are not above the highest one that was known. */
function newlyIncluded(known: TableSchema, described: TableSchema): readonly string[] {
  const highest = Math.max(0, ...known.columns.map((column) => column.id))
  const ids = new Set(known.columns.map((column) => column.id))
  return described.columns.filter((column) => column.id <= highest && !ids.has(column.id)).map((column) => column.name)
}

/** Equal in everything that decides how rows are read. */
export function sameShape(a: TableSchema, b: TableSchema): boolean {
  const shape = (schema: TableSchema) =>
    JSON.stringify([schema.columns.map(({ id, name, type }) => [id, name, type]), schema.identity])
  return shape(a) === shape(b)
}

function highestGeneration(checkpoints: SourceCheckpoints): number {
  const positions = [...checkpoints.groups.values(), ...checkpoints.tables.map((table) => table.position)]
  return Math.max(1, ...positions.map((at) => parsePosition(at)?.generation ?? 1))
}

/** `16/B374D848`, as Postgres prints it. */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
}

/** Everything: for a table whose snapshot has no position yet. */
export function beginningOf(generation: number): Position {
  return boundary(generation, 0n)
}
