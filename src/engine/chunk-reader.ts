/**
 * Reads the chunks of one snapshot session, several at a time, into stage files. A chunk counts when all its files are
 * durable and recorded together with it; of one that failed nothing stays.
 */
import { invariant } from '../core/invariant.ts'
import type { SnapshotChunk, SnapshotSession } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import type { ChunkRecord } from '../core/state.ts'
import { placeBatch, snapshotBatchId } from './batch-name.ts'
import { ChunkFiles } from './chunk-files.ts'
import type { EngineSettings, SourceContext } from './context.ts'
import type { SnapshotPorts } from './snapshot-ports.ts'
import { withCommitTime } from './stage-file-writer.ts'
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

/**
 * Of a row group, however small batches of changes are: whoever reads the file pays for each. Three are in hand per connection
 * (received, waiting, being encoded), and memory is made of them: with twice as many rows 70 MiB more over two connections, which
 * have to be got from the system, and text that is cut into pages.
 */
const GROUP_ROWS_MAX = 25_000
const GROUP_BYTES_MAX = 16 * 1024 * 1024

/** What a snapshot session is opened with. */
export function snapshotLimits({ snapshotConnections, batchBytesMax, chunkBytesMax }: EngineSettings) {
  return {
    connections: snapshotConnections,
    chunkBytesMax,
    batchRowsMax: GROUP_ROWS_MAX,
    batchBytesMax: Math.min(batchBytesMax, GROUP_BYTES_MAX),
  }
}

interface ReadChunk extends ChunkJob {
  readonly files: ChunkFiles
  /** Of the latest batch. Never rejects: see `failure`. */
  writing: Promise<void>
  failure: { readonly error: unknown } | undefined
  rows: number
}

export class ChunkReader {
  readonly #context: SourceContext
  readonly #ports: Pick<SnapshotPorts, 'lease' | 'nextReading' | 'attempts' | 'stop'>
  readonly #session: SnapshotSession
  readonly #reading: number
  /** Stops the workers when one of them, or whoever shares it, fails. */
  readonly #broken: AbortController
  readonly #hooks: ChunkHooks
  #parts = 0

  constructor(
    context: SourceContext,
    ports: Pick<SnapshotPorts, 'lease' | 'nextReading' | 'attempts' | 'stop'>,
    session: SnapshotSession,
    broken: AbortController,
    hooks: ChunkHooks,
  ) {
    this.#context = context
    this.#ports = ports
    this.#session = session
    this.#reading = ports.nextReading()
    this.#broken = broken
    this.#hooks = hooks
  }

  /** Resolves when all are read, `broken` is aborted, or a stop is asked for. */
  async read(jobs: readonly ChunkJob[], connections: number): Promise<void> {
    const signal = AbortSignal.any([this.#ports.stop.immediate, this.#broken.signal])
    let next = 0
    const worker = async () => {
      let before: ReadChunk | undefined
      // A chunk is finished while the next one is read, so that the source does not wait for the stage's disk.
      let finishing: Promise<void> | undefined
      try {
        while (next < jobs.length && !this.#ports.stop.graceful.aborted && !signal.aborted) {
          const job = jobs[next++]
          invariant(job !== undefined, 'the queue holds what its length says')
          if (!this.#hooks.isWanted(job.reading)) continue
          const read = await this.#readChunk(job, before, signal)
          before = read
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
  async #readChunk(
    { reading, chunk }: ChunkJob,
    before: ReadChunk | undefined,
    signal: AbortSignal,
  ): Promise<ReadChunk | undefined> {
    const { stage, settings, clock } = this.#context
    const { table } = reading
    const place = () => placeBatch(settings.customer, table.id, this.#batchId(chunk), clock.nowMs())
    const files = new ChunkFiles(stage, place, signal)
    const read: ReadChunk = { reading, chunk, files, writing: Promise.resolve(), failure: undefined, rows: 0 }
    const isDated = table.configured.request.commitTimes === true
    try {
      for await (const batch of this.#session.readChunk(table.schema, chunk, signal)) {
        // One batch is encoded while the next is received, also across chunks; more would only be memory.
        await before?.writing
        await written(read)
        read.writing = files
          .write(isDated ? withCommitTime(batch, this.#session.takenUs) : batch)
          .catch((error: unknown) => {
            read.failure = { error }
          })
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
    let files: readonly StageFile[]
    try {
      await written(read)
      files = await read.files.finish()
      // Asked for at the very moment: a plan that has taken the place of this one must not have a chunk of it.
      if (!this.#hooks.isWanted(reading)) return await this.#drop(read)
      const batchIds = files.map((file) => file.batchId)
      await state.finishChunk({ ...chunk, finishedAt: this.#session.position, rows, batchIds }, files)
    } catch (error) {
      return await this.#discard(read, error, signal)
    }
    this.#ports.attempts.progressed()
    reading.missing--
    this.#hooks.tell(reading)
    try {
      await this.#hooks.finished(reading, files)
    } catch (error) {
      // The files are recorded: they stay.
      if (signal.aborted) throw error
      await this.#hooks.failed(reading, error)
    }
  }

  async #drop(read: ReadChunk): Promise<void> {
    read.reading.rows -= read.rows
    await read.writing
    await read.files.discard()
  }

  async #discard(read: ReadChunk, error: unknown, signal: AbortSignal): Promise<void> {
    await this.#drop(read)
    if (signal.aborted) throw error
    await this.#hooks.failed(read.reading, error)
  }

  #batchId(chunk: SnapshotChunk): string {
    return snapshotBatchId(this.#ports.lease, this.#session.position, chunk.index, this.#reading, this.#parts++)
  }
}

/** All batches of the chunk so far are in its files. */
async function written(read: ReadChunk): Promise<void> {
  await read.writing
  if (read.failure !== undefined) throw read.failure.error
}
