/** What we write is what DuckDB and hyparquet, two readers with nothing in common, find in the file. */
import { mkdtemp, open, readFile, rm, writeFile as saveFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ColumnVector } from '../core/batch.ts'
import type { ColumnType } from '../core/table-schema.ts'
import { type ParquetOptions, ParquetWriter } from './parquet-writer.ts'
import { VectorBuilder } from './vector-builder.ts'
import { releaseVectors } from './vector-memory.ts'
import { WireBuffer } from './wire-buffer.ts'

let folder: string
let duckdb: DuckDBConnection
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-writer-'))
  duckdb = await (await DuckDBInstance.create(':memory:')).connect()
  await duckdb.run(`SET TimeZone = 'UTC'`)
})
afterAll(async () => {
  duckdb.closeSync()
  await rm(folder, { recursive: true })
})

let files = 0
async function writeFile(
  write: (writer: ParquetWriter) => Promise<unknown>,
  options: ParquetOptions = { metadata: {} },
): Promise<{ path: string; bytes: number; rows: number }> {
  const path = join(folder, `${files++}.parquet`)
  await using file = await open(path, 'w')
  const sink = {
    async write(bytes: Uint8Array) {
      await file.writeFile(bytes)
    },
  }
  const writer = new ParquetWriter(sink, options)
  await write(writer)
  return { path, ...(await writer.finish()) }
}

async function rows(sql: string): Promise<unknown[][]> {
  return (await duckdb.runAndReadAll(sql)).getRowsJson() as unknown[][]
}

/** NULL where `write` does not open the row. */
function vector(
  name: string,
  type: ColumnType,
  count: number,
  write: (builder: VectorBuilder, row: number) => void,
): ColumnVector {
  const builder = new VectorBuilder(name, type, Number(/\d+/.exec(name)?.[0] ?? 0))
  for (let row = 0; row < count; row++) write(builder, row)
  return builder.take(count)
}

function int64s(name: string, count: number, value: (row: number) => bigint | undefined): ColumnVector {
  return vector(name, { kind: 'int64' }, count, (builder, row) => {
    const found = value(row)
    if (found !== undefined) {
      const at = builder.open(row, 8)
      builder.view.setBigInt64(at, found, true)
    }
  })
}

function texts(
  name: string,
  count: number,
  value: (row: number) => string | undefined,
  type: ColumnType = { kind: 'text' },
): ColumnVector {
  return vector(name, type, count, (builder, row) => {
    const found = value(row)
    if (found === undefined) return
    const bytes = Buffer.from(found)
    builder.appendBytes(row, new WireBuffer(bytes), 0, bytes.length)
  })
}

interface Case {
  readonly type: ColumnType
  readonly duckdb: string
  /** A value as text that DuckDB casts to its type. */
  readonly value: fc.Arbitrary<string>
  readonly append: (builder: VectorBuilder, row: number, text: string) => void
}

function whole(width: 4 | 8 | 16, scale = 0): Case['append'] {
  return (builder, row, text) => {
    const [left = '', right = ''] = text.split('.')
    const value = BigInt(left + right.padEnd(scale, '0'))
    const at = builder.open(row, width)
    if (width === 4) builder.view.setInt32(at, Number(value), true)
    else if (width === 8) builder.view.setBigInt64(at, value, true)
    else {
      builder.view.setBigInt64(at, value >> 64n)
      builder.view.setBigUint64(at + 8, BigInt.asUintN(64, value))
    }
  }
}

function bytesOf(toBytes: (text: string) => Buffer): Case['append'] {
  return (builder, row, text) => {
    const bytes = toBytes(text)
    builder.appendBytes(row, new WireBuffer(bytes), 0, bytes.length)
  }
}

const utf8 = bytesOf((text) => Buffer.from(text))
const integer = (bits: number) =>
  fc.bigInt({ min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n }).map(String)
