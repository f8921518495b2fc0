import type { ColumnVector } from '../core/batch.ts'
import { invariant } from '../core/invariant.ts'
import type { ColumnType } from '../core/table-schema.ts'
import { compressPage } from './page-compressor.ts'
import {
  CODEC_NONE,
  CODEC_ZSTD,
  type ColumnChunk,
  type FileColumn,
  fileMetadata,
  pageHeader,
  type RowGroup,
} from './parquet-metadata.ts'
import {
  nullPageBody,
  PAGE_BYTES,
  type PageRange,
  pageBodyBytes,
  pageBodyPieces,
  pageRanges,
  writePageBody,
} from './parquet-page.ts'
import { giveMemory, takeMemory } from './vector-memory.ts'

export interface ParquetSink {
  /** Appends. The bytes may change once it resolves. */
  write(bytes: Uint8Array): Promise<void>
}

export interface ParquetOptions {
  /** Key-value metadata of the file. */
  readonly metadata: Readonly<Record<string, string>>
  /**
   * - `full`, the default: zstd at level 1.
   * - `light`: at a level that leaves out the coding of single bytes; columns that do not shrink to a third stay as they
   *   are. Of the figures' table files are 2.2 times as large, and compressing them takes 0.15 CPU-s in place of 0.7.
   * - `none`: for tests.
   */
  readonly compression?: keyof typeof LEVELS
}

/** Of zstd. */
const LEVELS = { full: 1, light: -3, none: undefined } as const
/** Of row groups: how often a column that shrinks too little is tried again. */
const TRIED_EVERY = 16
/** Numbers, whose high bytes are alike, shrink to half, for ten times the work that writing the other half is. */
const SHRUNK = 1 / 3

const MAGIC = Buffer.from('PAR1')
/** Pages being compressed in the thread pool while the next one is put together. One page may be larger than the bound. */
const PAGES_IN_FLIGHT = 2
const BYTES_IN_FLIGHT = 4 * PAGE_BYTES
/** Chunks below it are not compressed: a trip to the thread pool costs more than the bytes, and idle tables have many. */
const COMPRESS_FROM_BYTES = 4096
/** Pieces below the first are gathered before they go to the sink; of a small file that is all of it. */
const GATHERED_BYTES_MAX = 16 * 1024
const OUTPUT_BYTES = 64 * 1024

interface OpenChunk {
  readonly column: FileColumn
  readonly codec: number
  readonly rows: number
  readonly nullCount: number
  /** -1 while no page is written. */
  offset: number
  uncompressedBytes: number
  compressedBytes: number
}

interface OpenRowGroup {
  readonly rows: number
  readonly chunks: Map<string, OpenChunk>
}

interface PageInFlight {
  readonly chunk: OpenChunk
  readonly values: number
  /** Of the body, at least as long; undefined where it is written from where it lies. */
  readonly buffer: Uint8Array | undefined
  readonly bodyBytes: number
  /** The body in pieces, compressed where the chunk is. */
  readonly pieces: readonly Uint8Array[] | Promise<readonly Uint8Array[]>
}

/**
 * One Parquet file. Row groups may have different columns (vectors are matched by name): a column that a row group lacks
 * is NULL in it. Calls must not overlap; each resolves when its vectors are not needed any more. After an error the file
 * is of no use.
 */
export class ParquetWriter {
  readonly #sink: ParquetSink
  readonly #metadata: Readonly<Record<string, string>>
  readonly #compression: keyof typeof LEVELS
  readonly #columns = new Map<string, FileColumn>()
  readonly #rowGroups: OpenRowGroup[] = []
  readonly #inFlight: PageInFlight[] = []
  #inFlightBytes = 0
  #output: Uint8Array = Buffer.alloc(0)
  #outputLength = 0
  #offset = 0

  constructor(sink: ParquetSink, options: ParquetOptions) {
    this.#sink = sink
    this.#metadata = options.metadata
    this.#compression = options.compression ?? 'full'
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#offset
  }

  /** Returns the index of the row group. At least one vector, all with the same number of rows, at least one. */
  async writeRowGroup(vectors: readonly ColumnVector[]): Promise<number> {
    const rows = vectors[0]?.rows ?? 0
    invariant(rows > 0, 'a row group has a row')
    const group: OpenRowGroup = { rows, chunks: new Map() }
    this.#rowGroups.push(group)
    await this.#writeChunks(group, vectors)
    return this.#rowGroups.length - 1
  }

  /** Adds a column to a row group that was written without it (`_source_position`, once it is known). */
  async appendColumn(rowGroup: number, vector: ColumnVector): Promise<void> {
    const group = this.#rowGroups[rowGroup]
    invariant(group !== undefined, 'a column is added to a row group that was written')
    await this.#writeChunks(group, [vector])
  }

