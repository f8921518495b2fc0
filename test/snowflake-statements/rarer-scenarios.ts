/** What makes a destination send the parts of statements that the usual course of a table does not have. */
import type { ColumnType, TableSchema } from '../../src/core/table-schema.ts'
import { at, before, column, type DrivenTable, LOADED_MS, never } from '../contract/destination-fixture.ts'
import { us } from '../contract/version-changes.ts'
import type { ChangeRow, SnapshotRow } from '../support/stage-rows.ts'
import type { RecordedDestination } from './recorded-destination.ts'
import {
  begin,
  content,
  finish,
  insert,
  mergeCompleted,
  move,
  readAgain,
  readAnew,
  row,
  tableOf,
  touch,
  update,
} from './scenario-calls.ts'
import type { Scenario } from './scenarios.ts'

const ID = column(1, 'id', { kind: 'int64' }, { nullable: false })
const NAME = column(2, 'name', { kind: 'text' })
const NOTE = column(3, 'note', { kind: 'text' })
const PLAIN = [ID, NAME, NOTE]

async function mergeFiles(table: DrivenTable, to: number, schemas: readonly (readonly [TableSchema, ChangeRow])[]) {
  const { stage } = table.fixture
  const files = []
  for (const [schema, change] of schemas) files.push(await stage.changes(schema, [change]))
  await table.flushParts([table.part(files, table.position ?? before(0))], before(to))
}

async function compare({ fixture, target, schema, destination }: DrivenTable, rows: readonly SnapshotRow[]) {
  const files = rows.length === 0 ? [] : [await fixture.stage.snapshot(schema, before(999), rows)]
  await destination.compare({ target, schema, files, limit: 5 }, never)
}

