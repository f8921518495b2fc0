import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectorValues } from '../../test/support/vector-values.ts'
import { copyTuple, int32, int64, tupleData, UNCHANGED } from '../../test/support/wire-tuples.ts'
import type { Batch, QuarantinedValue } from '../core/batch.ts'
import { isPipelineError } from '../core/errors.ts'
import { boundary, position, positionPrefix } from '../core/position.ts'
import type { RowIdentity, TableSchema } from '../core/table-schema.ts'
import { ChangeBuilder, OLD_KEY, OLD_ROW } from './change-builder.ts'
import { columnTypeOf, type PostgresType } from './postgres-type.ts'
import { SnapshotBuilder } from './snapshot-builder.ts'
import { skipTuple } from './tuple-data.ts'
import type { WireColumn } from './wire-column.ts'

const INT8 = builtIn(20, 'int8')
const TEXT = builtIn(25, 'text')
const DATE = builtIn(1082, 'date')
const JSON_TYPE = builtIn(114, 'json')
const DATE_INFINITY = int32(0x7fffffff)
const PREFIX = positionPrefix(1, 0x10n)

function builtIn(oid: number, name: string): PostgresType {
  return { oid, name, typmod: -1, kind: 'base', hasSend: true }
}

/** Column ids are 1, 2, … in the order of the wire. */
function tableOf(types: readonly PostgresType[], identity: RowIdentity): { schema: TableSchema; wire: WireColumn[] } {
  const columns = types.map((type, index) => ({
    id: index + 1,
    name: `col${index + 1}`,
    type: columnTypeOf(type),
    sourceType: type.name,
    nullable: true,
  }))
  const table = { source: 's', namespace: 'public', name: 'orders' }
  const wire = types.map((type, index) => ({ column: columns[index]!, type, binary: 'per-value' as const }))
  return { schema: { table, columns, identity, version: 1 }, wire }
}

function changes(types: readonly PostgresType[], identity: RowIdentity) {
  const { schema, wire } = tableOf(types, identity)
  const builder = new ChangeBuilder(schema, wire, 'changes')
  builder.beginTransaction(PREFIX, 0)
  let ordinal = 1
  type Fields = Parameters<typeof tupleData>[0]
  return {
    builder,
    insert(fields: Fields) {
      ordinal += builder.insert(tupleData(fields), 0, ordinal)
    },
    update(fields: Fields, oldKind: 0 | 75 | 79 = 0, old: Fields = []) {
      const oldTuple = tupleData(old)
      const buffer = Buffer.concat([Buffer.from('#'), oldTuple, Buffer.from('N'), tupleData(fields)])
      const newOffset = skipTuple(buffer, 1) + 1
      expect(newOffset).toBe(2 + oldTuple.length)
      ordinal += builder.update(buffer, oldKind, 1, newOffset, ordinal)
    },
    remove(fields: Fields, oldKind: 75 | 79 = OLD_KEY) {
      ordinal += builder.delete(tupleData(fields), oldKind, 0, ordinal)
    },
    truncate() {
      ordinal += builder.truncate(ordinal)
    },
  }
}

/** Rows as objects without their NULLs. */
function rowsOf(batch: Batch): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = Array.from({ length: batch.rows }, () => ({}))
  for (const vector of batch.vectors) {
    for (const [row, value] of vectorValues(vector).entries()) {
      if (value !== null) rows[row]![vector.name] = vector.name === '_quarantine' ? JSON.parse(String(value)) : value
    }
  }
  return rows
}

const at = (ordinal: number) => position(1, 0x10n, ordinal)
const KEY: RowIdentity = { kind: 'key', columnIds: [1] }

test('inserts, updates, deletes and truncates keep their order and position', () => {
  const table = changes([INT8, TEXT], KEY)
  table.insert([int64(1n), 'a'])
  table.update([int64(1n), 'b'])
  table.remove([int64(1n), null])
  table.truncate()
  const batch = table.builder.take()
  expect(rowsOf(batch)).toEqual([
    { _op: 'i', _source_position: at(1), c1: 1n, c2: 'a' },
    { _op: 'u', _source_position: at(2), c1: 1n, c2: 'b' },
    { _op: 'd', _source_position: at(3), c1: 1n },
    { _op: 't', _source_position: at(4) },
  ])
  expect(batch).toMatchObject({ kind: 'changes', firstPosition: at(1), lastPosition: at(4), rows: 4 })
  expect(batch.features).toEqual({
    updates: 1,
    deletes: 1,
    truncates: 1,
    keyChanges: 0,
    partialRows: 0,
    quarantinedRows: 0,
  })
  expect(batch.vectors.map(({ name }) => name)).toEqual(['_op', '_source_position', 'c1', 'c2'])
})

