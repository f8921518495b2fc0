import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectorValues } from '../../test/support/vector-values.ts'
import { copyTuple, int16, int32, int64 } from '../../test/support/wire-tuples.ts'
import type { ColumnVector } from '../core/batch.ts'
import { boundary } from '../core/position.ts'
import type { RowIdentity } from '../core/table-schema.ts'
import { INCOMPLETE, scanTuple, TRAILER } from './copy-tuple.ts'
import { columnTypeOf, type PostgresType } from './postgres-type.ts'
import { SnapshotBuilder } from './snapshot-builder.ts'

const POSITION = boundary(3, 0x99n)

function builtIn(oid: number, name: string): PostgresType {
  return { oid, name, typmod: -1, kind: 'base', hasSend: true }
}

function tableOf(types: readonly PostgresType[], identity: RowIdentity, encoding: 'trusted' | 'verify' = 'trusted') {
  const columns = types.map((type, index) => ({
    id: index + 1,
    name: `col${index + 1}`,
    type: columnTypeOf(type),
    sourceType: type.name,
    nullable: true,
  }))
  const schema = { table: { source: 's', namespace: 'n', name: 't' }, columns, identity, version: 1 }
  const wire = types.map((type, index) => ({ column: columns[index]!, type, binary: true, encoding }))
  return { schema, wire }
}

function builderFor(types: readonly PostgresType[], identity: RowIdentity, encoding: 'trusted' | 'verify' = 'trusted') {
  const { schema, wire } = tableOf(types, identity, encoding)
  return new SnapshotBuilder(schema, wire, POSITION)
}

function column(vectors: readonly ColumnVector[], name: string): unknown[] {
  return vectorValues(vectors.find((vector) => vector.name === name)!)
}

const INT4 = builtIn(23, 'int4')
const TEXT = builtIn(25, 'text')
const DATE = builtIn(1082, 'date')
const KEY: RowIdentity = { kind: 'key', columnIds: [1] }

test('a tuple is scanned wherever the buffer ends', () => {
  const tuple = copyTuple([int32(5), null, Buffer.from('text'), Buffer.alloc(0)])
  const buffer = Buffer.concat([Buffer.from('??'), tuple, int16(0xffff)])
  for (let end = 2; end < 2 + tuple.length; end++) expect(scanTuple(buffer, 2, end)).toBe(INCOMPLETE)
  expect(scanTuple(buffer, 2, 2 + tuple.length)).toBe(2 + tuple.length)
  expect(scanTuple(buffer, 2 + tuple.length, buffer.length - 1)).toBe(INCOMPLETE)
  expect(scanTuple(buffer, 2 + tuple.length, buffer.length)).toBe(TRAILER)
})

test('a tuple that ends within its last value is not complete', () => {
  const tuple = copyTuple([Buffer.from('text')])
  expect(scanTuple(tuple, 0, tuple.length - 1)).toBe(INCOMPLETE)
  expect(scanTuple(tuple, 0, tuple.length)).toBe(tuple.length)
})

test('every NaN has the same bytes, whatever its sign and payload', () => {
  const float4 = [0x7fc00000, 0xffc00001 | 0, 0x7f800001].map((bits) => int32(bits))
  const float8 = [0x7ff8000000000000n, -1n, 0x7ff0000000000001n].map((bits) => int64(bits))
  const builder = builderFor([builtIn(700, 'float4'), builtIn(701, 'float8')], { kind: 'bag' })
  for (let row = 0; row < 3; row++) builder.appendTuple(copyTuple([float4[row]!, float8[row]!]), 0)
  const { vectors } = builder.take()
  expect(new Set(column(vectors, '_content_hash')).size).toBe(1)
  expect(column(vectors, 'c1')).toEqual([Number.NaN, Number.NaN, Number.NaN])
  expect(column(vectors, 'c2')).toEqual([Number.NaN, Number.NaN, Number.NaN])
})

test('timestamps with a zone are read whatever the zone of the session', () => {
  const { schema, wire } = tableOf([builtIn(1184, 'timestamptz')], { kind: 'append' })
  const builder = new SnapshotBuilder(schema, [{ ...wire[0]!, binary: false }], POSITION)
  const texts = ['2024-01-01 05:30:00+05:30', '2023-12-31 21:00:00-03', '0044-03-15 12:00:01.5+00:00:01 BC']
  for (const text of texts) builder.appendTuple(copyTuple([text]), 0)
  const utc = (year: number, month: number, day: number) =>
    BigInt(new Date(0).setUTCFullYear(year, month - 1, day)) * 1000n
  expect(column(builder.take().vectors, 'c1')).toEqual([
    utc(2024, 1, 1),
    utc(2024, 1, 1),
    utc(-43, 3, 15) + 12n * 3_600_000_000n + 500_000n,
  ])
})

