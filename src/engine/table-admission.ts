/**
 * Tables that come, go and are read again while a run goes on. The stream is told of a table before its snapshot gets a
 * position, so that every change after it is staged.
 */
import type { Lease } from '../core/destination.ts'
import { describeError, isPipelineError, PipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import { shellWord } from '../core/shell-word.ts'
import { type TableId, type TableSchema, tableName } from '../core/table-schema.ts'
import type { ConfiguredTable, Reconfiguration, SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import type { StreamFollower } from './stream-follower.ts'
import { BookedTable, newRecord, type TableBook } from './table-book.ts'
import { resetTable } from './table-reset.ts'
import type { Turn } from './turn.ts'

export interface AdmissionPorts {
  readonly book: TableBook
  readonly lease: Lease
  readonly destinationGuard: Guard
  readonly destinationTurn: Turn
  readonly stop: StopSignals
  readonly follower: StreamFollower
  /** Tables must be read. */
  readonly unread: () => void
}

export class TableAdmission {
  readonly #context: SourceContext
  readonly #ports: AdmissionPorts

  constructor(context: SourceContext, ports: AdmissionPorts) {
    this.#context = context
    this.#ports = ports
  }

  /** Throws what `describe` and `publish` of the source throw; then nothing was changed. */
  async readAgain(table: BookedTable, reason: string): Promise<void> {
    const schema = await this.#prepare(table.configured)
    // What waits in the stream is of the form before.
    const version = Math.max(schema.version, table.schema.version + 1)
    await resetTable(this.#context, this.#ports, table, { schema: { ...schema, version } }, reason)
    this.#follow(table)
  }

  /** A table that is new in the configuration. Throws as `readAgain` does. */
  async admit(configured: ConfiguredTable): Promise<void> {
    const { clock, destination, emit, name } = this.#context
    const { book, lease, destinationGuard, destinationTurn, stop } = this.#ports
    const schema = await this.#prepare(configured)
    const table = new BookedTable(configured, newRecord(schema, clock.nowMs()))
    await destinationTurn.run(async () => {
      await book.save(table, {})
      // Of a time when it was followed, if ever: it is read anew.
      const { id } = table
      await destinationGuard.run(() => destination.resetCheckpoint(lease, id, stop.immediate), stop.immediate)
      book.add(table)
    })
    emit({ event: 'state', source: name, table: table.name, state: 'pending', reason: 'added', atMs: clock.nowMs() })
    this.#follow(table)
  }

  /** Makes the book what the configuration is now. What is known of a table is left as it is. */
  async reconcile(tables: readonly ConfiguredTable[]): Promise<Reconfiguration> {
    const { book, stop } = this.#ports
    const isWanted = (table: BookedTable) => tables.some(({ request }) => tableName(request.table) === table.name)
    const removed = book.all().filter((table) => !isWanted(table))
    for (const table of removed) await this.dismiss(table)
    const added: string[] = []
    const problems: string[] = []
    for (const configured of tables) {
      const name = tableName(configured.request.table)
      const known = book.find(configured.request.table)
      if (known !== undefined) {
        known.configured = configured
        continue
      }
      try {
        await this.admit(configured)
        added.push(name)
      } catch (error) {
        if (!isPipelineError(error) || stop.immediate.aborted) throw error
        problems.push(`${name}: ${describeError(error)}${error.hint === undefined ? '' : `. ${error.hint}`}`)
      }
    }
    return { added, removed: removed.map((table) => table.name), problems }
  }

  /** It is no longer configured. Its final table stays as it is. */
  async dismiss(table: BookedTable): Promise<void> {
    const { clock, destination, emit, name, state } = this.#context
    const { book, lease, destinationGuard, destinationTurn, stop, follower } = this.#ports
    await destinationTurn.run(async () => {
      book.remove(table)
      const { id } = table
      await destinationGuard.run(() => destination.resetCheckpoint(lease, id, stop.immediate), stop.immediate)
      table.group = undefined
      await book.discardWaiting(table)
      await state.removeTable(id)
    })
    follower.reconnect()
    const message = `${table.name} is no longer configured; its final table stays as it is`
    emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
  }

  #follow(table: BookedTable): void {
    const { follower, unread } = this.#ports
    follower.follow(table)
    // Its publication is one that the stream may not read yet.
    if (table.schema.identity.kind === 'append') follower.reconnect()
    unread()
  }

  /** Its schema as of now, and its changes published. */
  async #prepare(configured: ConfiguredTable): Promise<TableSchema> {
    const { source } = this.#context
    const { book, stop } = this.#ports
    const { request } = configured
    const [schema] = await source.describe([request], stop.immediate)
    invariant(schema !== undefined, 'describe answers for each table')
    const others = book.all().map((table) => table.configured.request)
    const isNew = book.find(request.table) === undefined
    await source.publish(isNew ? [...others, request] : others, stop.immediate, (lacking) =>
      this.#loseOthers(lacking, request.table),
    )
    return schema
  }

  /** Of other tables changes turn out not to have been published for a time. */
  async #loseOthers(lacking: readonly TableId[], own: TableId): Promise<void> {
    const { book, follower } = this.#ports
    for (const id of lacking) {
      const table = book.find(id)
      if (table === undefined || table === book.find(own)) continue
      if (table.record.state === 'pending' || table.record.state === 'needs_resync') continue
      const error = new PipelineError('source_gap', `Continuing ${table.name}`, {
        cause: new Error('the source did not publish all of its changes for a time'),
        hint: `Read it again: simplyload table resync ${shellWord(table.name)}`,
        context: { table: table.name },
      })
      await follower.failTable(table, error, true)
    }
  }
}