export const RARER_SCENARIOS: readonly Scenario[] = [
  {
    title: 'A flush whose lease another process has taken',
    play: async (destination) => {
      const table = await begin(destination, tableOf('lost', PLAIN), [row(1, 'one')])
      await destination.destination.acquireLease('shop', never)
      await table.merge(20, [insert(15, 2)]).catch(() => undefined)
    },
  },
  {
    title: 'Columns that come with a value, files that were staged before them, columns that are gone',
    play: async (destination) => {
      for (const write of ['merge', 'history'] as const) {
        const count = column(4, 'count', { kind: 'int32' })
        const table = await begin(destination, tableOf('older', [...PLAIN, count]), [row(1, 'one')], { write })
        const first = table.schema
        const kinds: readonly (readonly [ColumnType, string | undefined])[] = [
          [{ kind: 'text' }, "it's new"],
          [{ kind: 'text' }, undefined],
          [{ kind: 'bool' }, 't'],
          [{ kind: 'decimal', precision: 8, scale: 2 }, '9.5'],
          [{ kind: 'bytes' }, '\\x00ff'],
          [{ kind: 'date' }, '2026-11-20'],
          [{ kind: 'date' }, undefined],
        ]
        const added = kinds.map(([type, missingValue], index) =>
          column(index + 5, `added_${index}`, type, missingValue === undefined ? {} : { missingValue }),
        )
        table.schema = { ...first, version: 2, columns: [...PLAIN, { ...count, type: { kind: 'int64' } }, ...added] }
        const second = table.schema
        await mergeFiles(table, 20, [
          [first, insert(15, 2)],
          [second, insert(16, 3)],
        ])
        table.schema = { ...first, version: 3, columns: [...PLAIN, { ...count, type: { kind: 'text' } }, ...added] }
        await mergeFiles(table, 30, [
          [second, insert(25, 4)],
          [table.schema, insert(26, 5)],
        ])
        table.schema = { ...first, version: 4, columns: [...PLAIN, ...added.slice(1)] }
        await mergeFiles(table, 40, [[table.schema, insert(35, 6)]])
        table.schema = { ...table.schema, columns: [...table.schema.columns, column(90, 'later', { kind: 'text' })] }
        await compare(table, [row(1, 'one')])
      }
      const number = column(2, 'number', { kind: 'int64' })
      const wide = await begin(destination, tableOf('wider', [ID, number]), [{ values: { 1: '1', 2: '5' } }])
      const decimal = { ...number, type: { kind: 'decimal', precision: 38, scale: 2 } as const }
      wide.schema = { ...wide.schema, version: 2, columns: [ID, decimal] }
      await wide.merge(20, [{ op: 'i', position: at(15), values: { 1: '2', 2: '5.00' } }])
      wide.schema = { ...wide.schema, version: 3, columns: [ID] }
      await wide.merge(30, [{ op: 'i', position: at(25), values: { 1: '3' } }])
    },
  },
  {
    title: 'Keys below zero; of two columns, which rows move to; values that come from anywhere',
    play: async (destination) => {
      for (const write of ['merge', 'history', 'append'] as const) {
        const rows = [row(-1, 'one', 'x'), row(2, 'two', 'y')]
        const table = await begin(destination, tableOf('below', PLAIN), rows, { write })
        await table.merge(20, [touch(15, -1, 'uno')])
        await table.merge(30, [update(24, 2, 'deux'), touch(25, 2, 'zwei'), touch(26, -1, 'eins')])
        await table.merge(40, [{ ...insert(34, -5), oldKey: { 1: '-1' }, op: 'u' }])
        await table.merge(50, [move(45, -5, 7), move(46, 7, 8), touch(47, 8, 'moved')])
        await table.merge(60, [insert(55, 9, 'new', 'z'), touch(56, 9, 'newer')])
        const change = [touch(64, 2, 'known'), touch(65, 70, 'unknown'), touch(66, 71, 'gone')]
        await mergeCompleted(table, 70, change, [row(70, 'read', 'r')])
      }
      const line = [
        column(6, 'no', { kind: 'text' }),
        column(1, 'id', { kind: 'int64' }),
        column(7, 'qty', { kind: 'text' }),
        column(8, 'more', { kind: 'text' }),
      ]
      const lines = tableOf('lines', line, { kind: 'key', columnIds: [1, 6] })
      for (const hardDelete of [false, true]) {
        const values = { 1: '1', 6: 'a', 7: 'x', 8: 'y' }
        const table = await begin(
          destination,
          { ...lines, table: { ...lines.table, name: `lines_${hardDelete}` } },
          [{ values }],
          { hardDelete },
        )
        const moved = { op: 'u' as const, committedUs: us(15), unchanged: [7] }
        await table.merge(20, [
          { ...moved, position: at(15), values: { 1: '1', 6: 'b', 8: 'z' }, oldKey: { 1: '1', 6: 'a' } },
          { ...moved, position: at(16), values: { 1: '2', 6: 'b', 8: 'z' }, oldKey: { 1: '1', 6: 'b' } },
        ])
        await table.merge(30, [
          { ...moved, position: at(25), values: { 1: '2', 6: 'b' }, unchanged: [7, 8] },
          { ...moved, position: at(26), values: { 1: '2', 6: 'b', 7: 'new' }, unchanged: [8] },
        ])
      }
    },
  },
  {
    title: 'Rows that were read again and are as they were; versions of rows without JSON',
    play: async (destination) => {
      for (const write of ['append', 'history'] as const) {
        const spoilt = await begin(destination, tableOf('spoilt', PLAIN), [row(1, 'one')], { write })
        const quarantine = [{ columnId: 3, reason: 'text', raw: 'x', key: '["1"]' }]
        spoilt.schema = { ...spoilt.schema, version: 2, columns: [...PLAIN, column(4, 'more', { kind: 'text' })] }
        await readAnew(spoilt, [{ ...row(1, 'one'), quarantine }, row(2, 'two')])
      }
      const table = await begin(destination, tableOf('polled', PLAIN), [row(1, 'one'), row(2, 'two')], {
        write: 'history',
      })
      await table.merge(20, [insert(15, 1, 'one'), insert(16, 2, 'deux'), insert(17, 2, 'deux')])
      await table.merge(25, [insert(21, 1, 'one')], [{ op: 'i', position: at(22), values: { 1: '8', 2: 'acht' } }])
      await finish(table, [await readAgain(table, [row(1, 'one'), row(3, 'three')])])
      await readAnew(table, [row(1, 'one'), row(2, 'other')])
      await compare(table, [])
      await compare(table, [row(1, 'one'), row(9, 'nine')])
    },
  },
  {
    title: 'A promotion with changes that were staged while the table was read',
    play: async (destination) => {
      for (const write of ['merge', 'history', 'append'] as const) {
        const table = await begin(destination, tableOf('meanwhile', PLAIN), [row(1, 'one')], { write })
        await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
        await table.snapshot(500, [row(1, 'uno'), row(2, 'two')], 2, us(500))
        const files = await table.stage([
          [touch(499, 1, 'x'), touch(501, 1, 'y')],
          [touch(502, 2, 'z'), move(503, 2, 3), move(504, 3, 4)],
        ])
        await table.promote(500, 510, files, 2).catch(() => undefined)
      }
      const torn = await begin(destination, tableOf('torn', PLAIN), [], { write: 'history' })
      const { lease, target, schema } = torn
      await torn.destination.resetCheckpoint(lease, undefined, never)
      await torn.destination.beginSnapshot(lease, target, schema, false, never)
      const read = [
        await destination.stage.snapshot(schema, before(600), [row(1, 'one')], us(600)),
        await destination.stage.snapshot(schema, before(620), [row(2, 'two')], us(620)),
      ]
      await torn.destination.loadSnapshot(lease, { target, files: read }, never)
      await torn.destination.finishSnapshot(lease, target, schema, before(600), 2, never)
      torn.position = undefined
      await torn.promote(600, 600)
      await torn.merge(630, [touch(610, 1, 'uno'), move(611, 1, 3), move(612, 3, 4), touch(621, 2, 'due')])
      const both = await begin(destination, tableOf('joined', PLAIN), [row(1, 'one')])
      const files = [
        await destination.stage.snapshot(both.schema, before(20), [row(1, 'uno')], us(20)),
        await destination.stage.snapshot(both.schema, before(21), [row(2, 'due')], us(21)),
      ]
      const to = both.position ?? before(0)
      const part = { ...both.part(files, to), into: 'backfill' as const, tombstones: true }
      const flush = { lease: both.lease, to, tables: [part], loadedMs: LOADED_MS }
      await both.destination.flush(flush, never)
      await finish(both, files)
    },
  },
  {
    title: 'Rows without any column, and bags of changes',
    play: async (destination) => {
      for (const write of ['merge', 'append', 'history'] as const) {
        const bag = tableOf(`nothing_${write}`, [], { kind: 'bag' })
        const whole = (hash: string) => ({ values: {}, contentHash: hash.repeat(32) })
        const table = await begin(destination, bag, [whole('a')], { write })
        await table.merge(20, [{ ...content('i', 15, 'a'), values: {} }])
        await table.merge(30, [{ ...content('d', 25, 'a'), values: {} }])
        await compare(table, [whole('a')])
      }
      const moments = [column(1, 'at', { kind: 'timestamp' }), column(2, 'day', { kind: 'date' })]
      const dated = await begin(destination, tableOf('moments', moments, { kind: 'bag' }), [])
      await compare(dated, [{ values: { 1: '2026-01-31 01:02:03.5', 2: '2026-01-31' }, contentHash: 'b'.repeat(32) }])
      const journal = tableOf('journal', [column(1, 'a', { kind: 'text' })], { kind: 'append' })
      for (const write of ['merge', 'append'] as const) {
        const named = { ...journal, table: { ...journal.table, name: `journal_of_${write}` } }
        const table = await begin(destination, named, [{ values: { 1: 'x' } }], { write })
        await compare(table, [{ values: { 1: 'x' } }])
      }
    },
  },
  {
    title: 'Days of times',
    play: async (recorded) => {
      for (const kind of ['timestamp', 'timestamptz'] as const) {
        const zone = kind === 'timestamptz' ? '+00' : ''
        const days = tableOf('times', [ID, column(2, 'sold', { kind })], { kind: 'key', columnIds: [1] })
        const table = await begin(recorded, days, [])
        await table.merge(20, [{ op: 'i', position: at(15), values: { 1: '1', 2: `2024-03-01 12:00:00${zone}` } }])
        const gone: ChangeRow = { op: 'p', position: at(25), values: { 2: `2024-03-01 00:00:00${zone}` } }
        const files = [await recorded.stage.removal(table.schema, 2, [gone])]
        await table.flushParts([table.part(files, before(20))], before(30))
      }
    },
  },
  {
    title: 'Rows of a file that have one position',
    play: async (recorded) => {
      const journal = tableOf('parts', [column(1, 'a', { kind: 'text' })], { kind: 'append' })
      const table = await begin(recorded, journal, [])
      const files = await table.stage([['x', 'y'].map((a) => ({ op: 'i', position: at(15), values: { 1: a } }))])
      await table.flushParts([table.part(files, before(10))], before(20))
    },
  },
  {
    title: 'What a stream goes on from, kept with the rows',
    play: async (recorded) => {
      const table = await begin(recorded, tableOf('kept', PLAIN), [row(1, 'one')])
      const token = { token: '{}', schema: table.schema }
      await table.flushParts([{ ...table.part(await table.stage([[insert(15, 2)]]), before(10)), token }], before(20))
      const { destination, lease, schema } = table
      await destination.tokens('shop', never)
      await destination.resetCheckpoint(lease, schema.table, never)
      await destination.resetCheckpoint(lease, undefined, never)
    },
  },
]

/** With files in a bucket: no uploads, and a stage of another kind. */
export async function playExternal(recorded: RecordedDestination): Promise<void> {
  const table = await begin(recorded, tableOf('outside', PLAIN), [row(1, 'one')])
  await table.merge(20, [insert(15, 2)])
  await recorded.destination.examine([table.target], never)
}