test('rows come out as they went in, over any sequence of NULLs and batches', () => {
  const row = fc.tuple(fc.integer(), fc.option(fc.integer()), fc.option(fc.string({ maxLength: 300 })))
  fc.assert(
    fc.property(fc.array(fc.array(row, { maxLength: 40 }), { maxLength: 4 }), (batches) => {
      const builder = builderFor([INT4, INT4, TEXT], KEY)
      for (const rows of batches) {
        const buffer = Buffer.concat(
          rows.map(([id, number, text]) =>
            copyTuple([int32(id), number === null ? null : int32(number), text === null ? null : Buffer.from(text)]),
          ),
        )
        let offset = 0
        while (offset < buffer.length) offset = builder.appendTuple(buffer, offset)
        expect(builder.rows).toBe(rows.length)
        const batch = builder.take()
        expect(batch).toMatchObject({ kind: 'snapshot', position: POSITION, rows: rows.length })
        expect(batch.vectors.map(({ name, fieldId }) => [name, fieldId])).toEqual([
          ['c1', 1],
          ['c2', 2],
          ['c3', 3],
        ])
        expect(column(batch.vectors, 'c1')).toEqual(rows.map(([id]) => BigInt(id)))
        expect(column(batch.vectors, 'c2')).toEqual(rows.map(([, number]) => (number === null ? null : BigInt(number))))
        expect(column(batch.vectors, 'c3')).toEqual(rows.map(([, , text]) => text?.toWellFormed() ?? null))
      }
    }),
  )
})

test('a row without a representable key is quarantined whole, and only then is there an _op column', () => {
  const builder = builderFor([DATE, TEXT], KEY)
  builder.appendTuple(copyTuple([int32(0), Buffer.from('a')]), 0)
  builder.appendTuple(copyTuple([int32(-0x80000000), Buffer.from('b')]), 0)
  builder.appendTuple(copyTuple([int32(1), null]), 0)
  const { vectors, features } = builder.take()
  expect(column(vectors, '_op')).toEqual(['i', 'q', 'i'])
  expect(column(vectors, 'c1')).toEqual([10957n, null, 10958n])
  expect(column(vectors, 'c2')).toEqual(['a', null, null])
  expect(JSON.parse(String(column(vectors, '_quarantine')[1]))).toEqual([
    { columnId: 0, reason: 'key with date infinity', raw: '{"col1":"-infinity","col2":"b"}', key: '["-infinity"]' },
  ])
  expect(features.quarantinedRows).toBe(1)
  builder.appendTuple(copyTuple([int32(2), Buffer.from('c')]), 0)
  expect(builder.take().vectors.map(({ name }) => name)).toEqual(['c1', 'c2'])
})

test('a table without columns has its number of rows', () => {
  const builder = builderFor([], { kind: 'append' })
  for (let row = 0; row < 3; row++) expect(builder.appendTuple(copyTuple([]), 0)).toBe(2)
  const { rows, vectors } = builder.take()
  expect(rows).toBe(3)
  expect(column(vectors, '_op')).toEqual(['i', 'i', 'i'])
})

test('1,600 columns', () => {
  const builder = builderFor(Array(1600).fill(INT4), KEY)
  for (let row = 0; row < 3; row++) {
    builder.appendTuple(
      copyTuple(Array.from({ length: 1600 }, (_, index) => (index % 3 === 1 ? null : int32(index * row)))),
      0,
    )
  }
  const { vectors } = builder.take()
  expect(vectors.length).toBe(1600)
  expect(column(vectors, 'c1600')).toEqual([0n, 1599n, 3198n])
  expect(column(vectors, 'c1598')).toEqual([null, null, null])
})

