/**
 * Reads the chunks of one snapshot session, several at a time, into stage files. A chunk counts when all its files are
 * durable and recorded together with it; of one that failed nothing stays.
 */
import { invariant } from '../core/invariant.ts'
import type { SnapshotChunk, SnapshotSession } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import type { ChunkRecord } from '../core/state.ts'
import { placeBatch, snapshotBatchId } from './batch-name.ts'
import type { SourceContext } from './context.ts'
import type { SnapshotPorts } from './snapshot-ports.ts'
import { withCommitTime, writeBatchFile } from './stage-file-writer.ts'
import type { TableReading } from './table-reading.ts'

export interface ChunkJob {
  readonly reading: TableReading
  readonly chunk: ChunkRecord
}

export interface ChunkHooks {
  /** False: nobody wants the rest of it any more. */
  readonly isWanted: (reading: TableReading) => boolean
  readonly tell: (reading: TableReading) => void
  /** A chunk is recorded. */
  readonly finished: (reading: TableReading, files: readonly StageFile[]) => Promise<void>
  /** Stops what concerns one table; throws what concerns all. */
  readonly failed: (reading: TableReading, error: unknown) => Promise<void>
}

/** All rows of a chunk are received; the files of the last ones may still be on their way to the disk. */
interface ReadChunk extends ChunkJob {
  readonly files: Promise<StageFile>[]
  rows: number
}

/** What a worker is writing. */
interface Lane {
  /** Never rejects: a failure belongs to the chunk. */
  writing: Promise<void> | undefined
}

export class ChunkReader {
  readonly #context: SourceContext
  readonly #ports: Pick<SnapshotPorts, 'lease' | 'attempts' | 'stop'>
  readonly #session: SnapshotSession
  /** Tells readings of the same chunk apart. */
  readonly #attempt: number
  /** Stops the workers when one of them, or whoever shares it, fails. */
  readonly #broken: AbortController
  readonly #hooks: ChunkHooks
  #parts = 0

  constructor(
    context: SourceContext,
    ports: Pick<SnapshotPorts, 'lease' | 'attempts' | 'stop'>,
    session: SnapshotSession,
    attempt: number,
    broken: AbortController,
    hooks: ChunkHooks,
  ) {
    this.#context = context
    this.#ports = ports
    this.#session = session
    this.#attempt = attempt
    this.#broken = broken
    this.#hooks = hooks
  }

  /** Resolves when all are read, `broken` is aborted, or a stop is asked for. */
  async read(jobs: readonly ChunkJob[], connections: number): Promise<void> {
    const signal = AbortSignal.any([this.#ports.stop.immediate, this.#broken.signal])
    let next = 0
    const worker = async () => {
      const lane: Lane = { writing: undefined }
      // A chunk is finished while the next one is read, so that the source does not wait for the stage's disk.
      let finishing: Promise<void> | undefined
      try {
        while (next < jobs.length && !this.#ports.stop.graceful.aborted && !signal.aborted) {
          const job = jobs[next++]
          invariant(job !== undefined, 'the queue holds what its length says')
          if (!this.#hooks.isWanted(job.reading)) continue
          const read = await this.#readChunk(job, lane, signal)
          await finishing
          finishing = read === undefined ? undefined : this.#finishChunk(read, signal)
          finishing?.catch(() => undefined) // until it is awaited, here or below
        }
      } finally {
        await finishing
      }
    }
    const workers = Array.from({ length: Math.min(connections, jobs.length) }, () =>
      worker().catch((error: unknown) => this.#broken.abort(error)),
    )
    await Promise.all(workers)
  }

  /** Undefined where it failed and the table was stopped; what concerns all tables is thrown. */
  async #readChunk({ reading, chunk }: ChunkJob, lane: Lane, signal: AbortSignal): Promise<ReadChunk | undefined> {
    const { stage, settings, clock } = this.#context
    const { table } = reading
    const read: ReadChunk = { reading, chunk, files: [], rows: 0 }
    try {
      for await (const batch of this.#session.readChunk(table.schema, chunk, signal)) {
        // One batch is encoded while the next is received, also across chunks; more would only be memory.
        await lane.writing
        await read.files.at(-1)
        const place = placeBatch(settings.customer, table.id, this.#batchId(chunk), clock.nowMs())
        const isDated = table.configured.request.commitTimes === true
        const dated = isDated ? withCommitTime(batch, this.#session.takenUs) : batch
        const file = writeBatchFile(stage, dated, place, signal)
        lane.writing = file.then(noted, noted)
        read.files.push(file)
        read.rows += batch.rows
        reading.rows += batch.rows
        reading.bytes += batch.bytes
        this.#hooks.tell(reading)
      }
      return read
    } catch (error) {
      await this.#discard(read, error, signal)
      return undefined
    }
  }

  async #finishChunk(read: ReadChunk, signal: AbortSignal): Promise<void> {
    const { state } = this.#context
    const { reading, chunk, rows } = read
    try {
      const written = await Promise.all(read.files)
      const batchIds = written.map((file) => file.batchId)
      await state.finishChunk({ ...chunk, finishedAt: this.#session.position, rows, batchIds }, written)
      this.#ports.attempts.progressed()
      reading.missing--
      this.#hooks.tell(reading)
      await this.#hooks.finished(reading, written)
    } catch (error) {
      await this.#discard(read, error, signal)
    }
  }

  async #discard({ reading, files, rows }: ReadChunk, error: unknown, signal: AbortSignal): Promise<void> {
    const { stage } = this.#context
    reading.rows -= rows
    const written = await Promise.allSettled(files)
    for (const file of written) if (file.status === 'fulfilled') await stage.remove(file.value.path)
    if (signal.aborted) throw error
    await this.#hooks.failed(reading, error)
  }

  #batchId(chunk: SnapshotChunk): string {
    return snapshotBatchId(this.#ports.lease, this.#session.position, chunk.index, this.#attempt, this.#parts++)
  }
}

function noted(): void {
  // Whoever finishes the chunk hears how it ended.
}
