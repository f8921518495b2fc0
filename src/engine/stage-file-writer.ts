/**
 * Batches → Parquet files in the stage. A plain batch is a file. A transaction in progress has one open file per table
 * and schema: its row groups are written as they come, before it is known whether and where it commits, and the column
 * with their positions is added at the commit. So a large transaction is encoded once, and its memory is bounded.
 */

import { commitTimeVector } from '../columnar/commit-times.ts'
import { ParquetWriter } from '../columnar/parquet-writer.ts'
import { positionVector } from '../columnar/position-vector.ts'
import { giveMemory, releaseVectors } from '../columnar/vector-memory.ts'
import type { Batch, BatchFeatures, ChangeBatch, InProgressBatch, SnapshotBatch } from '../core/batch.ts'
import { invariant } from '../core/invariant.ts'
import { type Position, position, positionPrefix } from '../core/position.ts'
import type { StreamEvent } from '../core/source.ts'
import type { Stage, StageFile, StageWriter } from '../core/stage.ts'
import type { TableSchema } from '../core/table-schema.ts'
import type { BatchPlace } from './batch-name.ts'
import { type OrdinalLog, packOrdinals, unpackOrdinals } from './ordinal-log.ts'

type CommittedTransaction = Extract<StreamEvent, { kind: 'transaction-committed' }>

/** Writes one batch as one file. When it resolves, the file is durable. */
export async function writeBatchFile(
  stage: Stage,
  batch: SnapshotBatch | ChangeBatch,
  place: BatchPlace,
  signal: AbortSignal,
): Promise<StageFile> {
  const first = batch.kind === 'snapshot' ? batch.position : batch.firstPosition
  const last = batch.kind === 'snapshot' ? batch.position : batch.lastPosition
  const writer = await stage.create(place.path, signal)
  try {
    const parquet = stageFileParquet(stage, writer, batch, place)
    await parquet.writeRowGroup(batch.vectors)
    await parquet.finish()
    const content = await writer.commit()
    // Only now has nobody a use for their memory any more.
    releaseVectors(batch.vectors)
    return {
      ...place,
      ...content,
      rows: batch.rows,
      schema: batch.schema,
      kind: batch.kind,
      firstPosition: first,
      lastPosition: last,
      features: batch.features,
    }
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** The content of a stage file that `batch` is the first of. */
export function stageFileParquet(stage: Stage, writer: StageWriter, batch: Batch, place: BatchPlace): ParquetWriter {
  const metadata = { 'simplyload.batch_id': place.batchId, 'simplyload.schema': JSON.stringify(batch.schema) }
  return new ParquetWriter(writer, { metadata, compression: stage.compression })
}

/** Rows of a snapshot that was taken at `takenUs`, for a table whose rows carry `_committed_at`. */
export function withCommitTime(batch: SnapshotBatch, takenUs: number): SnapshotBatch {
  if (batch.rows === 0) return batch
  const vector = commitTimeVector(batch.rows, takenUs)
  return { ...batch, bytes: batch.bytes + vector.values.length, vectors: [vector, ...batch.vectors] }
}

/** The file of one table in a transaction that may still abort. Calls are queued in order. */
export class InProgressFile {
  readonly schema: TableSchema
  readonly #place: BatchPlace
  readonly #writer: StageWriter
  readonly #parquet: ParquetWriter
  readonly #groups: OrdinalLog[] = []
  readonly #hasCommitTimes: boolean
  #features: BatchFeatures | undefined
  #rows = 0

  private constructor(batch: InProgressBatch, place: BatchPlace, writer: StageWriter, parquet: ParquetWriter) {
    this.schema = batch.schema
    this.#hasCommitTimes = batch.commitTimes === true
    this.#place = place
    this.#writer = writer
    this.#parquet = parquet
  }

  static async create(
    stage: Stage,
    batch: InProgressBatch,
    place: BatchPlace,
    signal: AbortSignal,
  ): Promise<InProgressFile> {
    const writer = await stage.create(place.path, signal)
    return new InProgressFile(batch, place, writer, stageFileParquet(stage, writer, batch, place))
  }

  /** The batch's memory is given away. */
  async append(batch: InProgressBatch): Promise<void> {
    await this.#parquet.writeRowGroup(batch.vectors)
    releaseVectors(batch.vectors)
    this.#groups.push(packOrdinals(batch.ordinals))
    giveMemory(batch.ordinals.buffer)
    this.#rows += batch.rows
    this.#features = this.#features === undefined ? batch.features : addFeatures(this.#features, batch.features)
  }

  /** Undefined where every row belonged to an aborted subtransaction. */
  async commit({ generation, lsn, committedUs, aborted }: CommittedTransaction): Promise<StageFile | undefined> {
    const prefix = positionPrefix(generation, lsn)
    let first: Position | undefined
    let last: Position | undefined
    for (const [index, group] of this.#groups.entries()) {
      const ordinals = unpackOrdinals(group)
      const { vector, rows, firstOrdinal, lastOrdinal } = positionVector(prefix, ordinals, aborted)
      giveMemory(ordinals.buffer)
      await this.#parquet.appendColumn(index, vector)
      releaseVectors([vector])
      if (this.#hasCommitTimes) {
        const times = commitTimeVector(vector.rows, committedUs)
        await this.#parquet.appendColumn(index, times)
        releaseVectors([times])
      }
      if (rows === 0) continue
      first ??= position(generation, lsn, firstOrdinal)
      last = position(generation, lsn, lastOrdinal)
    }
    if (first === undefined || last === undefined) {
      await this.abort()
      return undefined
    }
    await this.#parquet.finish()
    const content = await this.#writer.commit()
    invariant(this.#features !== undefined, 'a file with rows has features')
    return {
      ...this.#place,
      ...content,
      rows: this.#rows,
      schema: this.schema,
      kind: 'changes',
      firstPosition: first,
      lastPosition: last,
      features: this.#features,
    }
  }

  abort(): Promise<void> {
    return this.#writer.abort()
  }
}

export function addFeatures(a: BatchFeatures, b: BatchFeatures): BatchFeatures {
  return {
    updates: a.updates + b.updates,
    deletes: a.deletes + b.deletes,
    truncates: a.truncates + b.truncates,
    keyChanges: a.keyChanges + b.keyChanges,
    partialRows: a.partialRows + b.partialRows,
    quarantinedRows: a.quarantinedRows + b.quarantinedRows,
  }
}
