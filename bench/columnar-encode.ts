/**
 * The hot path alone, without server and disk: `node bench/columnar-encode.ts [--rows N] [--json]`.
 *
 * COPY tuples and pgoutput inserts of the figures' table, made beforehand in memory, become vectors and Parquet files that
 * are thrown away. Beside it the floor: zstd at level 1, in the thread pool, over the same bytes in pieces of a page.
 * CPU counts all threads of the process.
 */
import { parseArgs, promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { ChangeBuilder } from '../src/columnar/change-builder.ts'
import { scanTuple } from '../src/columnar/copy-tuple.ts'
import { ParquetWriter } from '../src/columnar/parquet-writer.ts'
import { columnTypeOf, type PostgresType } from '../src/columnar/postgres-type.ts'
import { SnapshotBuilder } from '../src/columnar/snapshot-builder.ts'
import type { WireColumn } from '../src/columnar/wire-column.ts'
import type { Batch } from '../src/core/batch.ts'
import { boundary, positionPrefix } from '../src/core/position.ts'
import type { TableSchema } from '../src/core/table-schema.ts'
import { peakRssMiB } from './support/peak-memory.ts'

/** Rows that are made once and read again and again, as one chunk from the socket after the other. */
const DISTINCT_ROWS = 100_000
const CHUNK_ROWS = 350
const BATCH_BYTES = 16 * 1024 * 1024
const ROUNDS = 5

const builtIn = (oid: number, name: string, typmod = -1): PostgresType => ({
  oid,
  name,
  typmod,
  kind: 'base',
  hasSend: true,
})

const TYPES: readonly PostgresType[] = [
  builtIn(20, 'int8'),
  builtIn(23, 'int4'),
  builtIn(1700, 'numeric', ((12 << 16) | 2) + 4),
  builtIn(25, 'text'),
  builtIn(25, 'text'),
  builtIn(1184, 'timestamptz'),
  builtIn(1184, 'timestamptz'),
  builtIn(16, 'bool'),
  builtIn(701, 'float8'),
  builtIn(3802, 'jsonb'),
]

const columns = TYPES.map((type, index) => ({
  id: index + 1,
  name: `column${index + 1}`,
  type: columnTypeOf(type),
  sourceType: type.name,
  nullable: true,
}))
const schema: TableSchema = {
  table: { source: 'bench', namespace: 'bench', name: 'orders' },
  columns,
  identity: { kind: 'key', columnIds: [1] },
  version: 1,
}
const wire = TYPES.map((type, index): WireColumn => ({ column: columns[index], type, binary: true }))

/** Binary values of row `i`, of the same sizes and shares of NULLs as those of `support/order-table.ts`. */
function valuesOf(i: number): (Buffer | null)[] {
  const cents = (i * 104729) % 100000000
  const groups = [Math.floor(cents / 1e6), Math.floor(cents / 100) % 10000, (cents % 100) * 100]
  const numeric = Buffer.alloc(14)
  for (const [index, part] of [3, 1, 0, 2, ...groups].entries()) numeric.writeUInt16BE(part, index * 2)
  const int8 = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(value)
    return bytes
  }
  const int4 = Buffer.alloc(4)
  int4.writeInt32BE((i * 7919) % 1000)
  const float = Buffer.alloc(8)
  float.writeDoubleBE((i % 100000) / 4)
  const noise = Array.from({ length: 4 }, (_, part) =>
    (Math.imul(i * 4 + part, 2654435761) >>> 0).toString(16).padStart(8, '0'),
  )
  const channel = ['web', 'store', 'partner'][i % 3]
  return [
    int8(BigInt(i)),
    int4,
    numeric,
    Buffer.from(`customer${i % 500000}@example.com`),
    i % 10 === 0 ? null : Buffer.from(noise.join('')),
    int8(757382400000000n + BigInt(i) * 7_000_000n),
    int8(770515200000000n + BigInt(i) * 3_000_001n),
    Buffer.from([i % 3 === 0 ? 1 : 0]),
    float,
    Buffer.from(`\u0001{"items": ${i % 20}, "channel": "${channel}"}`),
  ]
}

function tuple(values: readonly (Buffer | null)[], kind: '' | 'b'): Buffer {
  const parts: Buffer[] = [Buffer.from([0, values.length])]
  for (const value of values) {
    const head = Buffer.alloc(4)
    head.writeInt32BE(value === null ? -1 : value.length)
    if (kind === '') parts.push(head, value ?? Buffer.alloc(0))
    else if (value === null) parts.push(Buffer.from('n'))
    else parts.push(Buffer.from(kind), head, value)
  }
  return Buffer.concat(parts)
}

function chunksOf(kind: '' | 'b'): Buffer[] {
  const chunks: Buffer[] = []
  for (let first = 1; first <= DISTINCT_ROWS; first += CHUNK_ROWS) {
    const rows = Math.min(CHUNK_ROWS, DISTINCT_ROWS + 1 - first)
    chunks.push(Buffer.concat(Array.from({ length: rows }, (_, index) => tuple(valuesOf(first + index * 1), kind))))
  }
  return chunks
}

