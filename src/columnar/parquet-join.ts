/**
 * Several Parquet files made into one, row groups as they are: their bytes are copied and only the footer is written
 * anew. Rows stand in the order of the files. A column that one of them lacks is NULL in its rows.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { invariant } from '../core/invariant.ts'
import { pageHeader } from './parquet-metadata.ts'
import { nullPageBody } from './parquet-page.ts'
import {
  numberOf,
  readThrift,
  structsOf,
  THRIFT,
  type ThriftField,
  type ThriftStruct,
  type ThriftValue,
  writeThrift,
} from './thrift-tree.ts'

/** Columns by name, each as the footer describes it. */
export type ParquetColumns = ReadonlyMap<string, ThriftStruct>

interface Footer {
  readonly struct: ThriftStruct
  /** Where it begins. */
  readonly at: number
}

const MAGIC = Buffer.from('PAR1')
const TAIL_BYTES = 8
const COPY_BYTES = 1024 * 1024
const CODEC_NONE = 0n

// Field ids of parquet.thrift.
const FILE = { version: 1, schema: 2, rows: 3, rowGroups: 4, createdBy: 6 }
const ELEMENT = { type: 1, repetition: 3, name: 4, children: 5 }
/** `places`: of the group in its file. Both may be absent. */
const GROUP = { columns: 1, rows: 3, places: [5, 7] }
const CHUNK = { path: 1, offset: 2, data: 3, indexes: [4, 5, 6, 7] }
const DATA = { type: 1, encodings: 2, path: 3, codec: 4, values: 5, size: 6, packed: 7, page: 9, statistics: 12 }
const DATA_OFFSETS = [9, 10, 11]
/** Of Bloom filters, which nobody asks for here. */
const DATA_FILTERS = [14, 15]

/** Undefined for a file whose columns have parts, which cannot be joined. */
export async function parquetColumns(path: string): Promise<ParquetColumns | undefined> {
  await using file = await open(path)
  const { struct } = await readFooter(file, path)
  const [, ...elements] = structsOf(struct, FILE.schema)
  if (elements.some((element) => element.has(ELEMENT.children))) return undefined
  return new Map(elements.map((element) => [textIn(element, ELEMENT.name), element]))
}

/** Of both together; undefined where a column has two forms, or one that a file lacks may not be NULL. */
export function joinedColumns(a: ParquetColumns, b: ParquetColumns): ParquetColumns | undefined {
  if (a === b) return a
  const isOptional = (element: ThriftStruct) => element.get(ELEMENT.repetition)?.value === 1n
  for (const [name, element] of a) {
    const other = b.get(name)
    if (other === undefined ? !isOptional(element) : !sameForm(element, other)) return undefined
  }
  const added = [...b].filter(([name]) => !a.has(name))
  if (!added.every(([, element]) => isOptional(element))) return undefined
  return added.length === 0 ? a : new Map([...a, ...added])
}

/** Writes `target`, which must not exist. `columns`: those of all parts together. */
export async function joinParquet(
  paths: readonly string[],
  columns: ParquetColumns,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  await using out = await open(target, 'wx')
  let at = await append(out, MAGIC)
  // Encoded at once: as objects, the row groups of many small files are a hundred megabytes.
  const rowGroups: Uint8Array[] = []
  let rows = 0
  for (const path of paths) {
    signal.throwIfAborted()
    await using file = await open(path)
    const footer = await readFooter(file, path)
    const shift = at - MAGIC.length
    at += await copyBody(file, path, footer.at, out, signal)
    for (const group of structsOf(footer.struct, FILE.rowGroups)) {
      const groupRows = numberOf(group, GROUP.rows)
      const chunks = new Map<string, ThriftStruct>()
      for (const chunk of structsOf(group, GROUP.columns)) chunks.set(columnName(chunk), movedChunk(chunk, shift))
      for (const [name, element] of columns) {
        if (chunks.has(name)) continue
        const { chunk, page } = nullChunk(element, groupRows, at)
        chunks.set(name, chunk)
        at += await append(out, page)
      }
      rowGroups.push(writeThrift(movedGroup(group, [...columns.keys()], chunks)))
      rows += groupRows
    }
  }
  const footer = writeThrift(footerOf([...columns.values()], rowGroups, rows))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  await append(out, Buffer.concat([footer, length, MAGIC]))
}

async function readFooter(file: FileHandle, path: string): Promise<Footer> {
  const { size } = await file.stat()
  const tail = await readAt(file, size - TAIL_BYTES, TAIL_BYTES)
  invariant(tail.subarray(4).equals(MAGIC), `${path} is a Parquet file`)
  const at = size - TAIL_BYTES - tail.readUInt32LE(0)
  return { struct: readThrift(await readAt(file, at, size - TAIL_BYTES - at)), at }
}

/** Everything between the first magic number and the footer. Returns its bytes. */
async function copyBody(
  file: FileHandle,
  path: string,
  end: number,
  out: FileHandle,
  signal: AbortSignal,
): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, end))
  for (let from = MAGIC.length; from < end; ) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - from), from)
    invariant(bytesRead > 0, `${path} is as long as before`)
    await append(out, buffer.subarray(0, bytesRead))
    from += bytesRead
  }
  return end - MAGIC.length
}