test('a batch holds several transactions, and starts anew after it was taken', () => {
  const { builder, insert } = changes([INT8], KEY)
  insert([int64(1n)])
  builder.beginTransaction(positionPrefix(2, 0xffffn), 0)
  builder.insert(tupleData([int64(2n)]), 0, 0x123456789a)
  const batch = builder.take()
  expect(rowsOf(batch).map((row) => row._source_position)).toEqual([at(1), position(2, 0xffffn, 0x123456789a)])
  expect([builder.rows, builder.bytes]).toEqual([0, 0])
  builder.insert(tupleData([int64(3n)]), 0, 7)
  expect(rowsOf(builder.take())).toEqual([{ _op: 'i', _source_position: position(2, 0xffffn, 7), c1: 3n }])
})

test('an old key that differs is a key change; one that does not is none', () => {
  const table = changes([INT8, TEXT], KEY)
  table.update([int64(2n), 'a'], OLD_KEY, [int64(1n), null])
  table.update([int64(2n), 'b'], OLD_KEY, [int64(2n), null])
  table.update([int64(3n), 'c'], OLD_ROW, [int64(2n), 'b'])
  const batch = table.builder.take()
  expect(rowsOf(batch)).toMatchObject([
    { _op: 'u', c1: 2n, k1: 1n },
    { _op: 'u', c1: 2n },
    { _op: 'u', c1: 3n, k1: 2n },
  ])
  expect(rowsOf(batch)[1]).not.toHaveProperty('k1')
  expect(batch.features).toMatchObject({ updates: 3, keyChanges: 2 })
})

test('the key of a composite identity comes in its own order', () => {
  const table = changes([TEXT, INT8, INT8], { kind: 'key', columnIds: [3, 1] })
  table.update(['b', int64(5n), int64(9n)], OLD_KEY, ['a', null, int64(9n)])
  expect(rowsOf(table.builder.take())).toEqual([
    { _op: 'u', _source_position: at(1), c1: 'b', c2: 5n, c3: 9n, k3: 9n, k1: 'a' },
  ])
})

test('unchanged values are listed, or taken from the old row where it is there', () => {
  const table = changes([INT8, TEXT, TEXT, TEXT], KEY)
  table.update([int64(1n), UNCHANGED, 'new', UNCHANGED])
  table.update([int64(2n), UNCHANGED, 'new', null], OLD_KEY, [int64(1n), null, null, null])
  table.update([int64(2n), UNCHANGED, UNCHANGED, UNCHANGED], OLD_ROW, [int64(2n), 'old', null, 'older'])
  // A key stored out of line: the old key is sent although it did not change.
  const keyed = changes([TEXT, TEXT], KEY)
  keyed.update([UNCHANGED, 'v'], OLD_KEY, ['long key', null])
  expect(rowsOf(table.builder.take())).toEqual([
    { _op: 'u', _source_position: at(1), c1: 1n, c3: 'new', _unchanged: ',2,4,' },
    { _op: 'u', _source_position: at(2), c1: 2n, c3: 'new', _unchanged: ',2,', k1: 1n },
    { _op: 'u', _source_position: at(3), c1: 2n, c2: 'old', c4: 'older' },
  ])
  const batch = keyed.builder.take()
  expect(rowsOf(batch)).toEqual([{ _op: 'u', _source_position: at(1), c1: 'long key', c2: 'v' }])
  expect(batch.features).toMatchObject({ keyChanges: 0, partialRows: 0 })
})

test('a delete under REPLICA IDENTITY FULL has the whole old row', () => {
  const table = changes([INT8, TEXT], KEY)
  table.remove([int64(1n), 'last words'], OLD_ROW)
  expect(rowsOf(table.builder.take())).toEqual([{ _op: 'd', _source_position: at(1), c1: 1n, c2: 'last words' }])
})

test('a value without representation is NULL and in quarantine with its key', () => {
  const table = changes([INT8, DATE, JSON_TYPE], KEY)
  table.insert([int64(7n), DATE_INFINITY, '"\\ud800"'])
  table.insert([int64(8n), '2024-01-01', '1'])
  const batch = table.builder.take()
  expect(rowsOf(batch)).toEqual([
    {
      _op: 'i',
      _source_position: at(1),
      c1: 7n,
      _quarantine: [
        { columnId: 2, reason: 'date infinity', raw: 'infinity', key: '["7"]' },
        { columnId: 3, reason: 'unpaired surrogate in json', raw: '"\\ud800"', key: '["7"]' },
      ],
    },
    { _op: 'i', _source_position: at(2), c1: 8n, c2: 19723n, c3: '1' },
  ])
  expect(batch.features.quarantinedRows).toBe(1)
})

