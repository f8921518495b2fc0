import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import type { ColumnVector } from '../core/batch.ts'
import { invariant } from '../core/invariant.ts'
import type { ColumnType } from '../core/table-schema.ts'
import {
  CODEC_NONE,
  CODEC_ZSTD,
  type ColumnChunk,
  type FileColumn,
  fileMetadata,
  pageHeader,
  type RowGroup,
} from './parquet-metadata.ts'
import { nullPageBody, PAGE_BYTES, type PageRange, pageBodyBytes, pageRanges, writePageBody } from './parquet-page.ts'

export interface ParquetSink {
  /** Appends. The bytes are not touched again by the writer. */
  write(bytes: Uint8Array): Promise<void>
}

export interface ParquetOptions {
  /** Key-value metadata of the file. */
  readonly metadata: Readonly<Record<string, string>>
  /** Default: zstd at level 1. */
  readonly compression?: { readonly codec: 'zstd'; readonly level: number } | { readonly codec: 'none' }
}

const compress = promisify(zstdCompress)

const MAGIC = Buffer.from('PAR1')
/** Pages being compressed in the thread pool while the next one is put together. */
const PAGES_IN_FLIGHT = 2
/** Chunks below it are not compressed: a trip to the thread pool costs more than the bytes, and idle tables have many. */
const COMPRESS_FROM_BYTES = 4096
/** A page with the levels of all its rows; longer bodies (of single large values) are not kept for the next page. */
const BODY_BYTES = PAGE_BYTES + 32 * 1024
/** Small pieces are gathered before they go to the sink. */
const OUTPUT_BYTES = 256 * 1024
const SMALL_PIECE_BYTES = 64 * 1024

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
  /** The whole buffer, to be used again. */
  readonly buffer: Uint8Array
  readonly bodyBytes: number
  readonly compressed: Uint8Array | Promise<Uint8Array>
}

/**
 * One Parquet file. Row groups may have different columns (vectors are matched by name): a column that a row group lacks
 * is NULL in it. Calls must not overlap; each resolves when its vectors are not needed any more. After an error the file
 * is of no use.
 */
export class ParquetWriter {
  readonly #sink: ParquetSink
  readonly #metadata: Readonly<Record<string, string>>
  readonly #zstd: { readonly params: Record<number, number>; readonly chunkSize: number } | undefined
  readonly #columns = new Map<string, FileColumn>()
  readonly #rowGroups: OpenRowGroup[] = []
  readonly #inFlight: PageInFlight[] = []
  readonly #spareBuffers: Uint8Array[] = []
  #output = Buffer.alloc(0)
  #outputLength = 0
  #offset = 0

  constructor(sink: ParquetSink, options: ParquetOptions) {
    this.#sink = sink
    this.#metadata = options.metadata
    const { compression = { codec: 'zstd', level: 1 } } = options
    this.#zstd =
      compression.codec === 'zstd'
        ? { params: { [constants.ZSTD_c_compressionLevel]: compression.level }, chunkSize: OUTPUT_BYTES }
        : undefined
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
          this.#startPage(chunk, vector, page)
          if (this.#inFlight.length > PAGES_IN_FLIGHT) await this.#finishPage()
        }
      }
      while (this.#inFlight.length > 0) await this.#finishPage()
    } finally {
      // Only after an error is there something left: it must end before the vectors are anyone else's.
      await Promise.allSettled(this.#inFlight.map((page) => page.compressed))
      this.#inFlight.length = 0
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
    const codec = this.#zstd === undefined || vector.values.length < COMPRESS_FROM_BYTES ? CODEC_NONE : CODEC_ZSTD
    const chunk = { column, codec, rows, nullCount, offset: -1, uncompressedBytes: 0, compressedBytes: 0 }
    group.chunks.set(name, chunk)
    return chunk
  }

  #startPage(chunk: OpenChunk, vector: ColumnVector, page: PageRange): void {
    const bytesMax = pageBodyBytes(vector, page)
    const buffer = this.#takeBuffer(bytesMax, chunk.codec)
    const bodyBytes = writePageBody(vector, page, buffer)
    const body = buffer.subarray(0, bodyBytes)
    const isCompressed = chunk.codec === CODEC_ZSTD && this.#zstd !== undefined
    const compressed = isCompressed ? compress(body, this.#zstd) : body
    // It is awaited when its turn comes; until then a failure must not count as one that nobody handles.
    if (compressed instanceof Promise) compressed.catch(() => undefined)
    this.#inFlight.push({ chunk, values: page.to - page.from, buffer, bodyBytes, compressed })
  }

  async #finishPage(): Promise<void> {
    const page = this.#inFlight[0]
    if (page === undefined) return
    const compressed = await page.compressed
    this.#inFlight.shift()
    if (page.chunk.codec === CODEC_ZSTD && page.buffer.length === BODY_BYTES) this.#spareBuffers.push(page.buffer)
    await this.#writePage(page.chunk, page.values, page.bodyBytes, compressed)
  }

  async #writePage(chunk: OpenChunk, values: number, bodyBytes: number, bytes: Uint8Array): Promise<void> {
    const header = pageHeader(values, bodyBytes, bytes.length)
    if (chunk.offset < 0) chunk.offset = this.#offset
    chunk.uncompressedBytes += header.length + bodyBytes
    chunk.compressedBytes += header.length + bytes.length
    await this.#write(header)
    await this.#write(bytes)
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
    await this.#writePage(chunk, rows, body.length, body)
    return chunk
  }

  /** A page that is not compressed goes to the sink in its buffer, which is then not ours any more. */
  #takeBuffer(bytes: number, codec: number): Uint8Array {
    if (codec === CODEC_NONE || bytes > BODY_BYTES) return Buffer.allocUnsafeSlow(bytes)
    return this.#spareBuffers.pop() ?? Buffer.allocUnsafeSlow(BODY_BYTES)
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length
    if (bytes.length > SMALL_PIECE_BYTES) {
      await this.#flush()
      await this.#sink.write(bytes)
      return
    }
    if (this.#outputLength + bytes.length > this.#output.length) {
      await this.#flush()
      this.#output = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
    }
    this.#output.set(bytes, this.#outputLength)
    this.#outputLength += bytes.length
  }

  async #flush(): Promise<void> {
    if (this.#outputLength === 0) return
    const bytes = this.#output.subarray(0, this.#outputLength)
    this.#output = Buffer.alloc(0)
    this.#outputLength = 0
    await this.#sink.write(bytes)
  }
}

function sameType(a: ColumnType, b: ColumnType): boolean {
  if (a.kind !== 'decimal' || b.kind !== 'decimal') return a.kind === b.kind
  return a.precision === b.precision && a.scale === b.scale
}
