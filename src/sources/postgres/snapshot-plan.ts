/**
 * How a table is cut into chunks: ranges of blocks, per relation with storage.
 *
 * A snapshot never sees rows in blocks that are added after it, so the blocks of now are enough; the last range of a
 * relation is open all the same, because a plan may be used again with a later snapshot.
 */
import { createHash } from 'node:crypto'
import { PipelineError } from '../../core/errors.ts'
import type { SnapshotChunk, SnapshotPlan } from '../../core/source.ts'
import { type TableSchema, tableName } from '../../core/table-schema.ts'
import type { CatalogTable } from './catalog.ts'

export interface LeafSize {
  readonly oid: number
  /** Of the main fork. */
  readonly heapBytes: number
  /** With TOAST. */
  readonly tableBytes: number
}

export interface ChunkRange {
  readonly relation: number
  readonly fromBlock: number
  /** Exclusive; undefined: to the end. */
  readonly toBlock: number | undefined
}

// Each chunk is a row of state and a statement: a table of 10 TB is read in chunks of 1 GB, not in 160,000 of 64 MB.
const CHUNKS_MAX = 10_000
const ROW_BYTES_GUESS = 100

export function planChunks(
  schema: TableSchema,
  catalog: CatalogTable,
  sizes: readonly LeafSize[],
  chunkBytes: number,
  blockBytes: number,
): SnapshotPlan {
  const total = sizes.reduce((sum, size) => sum + size.tableBytes, 0)
  const chunkBytesNow = Math.max(chunkBytes, total / CHUNKS_MAX)
  const chunks: SnapshotChunk[] = []
  for (const leaf of catalog.leaves) {
    const size = sizes.find((candidate) => candidate.oid === leaf.oid) ?? { oid: leaf.oid, heapBytes: 0, tableBytes: 0 }
    const blocks = Math.ceil(size.heapBytes / blockBytes)
    // Long values lie outside the heap, so a block may stand for much more than its own bytes.
    const bytesPerBlock = blocks === 0 ? blockBytes : Math.max(size.tableBytes, size.heapBytes) / blocks
    const step = Math.max(1, Math.floor(chunkBytesNow / bytesPerBlock))
    const rowsPerBlock =
      leaf.pages > 0 && leaf.estimatedRows >= 0 ? leaf.estimatedRows / leaf.pages : blockBytes / ROW_BYTES_GUESS
    let fromBlock = 0
    do {
      const toBlock = fromBlock + step < blocks ? fromBlock + step : undefined
      const covered = Math.max(0, (toBlock ?? blocks) - fromBlock)
      chunks.push({
        index: chunks.length,
        spec: JSON.stringify([leaf.oid, fromBlock, ...(toBlock === undefined ? [] : [toBlock])]),
        estimatedBytes: Math.round(covered * bytesPerBlock),
        estimatedRows: Math.round(covered * rowsPerBlock),
      })
      fromBlock = toBlock ?? blocks
    } while (fromBlock < blocks)
  }
  // Without a key nobody can tell which row of a later snapshot replaces one of an earlier.
  return { chunks, fingerprint: fingerprint(schema, catalog), resumable: schema.identity.kind === 'key' }
}

/** Filenodes, because a rewrite moves rows; columns, because files of two shapes do not make one table. */
function fingerprint(schema: TableSchema, catalog: CatalogTable): string {
  const leaves = catalog.leaves.map((leaf) => [leaf.oid, leaf.filenode])
  const columns = schema.columns.map((column) => [column.id, column.sourceType, column.type])
  return createHash('sha256')
    .update(JSON.stringify([leaves, columns]))
    .digest('hex')
    .slice(0, 32)
}

export function parseChunk(schema: TableSchema, chunk: SnapshotChunk): ChunkRange {
  const parts: unknown = JSON.parse(chunk.spec)
  if (Array.isArray(parts) && parts.length >= 2 && parts.every(Number.isInteger)) {
    const [relation, fromBlock, toBlock]: readonly number[] = parts
    if (relation !== undefined && fromBlock !== undefined) return { relation, fromBlock, toBlock }
  }
  throw new PipelineError('internal', `Reading chunk ${chunk.index} of ${tableName(schema.table)}`, {
    cause: new Error('it was recorded in a form that is not known'),
  })
}