test('a key without representation puts its row into quarantine whole', () => {
  const table = changes([DATE, TEXT], KEY)
  const whole = (raw: object): [QuarantinedValue] => [
    { columnId: 0, reason: 'key with date infinity', raw: JSON.stringify(raw), key: '["infinity"]' },
  ]
  table.insert([DATE_INFINITY, 'a'])
  // It gets a key that can be represented: a row that the destination does not have yet.
  table.update([int32(0), 'b'], OLD_KEY, [DATE_INFINITY, null])
  // It loses it again: it must go from the destination.
  table.update([DATE_INFINITY, 'c'], OLD_KEY, [int32(0), null])
  table.remove([DATE_INFINITY, null])
  table.insert([null, 'no key'])
  table.insert([int32(1), 'good'])
  const batch = table.builder.take()
  expect(rowsOf(batch)).toEqual([
    { _op: 'q', _source_position: at(1), _quarantine: whole({ col1: 'infinity', col2: 'a' }) },
    { _op: 'u', _source_position: at(2), c1: 10957n, c2: 'b' },
    { _op: 'd', _source_position: at(3), c1: 10957n },
    { _op: 'q', _source_position: at(4), _quarantine: whole({ col1: 'infinity', col2: 'c' }) },
    { _op: 'q', _source_position: at(5), _quarantine: whole({ col1: 'infinity', col2: null }) },
    {
      _op: 'q',
      _source_position: at(6),
      _quarantine: [{ columnId: 0, reason: 'key with NULL', raw: '{"col1":null,"col2":"no key"}', key: '[null]' }],
    },
    { _op: 'i', _source_position: at(7), c1: 10958n, c2: 'good' },
  ])
  expect(batch.features).toEqual({
    updates: 1,
    deletes: 1,
    truncates: 0,
    keyChanges: 0,
    partialRows: 0,
    quarantinedRows: 4,
  })
})

test('a bag: an update is a delete and an insert, each with the hash of its row', () => {
  const table = changes([INT8, TEXT, TEXT], { kind: 'bag' })
  table.insert([int64(1n), 'a', null])
  table.update([int64(1n), 'b', UNCHANGED], OLD_ROW, [int64(1n), 'a', 'kept'])
  table.remove([int64(1n), 'b', 'kept'], OLD_ROW)
  table.insert([int64(1n), null, 'a'])
  const rows = rowsOf(table.builder.take())
  expect(rows.map(({ _op, c1, c2, c3 }) => [_op, c1, c2, c3])).toEqual([
    ['i', 1n, 'a', undefined],
    ['d', 1n, 'a', 'kept'],
    ['i', 1n, 'b', 'kept'],
    ['d', 1n, 'b', 'kept'],
    ['i', 1n, undefined, 'a'],
  ])
  const hashes = rows.map((row) => String(row._content_hash))
  for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{32}$/)
  expect(hashes[2]).toBe(hashes[3])
  expect(new Set(hashes).size).toBe(4)
  expect(rows.map((row) => row._source_position)).toEqual([1, 2, 3, 4, 5].map(at))
})

test('the content hash is the same from a snapshot and from the stream, in either form, and after a column was added', () => {
  const snapshot = (types: PostgresType[], fields: (Buffer | string | null)[], order: number[]) => {
    const { schema, wire } = tableOf(types, { kind: 'bag' })
    const builder = new SnapshotBuilder(
      schema,
      order.map((index) => ({ ...wire[index]!, binary: true })),
      boundary(1, 1n),
    )
    builder.appendTuple(copyTuple(order.map((index) => fields[index]!)), 0)
    return rowsOf(builder.take())[0]!._content_hash
  }
  const streamed = (fields: Parameters<typeof tupleData>[0]) => {
    const table = changes([INT8, TEXT, DATE], { kind: 'bag' })
    table.insert(fields)
    return rowsOf(table.builder.take())[0]!._content_hash
  }
  const hash = streamed([int64(5n), 'é', '2000-01-02'])
  expect(streamed(['5', 'é', int32(1)])).toBe(hash)
  expect(snapshot([INT8, TEXT, DATE], [int64(5n), 'é', int32(1)], [0, 1, 2])).toBe(hash)
  expect(snapshot([INT8, TEXT, DATE], [int64(5n), 'é', int32(1)], [2, 0, 1])).toBe(hash)
  expect(snapshot([INT8, TEXT, DATE, TEXT], [int64(5n), 'é', int32(1), null], [0, 1, 2, 3])).toBe(hash)
  expect(snapshot([INT8, TEXT, DATE, TEXT], [int64(5n), 'é', int32(1), ''], [0, 1, 2, 3])).not.toBe(hash)
})