test('values decoded column by column are those decoded row by row', () => {
  const numeric = (...parts: number[]) => Buffer.concat(parts.map(int16))
  const anyOf = (...values: (Buffer | null)[]) => fc.constantFrom(...values)
  const seldom = (value: Buffer, usual: fc.Arbitrary<Buffer | null>) =>
    fc.oneof({ weight: 99, arbitrary: usual }, { weight: 1, arbitrary: fc.constant(value) })
  const words = fc.integer({ min: 0, max: 300 }).map((length) => Buffer.alloc(length, 'abcdefghijklm'))
  const columns: readonly (readonly [PostgresType, fc.Arbitrary<Buffer | null>])[] = [
    [builtIn(20, 'int8'), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(int64)],
    [builtIn(21, 'int2'), anyOf(int16(0xfffd), int16(7), null)],
    [INT4, anyOf(int32(-5), int32(0x7fffffff), null)],
    [builtIn(701, 'float8'), anyOf(int64(0x3ff8000000000000n), int64(-1n), int64(-(2n ** 63n)), null)],
    [builtIn(16, 'bool'), anyOf(Buffer.from([1]), Buffer.from([0]), null)],
    [TEXT, fc.option(words)],
    [builtIn(17, 'bytea'), fc.option(words)],
    [
      builtIn(3802, 'jsonb'),
      fc.option(words.map((word) => Buffer.concat([Buffer.from([1, 0x22]), word, Buffer.from('"')]))),
    ],
    [builtIn(1083, 'time'), anyOf(int64(0n), int64(86_400_000_000n), null)],
    // Of these the seldom ones have no representation, or are near those that have none.
    [builtIn(1184, 'timestamptz'), seldom(int64(2n ** 63n - 1n), anyOf(int64(1n), int64(-1n), int64(2n ** 62n)))],
    [builtIn(1114, 'timestamp'), seldom(int64(-(2n ** 63n)), anyOf(int64(0xffffffffn), int64(-(2n ** 60n)), null))],
    [
      { ...builtIn(1700, 'numeric'), typmod: ((6 << 16) | 2) + 4 },
      seldom(numeric(0, 0, 0xc000, 0), anyOf(numeric(1, 0, 0, 2, 12), numeric(2, 0, 0x4000, 2, 9876, 5400), null)),
    ],
  ]
  const types = columns.map(([type]) => type)
  const row = fc.tuple(...columns.map(([, values]) => values))
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (rows) => {
      const buffer = Buffer.concat(rows.map(copyTuple))
      const batches = ([{ kind: 'append' }, { kind: 'bag' }] as const).map((identity) => {
        const builder = builderFor(types, identity)
        for (let offset = 0; offset < buffer.length; ) offset = builder.appendTuple(buffer, offset)
        return builder.take()
      })
      const [together, apart] = batches.map(({ vectors }) =>
        vectors
          .filter(({ name }) => name !== '_content_hash')
          .map(({ validity, values, ...rest }) => ({
            ...rest,
            values: Buffer.from(values),
            validity: validity && Buffer.from(validity),
          })),
      )
      expect(together).toEqual(apart)
    }),
    { numRuns: 60 },
  )
})

test('the bytes of a buffer may change once they are decoded', () => {
  const builder = builderFor([INT4, TEXT], KEY)
  const buffer = copyTuple([int32(1), Buffer.from('before')])
  builder.appendTuple(buffer, 0)
  builder.decode()
  buffer.fill(0)
  expect(column(builder.take().vectors, 'c2')).toEqual(['before'])
})

test('a value of 64 MiB', () => {
  const builder = builderFor([INT4, TEXT], KEY)
  const large = Buffer.alloc(64 * 1024 * 1024, 'x')
  builder.appendTuple(copyTuple([int32(1), large]), 0)
  builder.appendTuple(copyTuple([int32(2), Buffer.from('small')]), 0)
  expect(builder.bytes).toBeGreaterThan(large.length)
  const { vectors } = builder.take()
  const values = vectors[1]!.values
  expect(Buffer.from(values.buffer, values.byteOffset + 4, large.length).equals(large)).toBe(true)
  expect(Buffer.from(values.subarray(large.length + 8)).toString()).toBe('small')
})

test('text that is no UTF-8 is quarantined as bytes, where the server does not check it', () => {
  const builder = builderFor([INT4, TEXT], KEY, 'verify')
  builder.appendTuple(copyTuple([int32(1), Buffer.from([0x61, 0xff])]), 0)
  builder.appendTuple(copyTuple([int32(2), Buffer.from('é')]), 0)
  const { vectors } = builder.take()
  expect(column(vectors, 'c2')).toEqual([null, 'é'])
  expect(JSON.parse(String(column(vectors, '_quarantine')[0]))).toEqual([
    { columnId: 2, reason: 'invalid UTF-8', raw: '61ff', key: '["1"]' },
  ])
})

test('bytes that are no value of the type are quarantined in hex', () => {
  const builder = builderFor([INT4, builtIn(1700, 'numeric'), builtIn(2950, 'uuid'), builtIn(3802, 'jsonb')], KEY)
  builder.appendTuple(copyTuple([int32(1), int64(-1n), int64(5n), Buffer.from('{}')]), 0)
  const { vectors } = builder.take()
  const entries = JSON.parse(String(column(vectors, '_quarantine')[0])) as {
    columnId: number
    reason: string
    raw: string
  }[]
  expect(entries.map(({ columnId, reason, raw }) => [columnId, reason, raw])).toEqual([
    [2, 'invalid value', 'ffffffffffffffff'],
    [3, 'invalid value', '0000000000000005'],
    [4, 'invalid value', '7b7d'],
  ])
})
