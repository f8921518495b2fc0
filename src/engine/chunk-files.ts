/**
 * The stage files of one chunk of a snapshot, mostly one. Batches become row groups as they come, so that files are as
 * large as a destination likes them while memory is that of a batch.
 */
import type { ParquetWriter } from '../columnar/parquet-writer.ts'
import { releaseVectors } from '../columnar/vector-memory.ts'
import type { BatchFeatures, SnapshotBatch } from '../core/batch.ts'
import type { Stage, StageFile, StageWriter } from '../core/stage.ts'
import type { BatchPlace } from './batch-name.ts'
import { addFeatures, stageFileParquet } from './stage-file-writer.ts'

/** A chunk may be many times as large as others where values lie outside the table's blocks. */
const FILE_BYTES_MAX = 200 * 1024 * 1024

interface OpenFile {
  readonly place: BatchPlace
  readonly writer: StageWriter
  readonly parquet: ParquetWriter
  readonly first: SnapshotBatch
  features: BatchFeatures
  rows: number
}

/** Calls must not overlap. After one that failed, `discard` is the only one left. */
export class ChunkFiles {
  readonly #stage: Stage
  readonly #place: () => BatchPlace
  readonly #signal: AbortSignal
  readonly #durable: StageFile[] = []
  #open: OpenFile | undefined

  /** `place` is asked once for each file. */
  constructor(stage: Stage, place: () => BatchPlace, signal: AbortSignal) {
    this.#stage = stage
    this.#place = place
    this.#signal = signal
  }

  /** The batch's memory is given away. */
  async write(batch: SnapshotBatch): Promise<void> {
    if (this.#open !== undefined && this.#open.parquet.bytes >= FILE_BYTES_MAX) await this.#close()
    this.#open ??= await this.#create(batch)
    const open = this.#open
    await open.parquet.writeRowGroup(batch.vectors)
    releaseVectors(batch.vectors)
    open.features = open.rows === 0 ? batch.features : addFeatures(open.features, batch.features)
    open.rows += batch.rows
  }

  /** When it resolves, all rows are durable. */
  async finish(): Promise<readonly StageFile[]> {
    await this.#close()
    return this.#durable
  }

  async discard(): Promise<void> {
    await this.#open?.writer.abort()
    for (const file of this.#durable) await this.#stage.remove(file.path)
  }

  async #create(first: SnapshotBatch): Promise<OpenFile> {
    const place = this.#place()
    const writer = await this.#stage.create(place.path, this.#signal)
    const parquet = stageFileParquet(this.#stage, writer, first, place)
    return { place, writer, parquet, first, features: first.features, rows: 0 }
  }

  async #close(): Promise<void> {
    if (this.#open === undefined) return
    const { place, writer, parquet, first, features, rows } = this.#open
    await parquet.finish()
    const content = await writer.commit()
    const { schema, position } = first
    const range = { firstPosition: position, lastPosition: position }
    this.#durable.push({ ...place, ...content, rows, schema, kind: 'snapshot', ...range, features })
    this.#open = undefined
  }
}