test('a change that only a key could place is refused for a table without one', () => {
  for (const identity of [{ kind: 'append' }, { kind: 'bag' }] as const) {
    const table = changes([INT8], identity)
    expect(() => table.remove([int64(1n)])).toThrow('Following a change of public.orders without its old row')
    try {
      table.update([int64(1n)])
    } catch (error) {
      expect(isPipelineError(error, 'source_protocol')).toBe(true)
    }
  }
  const table = changes([INT8], { kind: 'append' })
  table.insert([int64(1n)])
  table.truncate()
  expect(rowsOf(table.builder.take()).map((row) => row._op)).toEqual(['i', 't'])
})

test('rows in progress carry ordinals instead of positions', () => {
  const { schema, wire } = tableOf([INT8], KEY)
  const builder = new ChangeBuilder(schema, wire, 'in-progress')
  for (let row = 0; row < 200; row++) builder.insert(tupleData([int64(BigInt(row))]), 0, row * 3 + 1)
  const batch = builder.takeInProgress(77)
  expect(batch).toMatchObject({ kind: 'in-progress', transaction: 77, rows: 200 })
  expect([...batch.ordinals]).toEqual(Array.from({ length: 200 }, (_, row) => row * 3 + 1))
  expect(batch.vectors.map(({ name }) => name)).toEqual(['_op', 'c1'])
})

test('rows carry the commit time of their transaction where it is asked for', () => {
  const { schema, wire } = tableOf([INT8], KEY)
  const builder = new ChangeBuilder(schema, wire, 'changes', { commitTimes: true })
  const insert = (value: bigint, ordinal: number) => builder.insert(tupleData([int64(value)]), 0, ordinal)
  const times = () => rowsOf(builder.take()).map((row) => row._committed_at)
  builder.beginTransaction(PREFIX, 1_700_000_000_123_456)
  insert(1n, 1)
  insert(2n, 2)
  builder.beginTransaction(positionPrefix(1, 500n), 7)
  insert(3n, 1)
  expect(times()).toEqual([1_700_000_000_123_456n, 1_700_000_000_123_456n, 7n])
  builder.beginTransaction(positionPrefix(1, 600n), -5)
  insert(4n, 1)
  expect(times()).toEqual([-5n])
  const open = new ChangeBuilder(schema, wire, 'in-progress', { commitTimes: true })
  open.insert(tupleData([int64(1n)]), 0, 1)
  const batch = open.takeInProgress(7)
  expect(batch.commitTimes).toBe(true)
  expect(batch.vectors.map(({ name }) => name)).toEqual(['_op', 'c1'])
})

test('a row of another number of columns is an error, not a guess', () => {
  const table = changes([INT8, TEXT], KEY)
  expect(() => table.insert([int64(1n)])).toThrow('Reading a row of 1 columns where 2 were announced')
})

test('columns that are left out are skipped', () => {
  const { schema, wire } = tableOf([INT8, TEXT, TEXT], KEY)
  const builder = new ChangeBuilder(schema, [wire[0]!, { ...wire[1]!, column: undefined }, wire[2]!], 'changes')
  builder.beginTransaction(PREFIX, 0)
  builder.update(tupleData([int64(1n), UNCHANGED, UNCHANGED]), 0, 0, 0, 1)
  builder.insert(tupleData([int64(2n), 'secret', 'public']), 0, 2)
  expect(rowsOf(builder.take())).toEqual([
    { _op: 'u', _source_position: at(1), c1: 1n, _unchanged: ',3,' },
    { _op: 'i', _source_position: at(2), c1: 2n, c3: 'public' },
  ])
})

test('the reported bytes are those of the vectors', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.option(fc.string()), fc.option(fc.bigInt({ min: 0n, max: 99n }))), { minLength: 1 }),
      (rows) => {
        const table = changes([INT8, TEXT, INT8], KEY)
        for (const [text, number] of rows) table.insert([int64(1n), text, number === null ? null : int64(number)])
        const held = table.builder.bytes
        const batch = table.builder.take()
        const exact = batch.vectors.reduce(
          (bytes, vector) => bytes + vector.values.length + (vector.validity?.length ?? 0),
          0,
        )
        expect(batch.bytes).toBe(exact)
        // Before the end it is not known which columns need a bit for each row.
        expect(Math.abs(held - exact)).toBeLessThanOrEqual(rows.length + 8)
      },
    ),
  )
})
