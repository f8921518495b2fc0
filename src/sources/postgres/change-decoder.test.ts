import { expect, test } from 'vitest'
import { batchRows } from '../../../test/support/stream-replica.ts'
import { int16, int32, int64, tupleData } from '../../../test/support/wire-tuples.ts'
import type { PostgresType } from '../../columnar/postgres-type.ts'
import { boundary, position } from '../../core/position.ts'
import type { StreamEvent } from '../../core/source.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import { BoundaryPacer } from './boundary-pacer.ts'
import { ChangeDecoder, type Outcome } from './change-decoder.ts'
import { RowBuffers } from './row-buffers.ts'
import { FollowedTable } from './stream-state.ts'

const TEXT: PostgresType = { oid: 25, name: 'text', typmod: -1, kind: 'base', hasSend: true }
const GENERATION = 1

function schemaOf(name: string): TableSchema {
  return {
    table: { source: 'shop', namespace: 'public', name },
    columns: [{ id: 1, name: 'v', type: { kind: 'text' }, sourceType: 'text', nullable: true }],
    identity: { kind: 'key', columnIds: [1] },
    version: 1,
  }
}

/** A decoder whose relations resolve by themselves, as one column of text. */
class Scene {
  readonly events: StreamEvent[] = []
  readonly tables = new Map<string, FollowedTable>()
  readonly buffers = new RowBuffers({ batchRowsMax: 1e6, batchBytesMax: 1e9, memoryBytesMax: 1e9 })
  readonly pacer = new BoundaryPacer(1000, 0n, 0)
  readonly decoder = new ChangeDecoder(GENERATION, this.tables, this.buffers, this.pacer, this.events)
  /** Number of columns of each description that rows were taken by. */
  readonly resolved: number[] = []

  constructor(...names: string[]) {
    for (const name of names) {
      const schema = schemaOf(name)
      const request = { table: schema.table, exclude: [], typeOverrides: {} }
      const table = new FollowedTable({ schema, request, startAt: boundary(GENERATION, 0n) }, GENERATION)
      this.tables.set(table.name, table)
    }
  }

  take(...messages: Buffer[]): Outcome {
    let outcome: Outcome = 'done'
    for (const message of messages) {
      outcome = this.decoder.take(message, 0, message.length)
      while (outcome === 'relation') {
        const { relation, table } = this.decoder.unresolved!
        this.resolved.push(relation.message.columns.length)
        this.buffers.closeTable(table, this.events)
        table.wire = relation.message.columns.map((_, index) => ({
          column: index === 0 ? table.schema.columns[0] : undefined,
          type: TEXT,
          binary: 'per-value',
        }))
        relation.wire = table.wire
        outcome = this.decoder.take(message, 0, message.length)
      }
    }
    return outcome
  }

