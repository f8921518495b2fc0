import { expect, test } from 'vitest'
import { tupleData } from '../../../test/support/wire-tuples.ts'
import type { PostgresType } from '../../columnar/postgres-type.ts'
import type { WireColumn } from '../../columnar/wire-column.ts'
import { boundary, positionPrefix } from '../../core/position.ts'
import type { StreamEvent } from '../../core/source.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import { type RowBounds, RowBuffers } from './row-buffers.ts'
import { FollowedTable, OpenTransaction, type RowBuffer } from './stream-state.ts'

const TEXT: PostgresType = { oid: 25, name: 'text', typmod: -1, kind: 'base', hasSend: true }
const UNBOUNDED: RowBounds = { batchRowsMax: 1e9, batchBytesMax: 1e12, memoryBytesMax: 1e12 }

function table(name: string): FollowedTable {
  const schema: TableSchema = {
    table: { source: 'shop', namespace: 'public', name },
    columns: [{ id: 1, name: 'v', type: { kind: 'text' }, sourceType: 'text', nullable: true }],
    identity: { kind: 'append' },
    version: 1,
  }
  const request = { table: schema.table, exclude: [], typeOverrides: {} }
  const followed = new FollowedTable({ schema, request, startAt: boundary(1, 0n) }, 1)
  followed.wire = [{ column: schema.columns[0], type: TEXT, binary: 'per-value' } satisfies WireColumn]
  return followed
}

class Scene {
  readonly events: StreamEvent[] = []
  readonly buffers: RowBuffers
  #ordinal = 0

  constructor(bounds: Partial<RowBounds>) {
    this.buffers = new RowBuffers({ ...UNBOUNDED, ...bounds })
  }

  open(name: string, transaction?: OpenTransaction): RowBuffer {
    const followed = table(name)
    const rows = this.buffers.open(followed, followed.wire ?? [], transaction)
    if (transaction === undefined) rows.builder.beginTransaction(positionPrefix(1, 1n), 0)
    return rows
  }

  /** Rows of one value each. */
  append(rows: RowBuffer, count: number, valueBytes: number): void {
    const tuple = tupleData([Buffer.alloc(valueBytes, 'x')])
    for (let index = 0; index < count; index++) {
      this.#ordinal++
      rows.builder.insert(tuple, 0, this.#ordinal)
      if (this.buffers.appended(rows, tuple.length)) this.buffers.relieve(rows, this.events)
      if (rows.transaction === undefined && rows.transactionNumber === 0) {
        rows.builder.beginTransaction(positionPrefix(1, 1n), 0)
      }
    }
  }

  get yielded(): string[] {
    return this.events.map((event) =>
      event.kind === 'changes' || event.kind === 'in-progress'
        ? `${event.kind} ${event.batch.schema.table.name} ${event.batch.rows}`
        : event.kind,
    )
  }
}

test('rows of a transaction in progress leave in smaller batches, which become parts of one file', () => {
  const scene = new Scene({})
  scene.append(scene.open('a', new OpenTransaction(7)), 20, 1024 * 1024)
  scene.append(scene.open('b'), 20, 1024 * 1024)
  expect(scene.yielded).toEqual(['in-progress a 8', 'in-progress a 8'])
})

test('a batch leaves when it has its number of rows', () => {
  const scene = new Scene({ batchRowsMax: 10 })
  const rows = scene.open('a')
  scene.append(rows, 25, 1)
  expect(scene.yielded).toEqual(['changes a 10', 'changes a 10'])
  scene.buffers.takeCommitted(scene.events)
  scene.buffers.takeCommitted(scene.events)
  expect(scene.yielded).toEqual(['changes a 10', 'changes a 10', 'changes a 5'])
})

test('a batch leaves when it has its number of bytes, however large a row is', () => {
  const scene = new Scene({ batchBytesMax: 1_000_000 })
  scene.append(scene.open('a'), 3, 2_000_000)
  expect(scene.yielded).toEqual(['changes a 1', 'changes a 1', 'changes a 1'])
})

test('when all rows together are too many, the largest buffers leave first, and only as many as must', () => {
  const scene = new Scene({ memoryBytesMax: 10_000_000 })
  const open = new OpenTransaction(77)
  const [small, middle, large] = [scene.open('small'), scene.open('middle', open), scene.open('large')]
  scene.append(small, 10, 50_000)
  scene.append(middle, 30, 100_000)
  scene.append(large, 60, 100_000)
  expect(scene.yielded).toEqual([])
  expect(open.yielded).toBe(false)
  scene.append(small, 20, 50_000)
  expect(scene.yielded).toEqual(['changes large 60'])
  scene.append(middle, 70, 100_000)
  expect(scene.yielded).toEqual(['changes large 60', expect.stringMatching(/^in-progress middle/)])
  expect(open.yielded).toBe(true)
})

test('what is dropped is not yielded and makes room', () => {
  const scene = new Scene({ memoryBytesMax: 5_000_000 })
  const open = new OpenTransaction(77)
  for (let round = 0; round < 20; round++) {
    const rows = scene.open('a', open)
    scene.append(rows, 40, 100_000)
    scene.buffers.drop(rows)
  }
  expect(scene.yielded).toEqual([])
})

test('closing a table yields its rows, committed and in progress', () => {
  const scene = new Scene({})
  const open = new OpenTransaction(77)
  const followed = table('a')
  followed.changes = scene.buffers.open(followed, followed.wire ?? [], undefined)
  followed.changes.builder.beginTransaction(positionPrefix(1, 1n), 0)
  const inProgress = scene.buffers.open(followed, followed.wire ?? [], open)
  open.buffers.set(followed, inProgress)
  const other = scene.open('b')
  for (const rows of [followed.changes, inProgress, other]) scene.append(rows, 2, 5)
  scene.buffers.closeTable(followed, scene.events)
  expect(scene.yielded.sort()).toEqual(['changes a 2', 'in-progress a 2'])
  expect(followed.changes).toBeUndefined()
  expect(open.buffers.size).toBe(0)
})

test('small batches do not cut a large transaction into as many parts', () => {
  const scene = new Scene({ batchRowsMax: 10 })
  const rows = scene.open('a', new OpenTransaction(7))
  scene.append(rows, 25, 1)
  expect(scene.yielded).toEqual(['in-progress a 10', 'in-progress a 10'])
  scene.append(rows, 20_000, 1)
  scene.buffers.take(rows, scene.events)
  const parts = scene.events.map((event) => (event.kind === 'in-progress' ? event.batch.rows : 0))
  expect(parts.length).toBeLessThan(150)
  expect(parts.reduce((sum, part) => sum + part)).toBe(20_025)
})