const decimal = (precision: number, scale: number) =>
  fc.bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n }).map((value) => {
    const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
    const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
    return value < 0n ? `-${text}` : text
  })

const CASES: readonly Case[] = [
  {
    type: { kind: 'bool' },
    duckdb: 'BOOLEAN',
    value: fc.constantFrom('true', 'false'),
    append: (builder, row, text) => {
      const at = builder.open(row, 1)
      builder.view.setUint8(at, text === 'true' ? 1 : 0)
    },
  },
  { type: { kind: 'int16' }, duckdb: 'SMALLINT', value: integer(16), append: whole(4) },
  { type: { kind: 'int32' }, duckdb: 'INTEGER', value: integer(32), append: whole(4) },
  { type: { kind: 'int64' }, duckdb: 'BIGINT', value: integer(64), append: whole(8) },
  {
    type: { kind: 'decimal', precision: 9, scale: 2 },
    duckdb: 'DECIMAL(9,2)',
    value: decimal(9, 2),
    append: whole(4, 2),
  },
  {
    type: { kind: 'decimal', precision: 18, scale: 0 },
    duckdb: 'DECIMAL(18,0)',
    value: decimal(18, 0),
    append: whole(8),
  },
  {
    type: { kind: 'decimal', precision: 38, scale: 10 },
    duckdb: 'DECIMAL(38,10)',
    value: decimal(38, 10),
    append: whole(16, 10),
  },
  {
    type: { kind: 'float32' },
    duckdb: 'FLOAT',
    value: fc.float().map(String),
    append: (builder, row, text) => {
      const at = builder.open(row, 4)
      builder.view.setFloat32(at, Number(text), true)
    },
  },
  {
    type: { kind: 'float64' },
    duckdb: 'DOUBLE',
    value: fc.double().map(String),
    append: (builder, row, text) => {
      const at = builder.open(row, 8)
      builder.view.setFloat64(at, Number(text), true)
    },
  },
  { type: { kind: 'text' }, duckdb: 'VARCHAR', value: fc.string({ unit: 'grapheme' }), append: utf8 },
  { type: { kind: 'json' }, duckdb: 'VARCHAR', value: fc.json(), append: utf8 },
  { type: { kind: 'uuid' }, duckdb: 'VARCHAR', value: fc.uuid(), append: utf8 },
  {
    type: { kind: 'bytes' },
    duckdb: 'BLOB',
    value: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('hex')),
    append: bytesOf((text) => Buffer.from(text, 'hex')),
  },
  {
    type: { kind: 'date' },
    duckdb: 'DATE',
    value: fc.integer({ min: -2_440_000, max: 2_147_000_000 }).map(String),
    append: whole(4),
  },
  {
    type: { kind: 'time' },
    duckdb: 'TIME',
    value: fc.integer({ min: 0, max: 86_400_000_000 }).map(String),
    append: whole(8),
  },
  {
    type: { kind: 'timestamp' },
    duckdb: 'TIMESTAMP',
    value: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n - 2n }).map(String),
    append: whole(8),
  },
  {
    type: { kind: 'timestamptz' },
    duckdb: 'TIMESTAMP WITH TIME ZONE',
    value: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n - 2n }).map(String),
    append: whole(8),
  },
]

/** SQL that brings a column, and a text that stands for its value, to the same type. */
function comparable({ type }: Case, column: string): [found: string, expected: (text: string) => string] {
  const quoted = (text: string) => `'${text.replaceAll("'", "''").replaceAll('\0', "' || chr(0) || '")}'`
  switch (type.kind) {
    case 'bytes':
      return [column, (text) => `from_hex(${quoted(text)})`]
    case 'date':
      return [`date_diff('day', DATE '1970-01-01', ${column})`, (text) => text]
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return [`epoch_us(${column})`, (text) => `${text}::BIGINT`]
    case 'bool':
    case 'int16':
    case 'int32':
    case 'int64':
      return [column, (text) => text]
    case 'decimal':
      return [column, (text) => `${quoted(text)}::DECIMAL(${type.precision},${type.scale})`]
    case 'float32':
      return [column, (text) => `${quoted(text)}::FLOAT`]
    case 'float64':
      return [column, (text) => `${quoted(text)}::DOUBLE`]
    default:
      return [column, quoted]
  }
}