interface Result {
  readonly rowsPerSecond: number
  readonly mibPerSecond: number
  readonly cpuSecondsPerMillion: number
}

async function measure(rows: number, bytesPerRow: number, work: () => Promise<void> | void): Promise<Result> {
  const results: Result[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage()
    const start = performance.now()
    await work()
    const seconds = (performance.now() - start) / 1000
    const used = process.cpuUsage(cpu)
    results.push({
      rowsPerSecond: Math.round(rows / seconds),
      mibPerSecond: Math.round((rows * bytesPerRow) / seconds / 1024 / 1024),
      cpuSecondsPerMillion: Number(((used.user + used.system) / rows).toFixed(3)),
    })
  }
  results.sort((a, b) => a.cpuSecondsPerMillion - b.cpuSecondsPerMillion)
  return results[Math.floor(ROUNDS / 2)] as Result
}

async function discardAsParquet(batch: Batch): Promise<void> {
  const writer = new ParquetWriter({ write: async () => undefined }, { metadata: {} })
  await writer.writeRowGroup(batch.vectors)
  await writer.finish()
}

/** Feeds `rows` rows; with `use`, one batch is written while the next is built, as the engine does. */
async function snapshot(chunks: readonly Buffer[], rows: number, use?: (batch: Batch) => Promise<void>): Promise<void> {
  const builder = new SnapshotBuilder(schema, wire, boundary(1, 1n))
  let written: Promise<void> = Promise.resolve()
  for (let done = 0; done < rows; ) {
    for (const chunk of chunks) {
      for (let offset = 0; offset < chunk.length; done++) {
        if (scanTuple(chunk, offset, chunk.length) < 0) throw new Error('a chunk holds whole tuples')
        offset = builder.appendTuple(chunk, offset)
      }
      builder.decode()
      if (builder.bytes < BATCH_BYTES) continue
      const batch = builder.take()
      await written
      if (use !== undefined) written = use(batch)
    }
  }
  await written
}

function stream(chunks: readonly Buffer[], rows: number): void {
  const builder = new ChangeBuilder(schema, wire, 'changes')
  for (let done = 0; done < rows; ) {
    builder.beginTransaction(positionPrefix(1, BigInt(done)), 0)
    let ordinal = 1
    for (const chunk of chunks) {
      for (let offset = 0; offset < chunk.length; done++) {
        builder.insert(chunk, offset, ordinal++)
        offset = tupleEnds.get(chunk)?.[offset] ?? 0
      }
      if (builder.bytes >= BATCH_BYTES) builder.take()
    }
  }
}

const options = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false } },
}).values
const rows = Math.ceil(Number(options.rows) / DISTINCT_ROWS) * DISTINCT_ROWS

const copyChunks = chunksOf('')
const bytesPerRow = copyChunks.reduce((bytes, chunk) => bytes + chunk.length, 0) / DISTINCT_ROWS
const changeChunks = chunksOf('b')
/** Offset of a tuple → offset behind it: finding it is the work of the message parser, not of the builder. */
const tupleEnds = new Map<Buffer, Record<number, number>>()
for (const chunk of changeChunks) {
  const ends: Record<number, number> = {}
  for (let offset = 0; offset < chunk.length; ) {
    const start = offset
    offset += 2
    for (let field = 0; field < TYPES.length; field++) {
      offset += chunk[offset] === 0x62 ? 5 + chunk.readInt32BE(offset + 1) : 1
    }
    ends[start] = offset
  }
  tupleEnds.set(chunk, ends)
}

const compress = promisify(zstdCompress)
const page = Buffer.concat(copyChunks).subarray(0, 1024 * 1024)
const params = { [constants.ZSTD_c_compressionLevel]: 1 }

const report = {
  bytesPerRow: Number(bytesPerRow.toFixed(1)),
  'COPY tuples → vectors': await measure(rows, bytesPerRow, () => snapshot(copyChunks, rows)),
  'COPY tuples → Parquet': await measure(rows, bytesPerRow, () => snapshot(copyChunks, rows, discardAsParquet)),
  'pgoutput inserts → vectors': await measure(rows, bytesPerRow, () => stream(changeChunks, rows)),
  'zstd alone': await measure(rows, bytesPerRow, async () => {
    for (let left = rows * bytesPerRow; left > 0; left -= 2 * page.length) {
      await Promise.all([
        compress(page, { params, chunkSize: 256 * 1024 }),
        compress(page, { params, chunkSize: 256 * 1024 }),
      ])
    }
  }),
  peakRssMiB: Math.round(peakRssMiB()),
}
if (options.json) console.log(JSON.stringify(report))
else console.dir(report, { depth: null })
