/**
 * Holds a table's keys at the source against those at the destination, in the midst of a stream. What the source has
 * yielded so far is merged first, so that whatever differs then is a row that the stream has not told of.
 */
import type { SnapshotBatch } from '../core/batch.ts'
import type { KeyDifference } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import type { TableState } from '../core/state.ts'
import type { TableSchema } from '../core/table-schema.ts'
import { placeBatch } from './batch-name.ts'
import type { SourceContext, StopSignals } from './context.ts'
import { writeBatchFile } from './stage-file-writer.ts'
import type { BookedTable, TableBook } from './table-book.ts'
import type { Turn } from './turn.ts'

export interface KeyComparerPorts {
  readonly book: TableBook
  readonly destinationTurn: Turn
  readonly stop: StopSignals
  /** Merges everything that is recorded of the table, and of those that go with it. */
  readonly merge: (table: BookedTable) => Promise<void>
}

export class KeyComparer {
  readonly #context: SourceContext
  readonly #ports: KeyComparerPorts

  constructor(context: SourceContext, ports: KeyComparerPorts) {
    this.#context = context
    this.#ports = ports
  }

  /** `recorded`: resolves when every boundary so far is in the ledger. See `StreamRequest.compareKeys`. */
  compare(
    schema: TableSchema,
    keys: AsyncIterable<SnapshotBatch>,
    recorded: () => Promise<void>,
  ): AsyncIterable<KeyDifference> | undefined {
    const table = this.#ports.book.find(schema.table)
    // One that catches up is live once it is merged.
    return table !== undefined && (this.#isComparable(table, 'live') || this.#isComparable(table, 'catching_up'))
      ? this.#differences(table, schema, keys, recorded)
      : undefined
  }

  #isComparable(table: BookedTable, state: TableState): boolean {
    const { only, keyComparison } = this.#context
    const isMerged = table.record.state === state && (only === undefined || only.has(table.name))
    return keyComparison !== undefined && isMerged
  }

  async *#differences(
    table: BookedTable,
    schema: TableSchema,
    keys: AsyncIterable<SnapshotBatch>,
    recorded: () => Promise<void>,
  ): AsyncGenerator<KeyDifference, void, undefined> {
    const { stage, settings, clock, keyComparison } = this.#context
    const { stop, merge } = this.#ports
    const files: StageFile[] = []
    try {
      for await (const batch of keys) {
        const place = placeBatch(settings.customer, table.id, `keys-${crypto.randomUUID()}`, clock.nowMs())
        files.push(await writeBatchFile(stage, batch, place, stop.immediate))
      }
      await recorded()
      await merge(table)
      // What it was merged with may have failed, or waits outside the group: its rows are then not what was yielded.
      if (keyComparison === undefined || !this.#isComparable(table, 'live') || !table.inGroup) return
      const release = await this.#takeTurn()
      try {
        yield* keyComparison.compareKeys({ target: table.configured.target, schema, files }, stop.immediate)
        yield { extra: [], missing: [] }
      } finally {
        await this.#context.destination.release()
        release()
      }
    } finally {
      for (const file of files) await stage.remove(file.path)
    }
  }

  /** The destination is ours until the returned function is called. */
  async #takeTurn(): Promise<() => void> {
    const begun = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    void this.#ports.destinationTurn.run(() => {
      begun.resolve()
      return ended.promise
    })
    await begun.promise
    return ended.resolve
  }
}