test('DuckDB reads back every type, with every pattern of NULLs', async () => {
  for (const [index, column] of CASES.entries()) {
    const name = `c${index + 1}`
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(column.value, { freq: 3 }), { minLength: 1, maxLength: 60 }),
        fc.boolean(),
        async (values, isCompressed) => {
          const file = await writeFile(
            (writer) =>
              writer.writeRowGroup([
                vector(name, column.type, values.length, (builder, row) => {
                  const value = values[row]
                  if (value !== null && value !== undefined) column.append(builder, row, value)
                }),
              ]),
            isCompressed ? { metadata: {} } : { metadata: {}, compression: { codec: 'none' } },
          )
          expect(file.rows).toBe(values.length)
          const [[type]] = (await rows(`SELECT column_type FROM (DESCRIBE SELECT * FROM '${file.path}')`)) as [[string]]
          expect(type).toBe(column.duckdb)
          const [found, expected] = comparable(column, name)
          const list = values.map((value) => (value === null ? 'NULL' : expected(value))).join(', ')
          const differing = await rows(
            `SELECT r, ${name}::VARCHAR FROM (SELECT file_row_number AS r, * FROM read_parquet('${file.path}', file_row_number = true))
           WHERE ${found} IS DISTINCT FROM ([${list}])[r + 1]`,
          )
          expect(differing).toEqual([])
        },
      ),
      { numRuns: 15, seed: 11 },
    )
  }
}, 300_000)

test('the ends of the ranges arrive as they are', async () => {
  const edges = (name: string, type: ColumnType, values: readonly bigint[]) =>
    vector(name, type, values.length, (builder, row) => {
      whole(type.kind === 'date' ? 4 : 8)(builder, row, String(values[row]))
    })
  const { path } = await writeFile((writer) =>
    writer.writeRowGroup([
      edges('c1', { kind: 'time' }, [86_400_000_000n, 0n]),
      edges('c2', { kind: 'timestamp' }, [2n ** 63n - 2n, -210_866_803_200_000_000n]),
      edges('c3', { kind: 'timestamptz' }, [2n ** 63n - 2n, -210_866_803_200_000_000n]),
      edges('c4', { kind: 'date' }, [2n ** 31n - 2n, -2_440_588n]),
    ]),
  )
  expect(await rows(`SELECT c1::VARCHAR, c2::VARCHAR, epoch_us(c3)::VARCHAR, c4::VARCHAR FROM '${path}'`)).toEqual([
    ['24:00:00', '294247-01-10 04:00:54.775806', '9223372036854775806', '5881580-07-10'],
    ['00:00:00', '4714-11-24 (BC) 00:00:00', '-210866803200000000', '4714-11-24 (BC)'],
  ])
})

test('JSON with a NUL escape can be cast, compared and searched', async () => {
  const json = '{"a": "x\\u0000y"}'
  const { path } = await writeFile((writer) => writer.writeRowGroup([texts('c1', 1, () => json, { kind: 'json' })]))
  await rows(`CREATE TEMP TABLE documents AS SELECT c1::JSON AS j FROM '${path}'`)
  expect(await rows(`SELECT j::VARCHAR, length(j ->> 'a'), j = c1::JSON FROM documents, '${path}'`)).toEqual([
    [json, '3', true],
  ])
})

