/** Parquet's metadata structs (parquet.thrift of parquet-format 2.x), as far as our files have them. */
import { invariant } from '../core/invariant.ts'
import type { ColumnType } from '../core/table-schema.ts'
import { ThriftWriter } from './thrift-compact.ts'

const BOOLEAN = 0
const INT32 = 1
const INT64 = 2
const FLOAT = 4
const DOUBLE = 5
const BYTE_ARRAY = 6
const FIXED_LEN_BYTE_ARRAY = 7

const REPETITION_OPTIONAL = 1
const DATA_PAGE = 0
const ENCODING_PLAIN = 0
const ENCODING_RLE = 3
const LARGE_DECIMAL_BYTES = 16

export const CODEC_NONE = 0
export const CODEC_ZSTD = 6

export interface FileColumn {
  readonly name: string
  readonly type: ColumnType
  readonly fieldId: number
}

export interface ColumnChunk {
  readonly column: FileColumn
  readonly codec: number
  /** Of the chunk's first page in the file. */
  readonly offset: number
  readonly rows: number
  readonly nullCount: number
  /** Both with page headers. */
  readonly uncompressedBytes: number
  readonly compressedBytes: number
}

export interface RowGroup {
  readonly rows: number
  /** In the order of the file's columns. */
  readonly chunks: readonly ColumnChunk[]
}

export function pageHeader(values: number, uncompressedBytes: number, compressedBytes: number): Uint8Array {
  return ThriftWriter.struct((header) => {
    header.i32(1, DATA_PAGE)
    header.i32(2, uncompressedBytes)
    header.i32(3, compressedBytes)
    header.struct(5, (page) => {
      page.i32(1, values)
      page.i32(2, ENCODING_PLAIN)
      page.i32(3, ENCODING_RLE) // definition levels
      page.i32(4, ENCODING_RLE) // repetition levels, of which there are none
    })
  })
}

/** The footer without its length and magic number. */
export function fileMetadata(
  columns: readonly FileColumn[],
  rowGroups: readonly RowGroup[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  return ThriftWriter.struct((file) => {
    file.i32(1, 2)
    file.structList<FileColumn | undefined>(2, [undefined, ...columns], (element, column) => {
      if (column === undefined) {
        element.string(4, 'schema')
        element.i32(5, columns.length)
      } else writeSchemaElement(element, column)
    })
    file.i64(
      3,
      rowGroups.reduce((rows, group) => rows + group.rows, 0),
    )
    file.structList(4, rowGroups, writeRowGroup)
    file.structList(5, Object.entries(metadata), (entry, [key, value]) => {
      entry.string(1, key)
      entry.string(2, value)
    })
    file.string(6, 'simplyload')
  })
}

function writeSchemaElement(element: ThriftWriter, column: FileColumn): void {
  const { type } = column
  element.i32(1, physicalType(type))
  if (physicalType(type) === FIXED_LEN_BYTE_ARRAY) element.i32(2, LARGE_DECIMAL_BYTES)
  element.i32(3, REPETITION_OPTIONAL)
  element.string(4, column.name)
  const converted = convertedType(type)
  if (converted !== undefined) element.i32(6, converted)
  if (type.kind === 'decimal') {
    element.i32(7, type.scale)
    element.i32(8, type.precision)
  }
  if (column.fieldId > 0) element.i32(9, column.fieldId)
  writeLogicalType(element, type)
}

function physicalType(type: ColumnType): number {
  switch (type.kind) {
    case 'bool':
      return BOOLEAN
    case 'int16':
    case 'int32':
    case 'date':
      return INT32
    case 'int64':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return INT64
    case 'float32':
      return FLOAT
    case 'float64':
      return DOUBLE
    case 'decimal':
      return type.precision <= 9 ? INT32 : type.precision <= 18 ? INT64 : FIXED_LEN_BYTE_ARRAY
    case 'text':
    case 'uuid':
    case 'json':
    case 'bytes':
      return BYTE_ARRAY
  }
}

/** For readers older than logical types. A timestamp without time zone has none: the old type means UTC. */
function convertedType(type: ColumnType): number | undefined {
  switch (type.kind) {
    case 'text':
    case 'uuid':
    case 'json':
      return 0 // UTF8
    case 'decimal':
      return 5
    case 'date':
      return 6
    case 'timestamptz':
      return 10 // TIMESTAMP_MICROS
    case 'int16':
      return 16
    default:
      return undefined
  }
}

const LOGICAL_TYPE = 10

function writeLogicalType(element: ThriftWriter, type: ColumnType): void {
  switch (type.kind) {
    case 'text':
    // Text that the destination casts: a reader that validated JSON would fail a whole file for one value.
    case 'uuid':
    case 'json':
      element.struct(LOGICAL_TYPE, (logical) => logical.struct(1, () => undefined))
      break
    case 'decimal':
      element.struct(LOGICAL_TYPE, (logical) =>
        logical.struct(5, (decimal) => {
          decimal.i32(1, type.scale)
          decimal.i32(2, type.precision)
        }),
      )
      break
    case 'date':
      element.struct(LOGICAL_TYPE, (logical) => logical.struct(6, () => undefined))
      break
    case 'time':
      element.struct(LOGICAL_TYPE, (logical) => logical.struct(7, (time) => writeMicros(time, false)))
      break
    case 'timestamp':
    case 'timestamptz':
      element.struct(LOGICAL_TYPE, (logical) =>
        logical.struct(8, (timestamp) => writeMicros(timestamp, type.kind === 'timestamptz')),
      )
      break
    case 'int16':
      element.struct(LOGICAL_TYPE, (logical) =>
        logical.struct(10, (integer) => {
          integer.byte(1, 16)
          integer.bool(2, true)
        }),
      )
      break
  }
}

function writeMicros(writer: ThriftWriter, adjustedToUtc: boolean): void {
  writer.bool(1, adjustedToUtc)
  writer.struct(2, (unit) => unit.struct(2, () => undefined))
}

function writeRowGroup(writer: ThriftWriter, group: RowGroup): void {
  writer.structList(1, group.chunks, (chunk, { column, ...found }) => {
    chunk.i64(2, found.offset)
    chunk.struct(3, (data) => {
      data.i32(1, physicalType(column.type))
      data.i32List(2, [ENCODING_PLAIN, ENCODING_RLE])
      data.stringList(3, [column.name])
      data.i32(4, found.codec)
      data.i64(5, found.rows)
      data.i64(6, found.uncompressedBytes)
      data.i64(7, found.compressedBytes)
      data.i64(9, found.offset)
      data.struct(12, (statistics) => statistics.i64(3, found.nullCount))
    })
  })
  const [first] = group.chunks
  invariant(first !== undefined, 'a row group has a column')
  writer.i64(
    2,
    group.chunks.reduce((bytes, chunk) => bytes + chunk.uncompressedBytes, 0),
  )
  writer.i64(3, group.rows)
}
