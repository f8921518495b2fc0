/** Every type in a Parquet file, as DuckDB reads it. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openParquetFolder, type ParquetFolder, texts, vector } from '../../test/support/parquet-folder.ts'
import type { ColumnType } from '../core/table-schema.ts'
import type { VectorBuilder } from './vector-builder.ts'
import { WireBuffer } from './wire-buffer.ts'

let folder: ParquetFolder
beforeAll(async () => {
  folder = await openParquetFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

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
          const file = await folder.write(
            (writer) =>
              writer.writeRowGroup([
                vector(name, column.type, values.length, (builder, row) => {
                  const value = values[row]
                  if (value !== null && value !== undefined) column.append(builder, row, value)
                }),
              ]),
            isCompressed ? { metadata: {} } : { metadata: {}, compression: 'none' },
          )
          expect(file.rows).toBe(values.length)
          const [[type]] = (await folder.query(`SELECT column_type FROM (DESCRIBE SELECT * FROM '${file.path}')`)) as [
            [string],
          ]
          expect(type).toBe(column.duckdb)
          const [found, expected] = comparable(column, name)
          const list = values.map((value) => (value === null ? 'NULL' : expected(value))).join(', ')
          const differing = await folder.query(
            `SELECT r, ${name}::VARCHAR FROM (SELECT file_row_number AS r, * FROM read_parquet('${file.path}', file_row_number = true))
           WHERE ${found} IS DISTINCT FROM ([${list}])[r + 1]`,
          )
          expect(differing).toEqual([])
        },
      ),
      { numRuns: 15, seed: 11 },
    )
  }
})

test('the ends of the ranges arrive as they are', async () => {
  const edges = (name: string, type: ColumnType, values: readonly bigint[]) =>
    vector(name, type, values.length, (builder, row) => {
      whole(type.kind === 'date' ? 4 : 8)(builder, row, String(values[row]))
    })
  const { path } = await folder.write((writer) =>
    writer.writeRowGroup([
      edges('c1', { kind: 'time' }, [86_400_000_000n, 0n]),
      edges('c2', { kind: 'timestamp' }, [2n ** 63n - 2n, -210_866_803_200_000_000n]),
      edges('c3', { kind: 'timestamptz' }, [2n ** 63n - 2n, -210_866_803_200_000_000n]),
      edges('c4', { kind: 'date' }, [2n ** 31n - 2n, -2_440_588n]),
    ]),
  )
  expect(
    await folder.query(`SELECT c1::VARCHAR, c2::VARCHAR, epoch_us(c3)::VARCHAR, c4::VARCHAR FROM '${path}'`),
  ).toEqual([
    ['24:00:00', '294247-01-10 04:00:54.775806', '9223372036854775806', '5881580-07-10'],
    ['00:00:00', '4714-11-24 (BC) 00:00:00', '-210866803200000000', '4714-11-24 (BC)'],
  ])
})

test('JSON with a NUL escape can be cast, compared and searched', async () => {
  const json = '{"a": "x\\u0000y"}'
  const { path } = await folder.write((writer) => writer.writeRowGroup([texts('c1', 1, () => json, { kind: 'json' })]))
  await folder.query(`CREATE TEMP TABLE documents AS SELECT c1::JSON AS j FROM '${path}'`)
  expect(await folder.query(`SELECT j::VARCHAR, length(j ->> 'a'), j = c1::JSON FROM documents, '${path}'`)).toEqual([
    [json, '3', true],
  ])
})
