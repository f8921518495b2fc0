/** The snapshot of file sets: no rows, from which the stream goes on with the files. */
import type { SnapshotBatch } from '../../core/batch.ts'
import { boundary, type Position } from '../../core/position.ts'
import type { SnapshotPlan, SnapshotRequest, SnapshotSession } from '../../core/source.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import { emptyToken, tokenText } from '../../file-sets/file-token.ts'
import { FileClock } from './file-clock.ts'
import type { Beginnings } from './file-stream.ts'

export class EmptySnapshot implements SnapshotSession {
  readonly position: Position
  readonly takenUs: number
  readonly streamThrough: Position
  readonly #beginnings: Beginnings
  #disposed = false

  constructor(request: SnapshotRequest, clock: FileClock, beginnings: Beginnings) {
    const start = FileClock.endOfRound(clock.next)
    clock.raise(start)
    this.position = boundary(request.generation, start)
    this.streamThrough = boundary(request.generation, FileClock.endOfRound(start))
    this.takenUs = Date.now() * 1000
    this.#beginnings = beginnings
    beginnings.begin()
  }

  async plan(schema: TableSchema): Promise<SnapshotPlan> {
    const lastColumnId = Math.max(0, ...schema.columns.map(({ id }) => id))
    return { chunks: [], fingerprint: 'empty', resumable: false, token: tokenText(emptyToken(lastColumnId)) }
  }

  async *readChunk(): AsyncGenerator<SnapshotBatch> {}

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#beginnings.end()
  }
}
