/** The start of a run of one source: takes the lease, prepares the source, and books each table where it stands. */
import type { Lease, SourceCheckpoints } from '../core/destination.ts'
import { PipelineError } from '../core/errors.ts'
import { comparePositions, type Position } from '../core/position.ts'
import { shellWord } from '../core/shell-word.ts'
import { type ChangeSource, readingMode } from '../core/source.ts'
import type { SourceRecord, TableRecord, TableState } from '../core/state.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'
import type { SourceContext } from './context.ts'
import { restoreLedger } from './ledger-restore.ts'
import { presentTables } from './present-tables.ts'
import { planStart, type StartPlan, type TableStart } from './start-plan.ts'
import { BookedTable, newRecord, TableBook } from './table-book.ts'

export interface StartedSource {
  readonly lease: Lease
  readonly book: TableBook
  readonly record: SourceRecord
  /** Boundaries of the groups, by name. */
  readonly groups: ReadonlyMap<string, Position>
}

export async function startSource(context: SourceContext, signal: AbortSignal): Promise<StartedSource> {
  const { source, destination, state, tables, name, clock } = context
  // Whoever reads it goes on: with the lease gone and the slot still held, neither of the two could.
  await source.requireFree?.(signal)
  const { lease, checkpoints } = await destination.acquireLease(name, signal)
  // What follows may take its time; whoever had the lease must be able to find out meanwhile that it is gone.
  await destination.release()
  await restoreLedger(context, signal)
  let record = await state.source(name)
  const { requests, schemas, missing } = await presentTables(
    source,
    tables.map((table) => table.request),
    await state.tables(name),
    signal,
  )
  // After a reset of every table nothing depends on the old slot any more.
  const hasHistory = (await state.tables(name)).length > 0 || checkpoints.tables.length > 0
  // Where the source was polled until now there is no slot that could have been lost.
  const wasPolled = record !== undefined && readingMode(record.identity) === 'polling'
  const unpublished = new Set<string>()
  const prepared = await source.prepare(requests, !hasHistory || wasPolled, signal, async (tables) => {
    for (const table of tables) unpublished.add(tableName(table))
    await recordUnpublished(context, lease, checkpoints, unpublished, signal)
  })
  // Whoever ran before may have gone on until its slot was taken away just now.
  const isLate = record !== undefined && prepared.restartLsn > record.stagedThroughLsn
  if (isLate && (await restoreLedger(context, signal))) {
    record = await state.source(name)
    await recordUnpublished(context, lease, checkpoints, unpublished, signal)
  }
  for (const message of prepared.notices ?? [])
    context.emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
  const records = await state.tables(name)
  const tokens = await state.tokens(name)
  const plan = planStart({
    described: schemas,
    missing,
    prepared,
    unpublished,
    keysGiven: new Set(requests.flatMap(({ table, key }) => (key === undefined ? [] : [tableName(table)]))),
    remembered: new Set(tokens.map(({ table }) => tableName(table))),
    record,
    tables: records,
    checkpoints,
    freshSchemaVersion: Math.floor(clock.nowMs() / 1000),
  })
  const started: SourceRecord = {
    source: name,
    generation: plan.generation,
    identity: prepared.identity,
    stagedThroughLsn: plan.fromLsn,
    confirmedLsn: plan.fromLsn,
    prunedThrough: record?.prunedThrough,
  }
  await state.saveSource(started)
  await dropUnconfigured(
    context,
    lease,
    records,
    checkpoints.tables.map((entry) => tableName(entry.table)),
    signal,
  )
  const book = new TableBook(context)
  for (const [index, schema] of schemas.entries()) {
    const configured = tables[index]
    if (configured === undefined) throw new PipelineError('internal', 'Booking tables')
    const known = records.find((entry) => tableName(entry.table) === tableName(schema.table))
    const table = new BookedTable(configured, known ?? newRecord(schema, clock.nowMs()))
    book.add(table)
    const checkpoint = checkpoints.tables.find((entry) => tableName(entry.table) === table.name)
    await bookTable(context, book, table, plan, schema, { lease, group: checkpoint?.group }, signal)
  }
  await holdBackNarrowed(context, book, lease, signal)
  context.emit({ event: 'tables', source: name, tables: book.all().map(standing), atMs: clock.nowMs() })
  book.addTokens(await state.tokens(name))
  const waiting = await state.waiting(name)
  book.addWaiting(waiting)
  const furthest = [...checkpoints.groups.values()].sort(comparePositions).at(-1)
  await context.ledgerPages?.begin(lease.epoch, started, furthest)
  return { lease, book, record: started, groups: checkpoints.groups }
}

function standing({ name, record: { state, lastError } }: BookedTable) {
  const tells = (state === 'failed' || state === 'needs_resync') && lastError !== undefined
  return { table: name, state, ...(tells ? { reason: lastError } : {}) }
}

const UNPUBLISHED =
  'the source did not publish all of its changes for a time (was it dropped and made again, or taken out of the publication?)'