  /** Writes the footer. The file is complete; the sink is the caller's to close. */
  async finish(): Promise<{ readonly bytes: number; readonly rows: number }> {
    const columns = [...this.#columns.values()]
    const rowGroups: RowGroup[] = []
    for (const group of this.#rowGroups) {
      const chunks: ColumnChunk[] = []
      for (const column of columns)
        chunks.push(group.chunks.get(column.name) ?? (await this.#writeNulls(group, column)))
      rowGroups.push({ rows: group.rows, chunks })
    }
    if (this.#offset === 0) await this.#write(MAGIC)
    const footer = fileMetadata(columns, rowGroups, this.#metadata)
    const length = Buffer.alloc(4)
    length.writeInt32LE(footer.length)
    await this.#write(footer)
    await this.#write(length)
    await this.#write(MAGIC)
    await this.#flush()
    return { bytes: this.#offset, rows: rowGroups.reduce((rows, group) => rows + group.rows, 0) }
  }

  async #writeChunks(group: OpenRowGroup, vectors: readonly ColumnVector[]): Promise<void> {
    if (this.#offset === 0) await this.#write(MAGIC)
    try {
      for (const vector of vectors) {
        const chunk = this.#openChunk(group, vector)
        for (const page of pageRanges(vector)) {
          const bytes = pageBodyBytes(vector, page)
          while (this.#inFlight.length > 0 && this.#inFlightBytes + bytes > BYTES_IN_FLIGHT) await this.#finishPage()
          this.#startPage(chunk, vector, page, bytes)
          if (this.#inFlight.length > PAGES_IN_FLIGHT) await this.#finishPage()
        }
      }
      while (this.#inFlight.length > 0) await this.#finishPage()
    } finally {
      // Only after an error is there something left: it must end before the vectors are anyone else's.
      await Promise.allSettled(this.#inFlight.map((page) => page.pieces))
      this.#inFlight.length = 0
      this.#inFlightBytes = 0
    }
  }

  #openChunk(group: OpenRowGroup, vector: ColumnVector): OpenChunk {
    const { name, type, fieldId, rows, nullCount } = vector
    invariant(rows === group.rows, 'all columns of a row group have the same number of rows')
    invariant(!group.chunks.has(name), `a row group has the column ${name} once`)
    const known = this.#columns.get(name)
    const column = known ?? { name, type, fieldId }
    if (known === undefined) this.#columns.set(name, column)
    else invariant(sameType(known.type, type), `the column ${name} has one type in a file`)
    const codec = this.#isWorthCompressing(vector) ? CODEC_ZSTD : CODEC_NONE
    const chunk = { column, codec, rows, nullCount, offset: -1, uncompressedBytes: 0, compressedBytes: 0 }
    group.chunks.set(name, chunk)
    return chunk
  }

  #isWorthCompressing({ name, values }: ColumnVector): boolean {
    if (this.#compression === 'none' || values.length < COMPRESS_FROM_BYTES) return false
    const before = this.#rowGroups.at(-2)?.chunks.get(name)
    if (this.#compression === 'full' || before === undefined || this.#rowGroups.length % TRIED_EVERY === 1) return true
    return before.compressedBytes < before.uncompressedBytes * SHRUNK
  }

  #startPage(chunk: OpenChunk, vector: ColumnVector, page: PageRange, bytesMax: number): void {
    const level = LEVELS[this.#compression]
    let buffer: Uint8Array | undefined
    let bodyBytes: number
    let pieces: PageInFlight['pieces']
    if (chunk.codec === CODEC_ZSTD && level !== undefined) {
      buffer = takeMemory(bytesMax)
      bodyBytes = writePageBody(vector, page, buffer)
      pieces = compressPage(buffer.subarray(0, bodyBytes), level)
      // It is awaited when its turn comes; until then a failure must not count as one that nobody handles.
      pieces.catch(() => undefined)
    } else {
      pieces = pageBodyPieces(vector, page)
      bodyBytes = bytesOf(pieces)
    }
    this.#inFlight.push({ chunk, values: page.to - page.from, buffer, bodyBytes, pieces })
    this.#inFlightBytes += bodyBytes
  }

  async #finishPage(): Promise<void> {
    const page = this.#inFlight[0]
    if (page === undefined) return
    const pieces = await page.pieces
    this.#inFlight.shift()
    this.#inFlightBytes -= page.bodyBytes
    if (page.buffer !== undefined) giveMemory(page.buffer.buffer)
    await this.#writePage(page.chunk, page.values, page.bodyBytes, pieces)
  }

  async #writePage(chunk: OpenChunk, values: number, bodyBytes: number, pieces: readonly Uint8Array[]): Promise<void> {
    const bytes = bytesOf(pieces)
    const header = pageHeader(values, bodyBytes, bytes)
    if (chunk.offset < 0) chunk.offset = this.#offset
    chunk.uncompressedBytes += header.length + bodyBytes
    chunk.compressedBytes += header.length + bytes
    await this.#write(header)
    for (const piece of pieces) await this.#write(piece)
  }

  async #writeNulls(group: OpenRowGroup, column: FileColumn): Promise<ColumnChunk> {
    const { rows } = group
    const body = nullPageBody(rows)
    const chunk = {
      column,
      codec: CODEC_NONE,
      rows,
      nullCount: rows,
      offset: -1,
      uncompressedBytes: 0,
      compressedBytes: 0,
    }
    await this.#writePage(chunk, rows, body.length, [body])
    return chunk
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length
    if (bytes.length >= GATHERED_BYTES_MAX) {
      await this.#flush()
      await this.#sink.write(bytes)
      return
    }
    if (this.#outputLength + bytes.length > this.#output.length) {
      await this.#flush()
      if (bytes.length > this.#output.length) this.#output = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
    }
    this.#output.set(bytes, this.#outputLength)
    this.#outputLength += bytes.length
  }

  async #flush(): Promise<void> {
    if (this.#outputLength === 0) return
    const bytes = this.#output.subarray(0, this.#outputLength)
    // The sink owns these bytes from now on; those behind them are still free.
    this.#output = this.#output.subarray(this.#outputLength)
    this.#outputLength = 0
    await this.#sink.write(bytes)
  }
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}

function sameType(a: ColumnType, b: ColumnType): boolean {
  if (a.kind !== 'decimal' || b.kind !== 'decimal') return a.kind === b.kind
  return a.precision === b.precision && a.scale === b.scale
}
