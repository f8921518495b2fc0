/**
 * Reads tables for the first time, chunk by chunk, into shadow tables.
 *
 * One session gives one exact pair of snapshot and position for all tables that need reading. Workers take chunks in
 * order; a chunk counts when all its files are durable and recorded, and is then loaded. If the session is lost, a new
 * one reads only what is missing: rows carry the position of their own session, so changes between the two sessions are
 * applied to the rows that need them and to no others. Tables whose chunks cannot combine are read again whole.
 */
import { isDeepStrictEqual } from 'node:util'
import { isPipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import type { SnapshotPlan, SnapshotSession } from '../core/source.ts'
import type { ChunkRecord } from '../core/state.ts'
import type { TableSchema } from '../core/table-schema.ts'
import { combines, forgetReading, planAfresh } from './chunk-plan.ts'
import { type ChunkJob, ChunkReader, snapshotLimits } from './chunk-reader.ts'
import type { SourceContext } from './context.ts'
import { failReading, ShadowLoader } from './shadow-loader.ts'
import type { SnapshotPorts } from './snapshot-ports.ts'
import { sameShape } from './start-plan.ts'
import type { BookedTable } from './table-book.ts'
import { beginReading, type TableReading, tellReading } from './table-reading.ts'

/** A table is recognised by something else than at the start of the run: the run of the source begins anew. */
export class SchemaMoved extends Error {
  override readonly name = 'SchemaMoved'
}

/** Resolves when every given table has been read or has failed, or a stop was asked for. */
export async function runSnapshots(
  context: SourceContext,
  ports: SnapshotPorts,
  tables: readonly BookedTable[],
  connections: number,
): Promise<void> {
  while (!ports.stop.graceful.aborted) {
    const left = tables.filter((table) => isUnread(table))
    if (left.length === 0) return
    try {
      await readTables(context, ports, left, connections)
    } catch (error) {
      ports.stop.immediate.throwIfAborted()
      const table = onlyConcerned(error, ports.book.all())
      if (table === undefined) await ports.attempts.failed(error, ports.stop.graceful)
      else await ports.book.fail(table, error, false)
    }
  }
}

/** The one unread table that is in the way of others that could go on. Undefined: it concerns all, or none of them can. */
function onlyConcerned(error: unknown, all: readonly BookedTable[]): BookedTable | undefined {
  if (!isPipelineError(error, 'source_permission') && !isPipelineError(error, 'source_table_missing')) return undefined
  const table = all.find(({ name }) => name === error.context.table)
  const others = all.filter((other) => other !== table && !['failed', 'needs_resync'].includes(other.record.state))
  return table !== undefined && isUnread(table) && others.length > 0 ? table : undefined
}

export function isUnread(table: BookedTable): boolean {
  return table.record.state === 'pending' || table.record.state === 'snapshotting'
}

async function readTables(
  context: SourceContext,
  ports: SnapshotPorts,
  tables: readonly BookedTable[],
  connections: number,
): Promise<void> {
  const { source, settings } = context
  await using session = await source.openSnapshot(
    {
      ...snapshotLimits(settings),
      connections,
      generation: ports.generation,
      schemas: tables.map((table) => table.schema),
    },
    ports.stop.immediate,
  )
  ports.reached(session.streamThrough ?? session.position)
  const forms = await presentForms(context, ports, tables)
  await new SnapshotRun(context, ports, session, forms).read(tables, connections)
}

/** A table as it is under the session's locks, where its schema cannot change any more. */
interface PresentForm {
  /** With what the table is stored as now. */
  readonly schema: TableSchema
  /** What was read of it before does not fit. */
  readonly moved: boolean
}

/**
 * Columns may have changed since the table was described, or since the stream told that it must be read again. The table
 * is then read as it is now, and followed in that form from its snapshot on.
 */
async function presentForms(
  context: SourceContext,
  ports: SnapshotPorts,
  tables: readonly BookedTable[],
): Promise<ReadonlyMap<BookedTable, PresentForm>> {
  const requests = tables.map((table) => table.configured.request)
  const now = await context.source.describe(requests, ports.stop.immediate)
  const forms = new Map<BookedTable, PresentForm>()
  for (const [index, table] of tables.entries()) {
    const schema = now[index]
    invariant(schema !== undefined, 'describe answers for each table')
    if (!isDeepStrictEqual(schema.identity, table.schema.identity)) throw new SchemaMoved(table.name)
    const moved = !sameShape(schema, table.schema)
    const { version } = table.schema
    const present = { ...schema, version: moved ? version + 1 : version }
    if (moved) await ports.book.save(table, { schema: present })
    forms.set(table, { schema: present, moved })
  }
  return forms
}

class SnapshotRun {
  readonly #context: SourceContext
  readonly #ports: SnapshotPorts
  readonly #session: SnapshotSession
  readonly #forms: ReadonlyMap<BookedTable, PresentForm>
  readonly #readings = new Map<BookedTable, TableReading>()
  /** Stops the workers when one of them or the loader fails. */
  readonly #failed = new AbortController()
  readonly #loader: ShadowLoader

  constructor(
    context: SourceContext,
    ports: SnapshotPorts,
    session: SnapshotSession,
    forms: ReadonlyMap<BookedTable, PresentForm>,
  ) {
    this.#context = context
    this.#ports = ports
    this.#session = session
    this.#forms = forms
    this.#loader = new ShadowLoader(context, ports, session.position, this.#readings, this.#failed)
  }

  async read(tables: readonly BookedTable[], connections: number): Promise<void> {
    const { stop } = this.#ports
    try {
      for (const table of tables) await this.#begin(table)
      this.#ports.rested()
      const jobs = [...this.#readings.values()].flatMap((reading) =>
        reading.plan.filter((chunk) => chunk.finishedAt === undefined).map((chunk): ChunkJob => ({ reading, chunk })),
      )
      await this.#reader().read(jobs, connections)
      // What a stop leaves is recorded, and loaded by the next run.
      if (!stop.graceful.aborted && !this.#failed.signal.aborted) await this.#loader.finish()
    } finally {
      await this.#loader.drain()
      this.#ports.rested()
    }
    stop.immediate.throwIfAborted()
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason
  }

  /** Decides which chunks are missing, makes the shadow table, and hands in what is staged but not loaded. */
  async #begin(table: BookedTable): Promise<void> {
    const { state, name } = this.#context
    const { book, stop } = this.#ports
    try {
      const plan = await this.#session.plan(table.schema, stop.immediate)
      const { chunks, isContinued } = await this.#chunksToRead(table, plan)
      await state.savePlan(table.id, chunks)
      const schema = this.#forms.get(table)?.schema ?? table.schema
      const from = { snapshotPosition: this.#session.position, schema }
      // First, since with the new position alone nobody would know where the stream goes on.
      if (!isContinued && plan.token !== undefined) await book.remember(table, plan.token, this.#session.position)
      if (table.record.state === 'pending') await book.move(table, 'snapshot_started', from)
      else if (!isContinued) await book.move(table, 'snapshot_restarted', from, 'read again whole')
      if (!isContinued) this.#ports.follow(table)
      const reading = beginReading(table, chunks)
      this.#readings.set(table, reading)
      const staged = await state.waiting(name, table.id)
      this.#loader.add(
        reading,
        staged.filter((file) => file.kind === 'snapshot'),
      )
      tellReading(this.#context, reading)
      await this.#loader.completeWhenDone(reading)
    } catch (error) {
      await failReading(this.#ports, table, error)
    }
  }

  /** Makes the shadow table. Chunks that were finished count where their rows are in it, or wait to be loaded. */
  async #chunksToRead(
    table: BookedTable,
    plan: SnapshotPlan,
  ): Promise<{ readonly chunks: readonly ChunkRecord[]; readonly isContinued: boolean }> {
    const { state, name } = this.#context
    const before = await state.chunks(table.id)
    const goesOn = plan.token === undefined || table.token !== undefined
    // In a table of changes each row is what was read at one time, so a part of another time does not fit to it.
    const goesTogether = table.configured.target.write !== 'append' && combines(plan, before)
    const isSame = this.#forms.get(table)?.moved !== true
    if (table.record.state === 'snapshotting' && goesOn && goesTogether && isSame) {
      const held = new Set(await this.#beginShadow(table, true))
      for (const file of await state.waiting(name, table.id)) held.add(file.batchId)
      if (before.every((chunk) => chunk.batchIds.every((id) => held.has(id))))
        return { chunks: before, isContinued: true }
    }
    await forgetReading(this.#context, table)
    await this.#beginShadow(table, false)
    return { chunks: planAfresh(plan.chunks, table, plan.fingerprint), isContinued: false }
  }

  #beginShadow(table: BookedTable, keep: boolean): Promise<readonly string[]> {
    const { destination } = this.#context
    const { lease, stop, destinationGuard, destinationTurn } = this.#ports
    const { target } = table.configured
    const begin = () => destination.beginSnapshot(lease, target, table.schema, keep, stop.immediate)
    return destinationGuard.run(() => destinationTurn.run(begin), stop.immediate)
  }

  #reader(): ChunkReader {
    return new ChunkReader(this.#context, this.#ports, this.#session, this.#failed, {
      isWanted: ({ table }) => table.record.state === 'snapshotting',
      tell: (reading) => tellReading(this.#context, reading),
      finished: async (reading, files) => {
        this.#loader.add(reading, files)
        await this.#loader.completeWhenDone(reading)
      },
      failed: ({ table }, error) => failReading(this.#ports, table, error),
    })
  }
}