  positions(): string[] {
    this.buffers.takeCommitted(this.events)
    return this.events.flatMap((event) =>
      event.kind === 'changes' ? batchRows(event.batch).map((row) => String(row._source_position)) : [],
    )
  }
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`)
const begin = (lsn: bigint, xid = 7): Buffer =>
  Buffer.concat([text('B').subarray(0, 1), int64(lsn), int64(0n), int32(xid)])
const commit = (lsn: bigint): Buffer => Buffer.concat([Buffer.from('C\0'), int64(lsn), int64(lsn + 8n), int64(0n)])
const relation = (oid: number, name: string, columns: number, xid?: number): Buffer =>
  Buffer.concat([
    Buffer.from('R'),
    ...(xid === undefined ? [] : [int32(xid)]),
    int32(oid),
    text('public'),
    text(name),
    Buffer.from('d'),
    int16(columns),
    ...Array.from({ length: columns }, (_, index) =>
      Buffer.concat([Buffer.from([index === 0 ? 1 : 0]), text(`c${index}`), int32(25), int32(-1)]),
    ),
  ])
const insert = (oid: number, values: string[], xid?: number): Buffer =>
  Buffer.concat([
    Buffer.from('I'),
    ...(xid === undefined ? [] : [int32(xid)]),
    int32(oid),
    Buffer.from('N'),
    tupleData(values),
  ])
const streamStart = (xid: number): Buffer => Buffer.concat([Buffer.from('S'), int32(xid), Buffer.from([1])])
const streamStop = Buffer.from('E')
const streamAbort = (xid: number, subxid: number): Buffer =>
  Buffer.concat([Buffer.from('A'), int32(xid), int32(subxid)])
const streamCommit = (xid: number, lsn: bigint): Buffer =>
  Buffer.concat([Buffer.from('c'), int32(xid), Buffer.from([0]), int64(lsn), int64(lsn + 8n), int64(0n)])

const at = (lsn: bigint, ordinal: number): string => position(GENERATION, lsn, ordinal)

test('a change has the same place in its transaction whoever else is followed', () => {
  const transaction = [
    begin(100n),
    relation(1, 'a', 1),
    relation(2, 'b', 1),
    insert(2, ['x']),
    insert(1, ['1']),
    insert(2, ['y']),
    insert(1, ['2']),
    commit(100n),
  ]
  const alone = new Scene('a')
  alone.take(...transaction)
  const both = new Scene('a', 'b')
  both.take(...transaction)
  expect(alone.positions()).toEqual([at(100n, 3), at(100n, 7)])
  expect(both.positions().sort()).toEqual([at(100n, 1), at(100n, 3), at(100n, 5), at(100n, 7)])
})

test('a description inside a transaction in progress holds for nobody else while it is open, and not when it aborts', () => {
  const scene = new Scene('a')
  scene.take(begin(100n), relation(1, 'a', 1), insert(1, ['1']), commit(100n))
  scene.take(streamStart(50), relation(1, 'a', 2, 50), insert(1, ['2', 'x'], 50), streamStop)
  scene.take(begin(200n), insert(1, ['3']), commit(200n))
  scene.take(streamAbort(50, 50))
  scene.take(begin(300n), insert(1, ['4']), commit(300n))
  expect(scene.resolved).toEqual([1, 2, 1])
  expect(scene.positions()).toEqual([at(100n, 1), at(200n, 1), at(300n, 1)])
})

test('a description inside a transaction holds for all when it has committed, unless a later one came', () => {
  const scene = new Scene('a')
  scene.take(streamStart(50), relation(1, 'a', 2, 50), insert(1, ['1', 'x'], 50), streamStop)
  scene.take(streamCommit(50, 100n), begin(200n), insert(1, ['2', 'y']), commit(200n))
  expect(scene.resolved).toEqual([2])
  scene.take(streamStart(51), relation(1, 'a', 3, 51), insert(1, ['3', 'x', 'z'], 51), streamStop)
  scene.take(begin(300n), relation(1, 'a', 1), insert(1, ['4']), commit(300n))
  scene.take(streamCommit(51, 400n), begin(500n), insert(1, ['5']), commit(500n))
  expect(scene.resolved).toEqual([2, 3, 1])
})

test('a transaction that was received in part is not over until the rest of it has come', () => {
  const scene = new Scene('a')
  scene.take(begin(100n), relation(1, 'a', 1), insert(1, ['1']), insert(1, ['2']))
  expect(scene.decoder.restart()).toBe(100n)
  expect(scene.decoder.isBetweenTransactions).toBe(false)
  scene.take(begin(100n))
  expect(scene.decoder.restart()).toBe(100n)
  scene.take(begin(100n), relation(1, 'a', 1), insert(1, ['1']), insert(1, ['2']), insert(1, ['3']))
  expect(scene.decoder.isBetweenTransactions).toBe(false)
  expect(scene.take(commit(100n))).toBe('committed')
  expect(scene.decoder.isBetweenTransactions).toBe(true)
  expect(scene.positions()).toEqual([at(100n, 1), at(100n, 3), at(100n, 5)])
  expect(scene.pacer.take(0)).toMatchObject({ transactions: 1, changes: 3, lsn: 108n })
  expect(scene.decoder.restart()).toBe(108n)
})

test('rows in progress are forgotten when the connection ends, and said to be', () => {
  const scene = new Scene('a')
  scene.take(streamStart(50), relation(1, 'a', 1, 50), insert(1, ['1'], 50), streamStop)
  scene.take(streamStart(51), relation(1, 'a', 1, 51), insert(1, ['2'], 51), streamStop)
  scene.buffers.closeTable(scene.tables.get('public.a')!, scene.events)
  scene.take(streamStart(52), relation(1, 'a', 1, 52), insert(1, ['3'], 52), streamStop)
  scene.decoder.restart()
  expect(scene.events.map((event) => event.kind)).toEqual([
    'in-progress',
    'in-progress',
    'transaction-aborted',
    'transaction-aborted',
  ])
})

test('an end without a beginning is the end of nothing', () => {
  const scene = new Scene('a')
  expect(scene.take(streamAbort(50, 50))).toBe('done')
  expect(scene.take(streamAbort(50, 51))).toBe('done')
  expect(scene.take(streamCommit(50, 100n))).toBe('committed')
  expect(scene.events).toEqual([])
})

test.each([
  ['an unknown type', [Buffer.from('?')]],
  ['a commit without a transaction', [commit(1n)]],
  ['a transaction inside a transaction', [begin(1n), begin(2n)]],
  ['a block inside a transaction', [begin(1n), streamStart(5)]],
  ['a change of a relation that was not described', [begin(1n), insert(9, ['x'])]],
  ['a description that is cut', [begin(1n), relation(1, 'a', 2).subarray(0, 20)]],
])('%s is an error', (_, messages) => {
  expect(() => new Scene('a').take(...messages)).toThrow(expect.objectContaining({ code: 'source_protocol' }))
})