test('hyparquet reads the same', async () => {
  const count = 500
  const vectors = [
    int64s('c1', count, (row) => (row % 3 === 0 ? undefined : BigInt(row) * 10n ** 12n)),
    texts('c2', count, (row) => (row % 7 === 0 ? undefined : `text ${'é'.repeat(row % 20)} ${row}`)),
    vector('c3', { kind: 'bool' }, count, (builder, row) => {
      const at = builder.open(row, 1)
      builder.view.setUint8(at, row % 5 === 0 ? 1 : 0)
    }),
  ]
  const { path } = await writeFile((writer) => writer.writeRowGroup(vectors), { metadata: { table: 'public.orders' } })
  const bytes = await readFile(path)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer
  const metadata = parquetMetadata(file)
  expect(metadata.key_value_metadata).toEqual([{ key: 'table', value: 'public.orders' }])
  expect(metadata.schema.map(({ name, field_id }) => [name, field_id])).toEqual([
    ['schema', undefined],
    ['c1', 1],
    ['c2', 2],
    ['c3', 3],
  ])
  const objects = await parquetReadObjects({
    file,
    compressors: { ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)) },
  })
  expect(objects).toEqual(
    Array.from({ length: count }, (_, row) => ({
      c1: row % 3 === 0 ? null : BigInt(row) * 10n ** 12n,
      c2: row % 7 === 0 ? null : `text ${'é'.repeat(row % 20)} ${row}`,
      c3: row % 5 === 0,
    })),
  )
})

test('columns of many pages keep each value in its row', async () => {
  const count = 300_001
  const { path } = await writeFile((writer) =>
    writer.writeRowGroup([
      int64s('c1', count, (row) => BigInt(row)),
      int64s('c2', count, (row) => (row % 3 === 0 ? undefined : BigInt(row))),
      // NULLs alone in whole pages, values alone in others.
      int64s('c3', count, (row) => (row < 140_000 || row > 290_000 ? undefined : BigInt(row))),
      texts('c4', count, (row) => (row % 11 === 0 ? undefined : `value ${row}`)),
      texts('c5', count, (row) => (row % 2 === 0 ? `${row}` : undefined)),
      texts('c6', count, () => undefined),
      vector('c7', { kind: 'bool' }, count, (builder, row) => {
        if (row % 5 === 0) return
        const at = builder.open(row, 1)
        builder.view.setUint8(at, row % 2)
      }),
    ]),
  )
  const [found] = await rows(`
    SELECT count(*), count(*) FILTER (c1 IS DISTINCT FROM r), count(*) FILTER (c2 IS DISTINCT FROM if(r % 3 = 0, NULL, r)),
      count(*) FILTER (c3 IS DISTINCT FROM if(r < 140000 OR r > 290000, NULL, r)),
      count(*) FILTER (c4 IS DISTINCT FROM if(r % 11 = 0, NULL, 'value ' || r)),
      count(*) FILTER (c5 IS DISTINCT FROM if(r % 2 = 0, r::VARCHAR, NULL)), count(c6),
      count(*) FILTER (c7 IS DISTINCT FROM if(r % 5 = 0, NULL, r % 2 = 1))
    FROM (SELECT file_row_number AS r, * FROM read_parquet('${path}', file_row_number = true))`)
  expect(found!.map(String)).toEqual([String(count), '0', '0', '0', '0', '0', '0', '0'])
})

test('large values have a page each, NULLs between them included', async () => {
  const sizes = [0, 3, 1_000_000, 700_000, 64 * 1024 * 1024, 5, 2_000_000, 2_000_000, 1]
  const { path } = await writeFile((writer) =>
    writer.writeRowGroup([
      texts('c1', sizes.length * 3, (row) => (row % 3 === 0 ? 'x'.repeat(sizes[row / 3]!) : undefined)),
    ]),
  )
  const found = await rows(`SELECT length(c1), c1 = repeat('x', length(c1)) FROM '${path}'`)
  expect(found).toEqual(
    sizes.flatMap((size) => [
      [String(size), true],
      [null, null],
      [null, null],
    ]),
  )
})

