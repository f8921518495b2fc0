/**
 * How a table is cut into chunks: ranges of blocks, per relation with storage.
 *
 * A snapshot never sees rows in blocks that are added after it, so the blocks of now are enough; the last range of a
 * relation is open all the same, because a plan may be used again with a later snapshot.
 */
import { createHash } from 'node:crypto'
import { PipelineError } from '../../core/errors.ts'
import type { SnapshotChunk } from '../../core/source.ts'
import { type RowKeys, type RowRange, type TableSchema, tableName } from '../../core/table-schema.ts'
import type { CatalogLeaf, CatalogTable } from './catalog.ts'
import type { ValueRange } from './range-plan.ts'

export interface LeafSize {
  readonly oid: number
  /** Of the main fork. */
  readonly heapBytes: number
  /** With TOAST. */
  readonly tableBytes: number
}

export interface ChunkRange {
  readonly relation: number
  readonly fromBlock: number | undefined
  /** Exclusive; undefined: to the end. */
  readonly toBlock: number | undefined
  /** Only rows with these values. */
  readonly values: ValueRange | undefined
  /** Only rows with these keys. */
  readonly keys: readonly string[] | undefined
}

export interface PlanLimits {
  readonly chunkBytes: number
  readonly blockBytes: number
}

export interface BlockRange {
  readonly fromBlock: number
  readonly toBlock: number | undefined
  readonly estimatedBytes: number
  readonly estimatedRows: number
}

/** What whoever reads wishes, where the configuration does not say how large a chunk is. */
export interface ChunkWish {
  readonly connections: number
  readonly chunkBytesMax?: number | undefined
}

/** Small enough to lose little when a connection breaks, large enough that statements do not count: half a second. */
const CHUNK_BYTES = 64 * 1024 * 1024
/** Of larger chunks: connections that are done early would have nothing to read. */
const CHUNKS_PER_CONNECTION = 4

// Each chunk is a row of state and a statement: a table of 10 TB is read in chunks of 1 GB, not in 160,000 of 64 MB.
const CHUNKS_MAX = 10_000
const ROW_BYTES_GUESS = 100

/** `configured`: the size of a chunk. */
export function planLimits(
  sizes: readonly LeafSize[],
  configured: number | undefined,
  { connections, chunkBytesMax = CHUNK_BYTES }: ChunkWish,
  blockBytes: number,
): PlanLimits {
  const total = sizes.reduce((sum, size) => sum + size.tableBytes, 0)
  const wished = Math.max(CHUNK_BYTES, Math.min(chunkBytesMax, total / (CHUNKS_PER_CONNECTION * connections)))
  // Chunks are whole blocks: without one more, a last chunk of a few would be left.
  const chunkBytes = configured ?? evenShare(total, wished, connections) + blockBytes
  return { chunkBytes: Math.max(chunkBytes, total / CHUNKS_MAX), blockBytes }
}

/** Chunks of one size, and as many for each connection: else one would read the last of them alone. */
function evenShare(total: number, wished: number, connections: number): number {
  const chunks = Math.ceil(total / wished)
  return chunks < connections ? wished : total / (Math.ceil(chunks / connections) * connections)
}

export function planChunks(
  catalog: CatalogTable,
  sizes: readonly LeafSize[],
  limits: PlanLimits,
): readonly SnapshotChunk[] {
  const chunks: SnapshotChunk[] = []
  for (const leaf of catalog.leaves) {
    const size = sizes.find((candidate) => candidate.oid === leaf.oid) ?? { oid: leaf.oid, heapBytes: 0, tableBytes: 0 }
    for (const { fromBlock, toBlock, estimatedBytes, estimatedRows } of blockRanges(leaf, size, limits)) {
      const spec = JSON.stringify([leaf.oid, fromBlock, ...(toBlock === undefined ? [] : [toBlock])])
      chunks.push({ index: chunks.length, spec, estimatedBytes, estimatedRows })
    }
  }
  return chunks
}

/** All blocks of a relation; at least one range, and the last is open. */
export function* blockRanges(leaf: CatalogLeaf, size: LeafSize, limits: PlanLimits): Generator<BlockRange> {
  const { chunkBytes, blockBytes } = limits
  const blocks = Math.ceil(size.heapBytes / blockBytes)
  // Long values lie outside the heap, so a block may stand for much more than its own bytes.
  const bytesPerBlock = blocks === 0 ? blockBytes : Math.max(size.tableBytes, size.heapBytes) / blocks
  const step = Math.max(1, Math.floor(chunkBytes / bytesPerBlock))
  const rowsPerBlock =
    leaf.pages > 0 && leaf.estimatedRows >= 0 ? leaf.estimatedRows / leaf.pages : blockBytes / ROW_BYTES_GUESS
  let fromBlock = 0
  do {
    const toBlock = fromBlock + step < blocks ? fromBlock + step : undefined
    const covered = Math.max(0, (toBlock ?? blocks) - fromBlock)
    const estimatedBytes = Math.round(covered * bytesPerBlock)
    yield { fromBlock, toBlock, estimatedBytes, estimatedRows: Math.round(covered * rowsPerBlock) }
    fromBlock = toBlock ?? blocks
  } while (fromBlock < blocks)
}

/** Filenodes, because a rewrite moves rows; columns, because files of two shapes do not make one table. */
export function planFingerprint(schema: TableSchema, catalog: CatalogTable, range: RowRange | undefined): string {
  const leaves = catalog.leaves.map((leaf) => [leaf.oid, leaf.filenode])
  const columns = schema.columns.map((column) => [column.id, column.sourceType, column.type])
  return createHash('sha256')
    .update(JSON.stringify([leaves, columns, ...(range === undefined ? [] : [range])]))
    .digest('hex')
    .slice(0, 32)
}

export function parseChunk(schema: TableSchema, chunk: SnapshotChunk): ChunkRange {
  const parts: unknown = JSON.parse(chunk.spec)
  if (Array.isArray(parts)) {
    const [relation, fromBlock, toBlock, values, keys]: readonly unknown[] = parts
    const isBlock = (value: unknown): value is number | null | undefined => value == null || Number.isInteger(value)
    if (
      typeof relation === 'number' &&
      isBlock(fromBlock) &&
      isBlock(toBlock) &&
      (fromBlock ?? values ?? keys) != null
    ) {
      return {
        relation,
        fromBlock: fromBlock ?? undefined,
        toBlock: toBlock ?? undefined,
        values: (values ?? undefined) as ValueRange | undefined,
        keys: (keys ?? undefined) as readonly string[] | undefined,
      }
    }
  }
  throw new PipelineError('internal', `Reading chunk ${chunk.index} of ${tableName(schema.table)}`, {
    cause: new Error('it was recorded in a form that is not known'),
  })
}

/** One for each relation with storage: a key may be in any partition. */
export function planKeyChunks(catalog: CatalogTable, { keys }: RowKeys): readonly SnapshotChunk[] {
  return catalog.leaves.map((leaf, index) => ({
    index,
    spec: JSON.stringify([leaf.oid, null, null, null, keys]),
    estimatedBytes: 0,
    estimatedRows: keys.length,
  }))
}