/** Before the source mends it, since afterwards a killed process could not tell: what was read lacks changes. */
async function recordUnpublished(
  { state, stage, destination, name, clock, emit }: SourceContext,
  lease: Lease,
  checkpoints: SourceCheckpoints,
  unpublished: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  for (const entry of await state.tables(name)) {
    const table = tableName(entry.table)
    if (!unpublished.has(table) || entry.state === 'pending' || entry.state === 'needs_resync') continue
    const isInGroup = checkpoints.tables.some((other) => tableName(other.table) === table && other.group !== undefined)
    if (isInGroup) await destination.detach(lease, entry.table, signal)
    const changed = { ...entry, resumeState: undefined, updatedMs: clock.nowMs() }
    if (entry.state === 'snapshotting') {
      await state.saveTable({ ...changed, state: 'pending' })
      continue
    }
    const lost = { lastError: `Continuing ${table} failed: ${UNPUBLISHED}`, lastErrorCode: 'source_gap' }
    await state.saveTable({ ...changed, ...lost, state: 'needs_resync' })
    emit({ event: 'notice', source: name, message: lost.lastError, atMs: clock.nowMs() })
    for (const file of await state.discardWaiting(entry.table)) await stage.remove(file.path)
  }
}

async function bookTable(
  context: SourceContext,
  book: TableBook,
  table: BookedTable,
  plan: StartPlan,
  described: TableSchema,
  { lease, group }: { readonly lease: Lease; readonly group: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { state, destination, source, clock, name, emit } = context
  const start = plan.starts.get(table.name)
  // In one step with what else is saved: a process that dies in between must not resume it.
  const isPaused = table.record.state === 'paused'
  const at = (reached: TableState) =>
    isPaused ? { state: 'paused' as const, resumeState: reached } : { state: reached, resumeState: undefined }
  if (start === undefined) throw new PipelineError('internal', `Planning the start of ${table.name}`)
  const notice = noticeOf(start)
  if (notice !== undefined)
    emit({ event: 'notice', source: name, message: `${table.name}: ${notice}`, atMs: clock.nowMs() })
  if (start.action !== 'stay') noteTransform(context, table, start.action)
  switch (start.action) {
    case 'snapshot':
      await destination.resetCheckpoint(lease, table.id, signal)
      await book.discardWaiting(table)
      await state.clearChunks(table.id)
      table.record = {
        ...newRecord(described, clock.nowMs()),
        transform: table.record.transform,
        schema: { ...described, version: Math.max(described.version, table.schema.version) },
        ...at('pending'),
      }
      await book.save(table, {})
      return
    case 'resume-snapshot':
      await returnTo(book, table)
      return
    case 'catch-up':
    case 'live':
    case 'rejoin':
      table.checkpoint = start.from
      table.group = start.action === 'live' ? group : undefined
      await state.reconcileLoaded(table.id, start.from, clock.nowMs())
      await book.save(table, {
        schema: start.schema,
        mergedThrough: start.from,
        ...at(start.action === 'catch-up' ? 'catching_up' : 'live'),
      })
      if (isPaused && table.inGroup) {
        await destination.detach(lease, table.id, signal)
        table.group = undefined
      }
      return
    case 'gap':
      // Else the group would take it along, and whoever lost the state would find it complete.
      if (group !== undefined) await destination.detach(lease, table.id, signal)
      await book.fail(table, typeof start.reason === 'string' ? gapOf(table, start.reason, source) : start.reason, true)
      return
    case 'stay':
      return
  }
}

function gapOf({ name }: BookedTable, reason: string, source: ChangeSource): PipelineError {
  return new PipelineError('source_gap', `Continuing ${name}`, {
    cause: new Error(reason),
    hint:
      source.gapHint?.(name) ??
      `simplyload table resync ${shellWord(name)} reads the table again; until then its rows stay as they are`,
    context: { table: name },
  })
}

/** Rows that are there came through the transform as it was then. */
function noteTransform({ name, emit, clock }: SourceContext, table: BookedTable, action: TableStart['action']): void {
  const digest = table.configured.target.transform?.digest
  const isNew = table.record.transform !== digest
  table.record = { ...table.record, transform: digest }
  if (!isNew || action === 'snapshot' || action === 'gap') return
  const message = `${table.name}: its transform is another one now; rows that were loaded before stay as they are until they are read again: simplyload table resync ${shellWord(table.name)}`
  emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
}

/** A table that failed in its snapshot goes on where it was. */
async function returnTo(book: TableBook, table: BookedTable): Promise<void> {
  if (table.record.state === 'failed') await book.move(table, 'retried')
}

function noticeOf(start: TableStart): string | undefined {
  return start.action === 'snapshot' || start.action === 'live' ? start.notice : undefined
}

/** What is no longer configured stops being covered: were it configured again, it must be read anew. */
async function dropUnconfigured(
  context: SourceContext,
  lease: Lease,
  records: readonly TableRecord[],
  checkpointed: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { destination, state, stage, name, tables, clock, emit } = context
  const configured = new Set(tables.map((table) => tableName(table.request.table)))
  for (const entry of records) {
    const table = tableName(entry.table)
    if (configured.has(table)) continue
    if (checkpointed.includes(table)) await destination.resetCheckpoint(lease, entry.table, signal)
    for (const file of await state.discardWaiting(entry.table)) await stage.remove(file.path)
    await state.removeTable(entry.table)
    emit({
      event: 'notice',
      source: name,
      message: `${table} is no longer configured; its final table stays as it is`,
      atMs: clock.nowMs(),
    })
  }
}

/** `--table`: the others leave the group, keep being staged, and rejoin with the next run that includes them. */
async function holdBackNarrowed(
  context: SourceContext,
  book: TableBook,
  lease: Lease,
  signal: AbortSignal,
): Promise<void> {
  const { only, destination } = context
  if (only === undefined) return
  for (const table of book.all()) {
    if (!table.inGroup || only.has(table.name)) continue
    await destination.detach(lease, table.id, signal)
    table.group = undefined
  }
}
