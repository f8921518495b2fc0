/** Flushes; where partial changes find no row, reads those rows at the source and flushes again. */
import type { Flush, FlushResult, Lease, MissingBaseRows } from '../core/destination.ts'
import { isPipelineError } from '../core/errors.ts'
import { invariant } from '../core/invariant.ts'
import { parsePosition } from '../core/position.ts'
import type { StageFile } from '../core/stage.ts'
import { tableName } from '../core/table-schema.ts'
import { completionBatchId, placeBatch } from './batch-name.ts'
import type { SourceContext, StopSignals } from './context.ts'
import type { Guard } from './guard.ts'
import { writeBatchFile } from './stage-file-writer.ts'
import type { TableBook } from './table-book.ts'

export interface CompletionPorts {
  readonly book: TableBook
  readonly lease: Lease
  readonly sourceGuard: Guard
  readonly destinationGuard: Guard
  readonly stop: StopSignals
}

/** What a transform needs is asked for before the destination is, and each may ask for rows of other tables. */
const COMPLETIONS_MAX = 4

export type Committed = Extract<FlushResult, { outcome: 'committed' }>

export class RowCompletion {
  readonly #context: SourceContext
  readonly #ports: CompletionPorts
  #completions = 0

  constructor(context: SourceContext, ports: CompletionPorts) {
    this.#context = context
    this.#ports = ports
  }

  async flush(flush: Flush): Promise<Committed> {
    const { destination, clock } = this.#context
    const { destinationGuard, stop } = this.#ports
    let tables = flush.tables
    let attemptedMs = 0
    let lockedSinceMs: number | undefined
    const completed: StageFile[] = []
    let rounds = 0
    try {
      for (;;) {
        const now: Flush = { ...flush, tables, stopping: stop.graceful }
        const result = await destinationGuard.run(async () => {
          attemptedMs = clock.elapsedMs()
          return await destination.flush(now, stop.immediate).catch((error: unknown) => {
            if (isPipelineError(error, 'destination_locked')) lockedSinceMs ??= attemptedMs
            throw error
          })
        }, stop)
        if (result.outcome === 'committed') {
          const earlierMs = lockedSinceMs === undefined ? 0 : attemptedMs - lockedSinceMs
          return { ...result, waitedForLockMs: Math.round(result.waitedForLockMs + earlierMs) }
        }
        rounds++
        const answers = new Map<string, readonly StageFile[]>()
        for (const missing of result.missing) {
          const part = tables.find((table) => tableName(table.target.table) === tableName(missing.table))
          invariant(part !== undefined && rounds < COMPLETIONS_MAX, 'a table is completed in a few rounds')
          const files = await this.#readMissing(missing)
          completed.push(...files)
          answers.set(tableName(missing.table), files)
        }
        tables = tables.map((table) => {
          const files = answers.get(tableName(table.target.table))
          return files === undefined ? table : { ...table, completion: { files } }
        })
      }
    } finally {
      for (const file of completed) await this.#context.stage.remove(file.path)
    }
  }

  /** No file where all of the rows are gone. */
  async #readMissing(missing: MissingBaseRows): Promise<readonly StageFile[]> {
    const { source, stage, settings, clock, log, name } = this.#context
    const { book, lease, sourceGuard, stop } = this.#ports
    const table = book.get(missing.table)
    invariant(table.checkpoint !== undefined, 'a table that merges has a checkpoint')
    const at = table.checkpoint
    const generation = parsePosition(at)?.generation
    invariant(generation !== undefined, 'a checkpoint is a position')
    log.info(
      { source: name, table: table.name, keys: missing.keys.length },
      'reading rows again whose unchanged values are nowhere else',
    )
    const batch = await sourceGuard.run(
      () => source.readRows(table.schema, missing.keys, generation, stop.immediate),
      stop.immediate,
    )
    if (batch.rows === 0) return []
    const batchId = completionBatchId(lease, at, this.#completions++)
    const place = placeBatch(settings.customer, table.id, batchId, clock.nowMs())
    return [await writeBatchFile(stage, batch, place, stop.immediate)]
  }
}