test('row groups with different columns: what one lacks is NULL in it', async () => {
  const { path, rows: total } = await writeFile(async (writer) => {
    await writer.writeRowGroup([int64s('c1', 2, (row) => BigInt(row))])
    await writer.writeRowGroup([
      texts('_quarantine', 3, (row) => `q${row}`),
      int64s('c1', 3, (row) => BigInt(10 + row)),
      int64s('k1', 3, (row) => (row === 1 ? 5n : undefined)),
    ])
    await writer.writeRowGroup([int64s('c1', 1, () => 20n)])
  })
  expect(total).toBe(6)
  expect(await rows(`SELECT c1, k1, _quarantine FROM '${path}'`)).toEqual([
    ['0', null, null],
    ['1', null, null],
    ['10', null, 'q0'],
    ['11', '5', 'q1'],
    ['12', null, 'q2'],
    ['20', null, null],
  ])
})

test('a column may come after the row groups, as positions do at a commit', async () => {
  const counts = [5, 200_000, 3]
  const { path } = await writeFile(async (writer) => {
    for (const count of counts)
      await writer.writeRowGroup([texts('_op', count, () => 'i'), int64s('c1', count, (row) => BigInt(row))])
    for (const [group, count] of counts.entries()) {
      await writer.appendColumn(
        group,
        texts('_source_position', count, (row) => (row === 1 ? undefined : `${group}/${row}`)),
      )
    }
  })
  const [found] =
    await rows(`SELECT count(*), count(*) FILTER (_source_position IS NULL), count(DISTINCT _source_position),
    count(*) FILTER (c1 <> split_part(_source_position, '/', 2)::BIGINT), count(*) FILTER (_op = 'i') FROM '${path}'`)
  expect(found!.map(String)).toEqual(['200008', '3', '200005', '0', '200008'])
})

test('1,600 columns', async () => {
  const count = 40
  const { path } = await writeFile((writer) =>
    writer.writeRowGroup(
      Array.from({ length: 1600 }, (_, column) =>
        int64s(`c${column + 1}`, count, (row) => (row % 2 === 0 ? BigInt(column * row) : undefined)),
      ),
    ),
  )
  const [found] = await rows(`SELECT count(*), sum(c1600), count(c800), max(c2) FROM '${path}'`)
  expect(found!.map(String)).toEqual(['40', String(1599 * 380), '20', '38'])
})

test('what the sink was given is not written to again', async () => {
  for (const compression of [{ codec: 'none' }, { codec: 'zstd', level: 3 }] as const) {
    const given: Uint8Array[] = []
    const sink = {
      async write(bytes: Uint8Array) {
        given.push(bytes)
      },
    }
    const writer = new ParquetWriter(sink, { metadata: {}, compression })
    const count = 200_000
    for (let group = 0; group < 3; group++) {
      const vectors = [
        int64s('c1', count, (row) => BigInt(group * count + row)),
        texts('c2', count, (row) => `${group} ${row}`),
      ]
      await writer.writeRowGroup(vectors)
      releaseVectors(vectors)
    }
    const { bytes } = await writer.finish()
    const whole = Buffer.concat(given)
    expect(whole.length).toBe(bytes)
    const path = join(folder, `${compression.codec}.parquet`)
    await saveFile(path, whole)
    const [found] = await rows(
      `SELECT count(*), count(DISTINCT c1), max(c1), count(*) FILTER (c2 <> (c1 // ${count}) || ' ' || (c1 % ${count})) FROM '${path}'`,
    )
    expect(found!.map(String)).toEqual(['600000', '600000', '599999', '0'])
  }
})

test('an error of the sink is the error of the write', async () => {
  const writer = new ParquetWriter(
    {
      async write() {
        throw new Error('no space left')
      },
    },
    { metadata: {} },
  )
  const big = texts('c1', 100_000, (row) => `value ${Math.sin(row)}`)
  await expect(writer.writeRowGroup([big, { ...big, name: 'c2' }, { ...big, name: 'c3' }])).rejects.toThrow(
    'no space left',
  )
})