function movedGroup(
  group: ThriftStruct,
  names: readonly string[],
  chunks: ReadonlyMap<string, ThriftStruct>,
): ThriftStruct {
  const ordered = names.map((name) => {
    const chunk = chunks.get(name)
    invariant(chunk !== undefined, 'a row group has every column')
    return chunk
  })
  const moved = new Map(group)
  moved.set(GROUP.columns, { type: THRIFT.list, value: { itemType: THRIFT.struct, items: ordered } })
  for (const id of GROUP.places) moved.delete(id)
  return moved
}

function movedChunk(chunk: ThriftStruct, shift: number): ThriftStruct {
  const moved = new Map(chunk)
  move(moved, CHUNK.offset, shift)
  for (const id of CHUNK.indexes) moved.delete(id)
  const data = new Map(structIn(chunk, CHUNK.data))
  for (const id of DATA_OFFSETS) move(data, id, shift)
  for (const id of DATA_FILTERS) data.delete(id)
  moved.set(CHUNK.data, { type: THRIFT.struct, value: data })
  return moved
}

/** 0 stands for "not said" in fields that became optional later. */
function move(struct: ThriftStruct, id: number, shift: number): void {
  const field = struct.get(id)
  if (field === undefined || field.value === 0n) return
  invariant(typeof field.value === 'bigint', 'an offset is a number')
  struct.set(id, { type: field.type, value: field.value + BigInt(shift) })
}

function nullChunk(element: ThriftStruct, rows: number, at: number): { chunk: ThriftStruct; page: Uint8Array } {
  const body = nullPageBody(rows)
  const page = Buffer.concat([pageHeader(rows, body.length, body.length), body])
  const size = BigInt(page.length)
  const name = element.get(ELEMENT.name)?.value
  const type = element.get(ELEMENT.type)?.value
  invariant(name !== undefined && type !== undefined, 'a column has a name and a type')
  const i32 = (value: ThriftValue) => ({ type: THRIFT.i32, value })
  const i64 = (value: ThriftValue) => ({ type: THRIFT.i64, value })
  const data = new Map<number, ThriftField>([
    [DATA.type, i32(type)],
    [DATA.encodings, { type: THRIFT.list, value: { itemType: THRIFT.i32, items: [0n, 3n] } }],
    [DATA.path, { type: THRIFT.list, value: { itemType: THRIFT.binary, items: [name] } }],
    [DATA.codec, i32(CODEC_NONE)],
    [DATA.values, i64(BigInt(rows))],
    [DATA.size, i64(size)],
    [DATA.packed, i64(size)],
    [DATA.page, i64(BigInt(at))],
    [DATA.statistics, { type: THRIFT.struct, value: new Map([[3, i64(BigInt(rows))]]) }],
  ])
  const chunk = new Map<number, ThriftField>([
    [CHUNK.offset, i64(BigInt(at))],
    [CHUNK.data, { type: THRIFT.struct, value: data }],
  ])
  return { chunk, page }
}

function footerOf(columns: readonly ThriftStruct[], rowGroups: readonly Uint8Array[], rows: number): ThriftStruct {
  const root = new Map<number, ThriftField>([
    [ELEMENT.name, { type: THRIFT.binary, value: Buffer.from('schema') }],
    [ELEMENT.children, { type: THRIFT.i32, value: BigInt(columns.length) }],
  ])
  const structs = (items: readonly ThriftValue[]) => ({
    type: THRIFT.list,
    value: { itemType: THRIFT.struct, items },
  })
  return new Map<number, ThriftField>([
    [FILE.version, { type: THRIFT.i32, value: 2n }],
    [FILE.schema, structs([root, ...columns])],
    [FILE.rows, { type: THRIFT.i64, value: BigInt(rows) }],
    [FILE.rowGroups, structs(rowGroups)],
    [FILE.createdBy, { type: THRIFT.binary, value: Buffer.from('simplyload') }],
  ])
}

function structIn(struct: ThriftStruct, id: number): ThriftStruct {
  const value = struct.get(id)?.value
  invariant(value instanceof Map, `a Thrift struct has the struct ${id}`)
  return value
}

function textIn(struct: ThriftStruct, id: number): string {
  const value = struct.get(id)?.value
  invariant(value instanceof Uint8Array, `a Thrift struct has the text ${id}`)
  return Buffer.from(value).toString()
}

function columnName(chunk: ThriftStruct): string {
  const path = structIn(chunk, CHUNK.data).get(DATA.path)?.value
  const name = typeof path === 'object' && 'items' in path ? path.items[0] : undefined
  invariant(name instanceof Uint8Array, 'a chunk names its column')
  return Buffer.from(name).toString()
}

function sameForm(a: ThriftStruct, b: ThriftStruct): boolean {
  return Buffer.from(writeThrift(a)).equals(writeThrift(b))
}

async function readAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, from)
  invariant(bytesRead === length, 'a Parquet file has its footer')
  return buffer
}

async function append(out: FileHandle, bytes: Uint8Array): Promise<number> {
  await out.writeFile(bytes)
  return bytes.length
}
