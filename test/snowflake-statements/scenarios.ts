/** What makes a destination send every shape of statement that it has. */
import type { ColumnType } from '../../src/core/table-schema.ts'
import { at, before, column, DrivenTable, never, schemaOf } from '../contract/destination-fixture.ts'
import { us } from '../contract/version-changes.ts'
import type { ChangeRow } from '../support/stage-rows.ts'
import type { RecordedDestination } from './recorded-destination.ts'
import {
  begin,
  content,
  finish,
  ITEM_COLUMNS,
  insert,
  mergeCompleted,
  mergeTombstones,
  move,
  PAIR_COLUMNS,
  PAIR_IDENTITY,
  readAgain,
  readAnew,
  remove,
  row,
  tableOf,
  touch,
  truncate,
  update,
} from './scenario-calls.ts'

export interface Scenario {
  readonly title: string
  readonly play: (destination: RecordedDestination) => Promise<void>
}

const KINDS: readonly ColumnType['kind'][] = [
  'bool',
  'int16',
  'int32',
  'float32',
  'float64',
  'text',
  'bytes',
  'uuid',
  'json',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]

export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'The first call: tables of ours, the lease, checkpoints',
    play: async ({ destination }) => {
      await destination.checkpoints('shop', never)
      await destination.acquireLease('shop', never)
      await destination.checkpoints('shop', never)
    },
  },
  {
    title: 'A snapshot of every type, and its promotion',
    play: async (destination) => {
      const columns = [
        column(1, 'id', { kind: 'decimal', precision: 20, scale: 2 }),
        ...KINDS.map((kind, index) => column(index + 2, `a_${kind}`, { kind } as ColumnType)),
      ]
      const table = await begin(destination, schemaOf('every_type', columns), [{ values: { 1: '1.50' } }])
      await table.merge(20, [{ op: 'i', position: at(15), values: { 1: '2.50' } }])
    },
  },
  {
    title: 'Current state: new rows, changed rows, rows that are marked deleted',
    play: async (destination) => {
      const table = await begin(destination, tableOf('merge'), [row(1, 'one'), row(2, 'two')])
      await table.merge(20, [insert(15, 3)])
      await table.merge(30, [insert(25, 4), update(26, 1, 'uno')])
      await table.merge(40, [insert(35, 5), update(36, 1, 'eins'), remove(37, 2), remove(38, 5)])
      await table.merge(50, [insert(45, 2), insert(46, 1)])
      await table.merge(60)
    },
  },
  {
    title: 'Current state: rows that are removed',
    play: async (destination) => {
      const table = await begin(destination, tableOf('hard'), [row(1, 'one'), row(2, 'two')], { hardDelete: true })
      await table.merge(20, [insert(15, 3), update(16, 1, 'uno'), remove(17, 2)])
      await table.merge(30, [truncate(25), insert(26, 9)])
    },
  },
  {
    title: 'Current state: unchanged values, changes of key, truncates',
    play: async (destination) => {
      const table = await begin(destination, tableOf('lineage'), [row(1, 'one', '{}'), row(2, 'two', '{}')])
      await table.merge(20, [touch(15, 1, 'uno')])
      await table.merge(30, [update(24, 1, 'x'), touch(25, 1, 'eins'), move(26, 2, 7), move(27, 7, 8)])
      await mergeCompleted(table, 40, [touch(35, 70, 'new'), touch(36, 71, 'gone')], [row(70, 'newer', '[1]')])
      await mergeCompleted(table, 43, [move(41, 70, 72)], [row(72, 'newer', '[2]')])
      await table.merge(50, [insert(44, 50), truncate(45), insert(46, 51), truncate(47), insert(48, 52)])
    },
  },
  {
    title: 'Current state: a key of several columns, of types that have no plain literal',
    play: async (destination) => {
      const values = {
        1: '2026-01-31',
        2: '2026-01-31 01:02:03.5',
        3: '2026-01-31 01:02:03+00',
        4: 'ab',
        5: "it's \\ odd",
      }
      const table = await begin(destination, tableOf('pairs', PAIR_COLUMNS, PAIR_IDENTITY), [{ values }])
      await mergeTombstones(table, 20, [{ op: 'd', position: at(15), values }])
      await finish(table, [await readAgain(table, [{ values }])])
    },
  },
  {
    title: 'Current state: rows that are read again, and what is missing then',
    play: async (destination) => {
      for (const hardDelete of [false, true]) {
        const table = await begin(destination, tableOf('again'), [row(1, 'one'), row(2, 'two')], { hardDelete })
        await mergeTombstones(table, 30, [remove(25, 2), truncate(26), insert(27, 3)])
        const files = [await readAgain(table, [row(1, 'uno'), row(4, 'four')])]
        await finish(table, files, { range: { columnId: 1, from: '1', to: '9' } })
        await finish(table, files, { keys: ['["1"]'], deleteMissing: false })
        await finish(table, [])
      }
    },
  },
  {
    title: 'Rows without a key',
    play: async (destination) => {
      const columns = [column(1, 'a', { kind: 'text' })]
      const whole = (name: string) => ({ values: { 1: name }, contentHash: name.repeat(32) })
      for (const write of ['merge', 'history', 'append'] as const) {
        const bag = tableOf(`bag_${write}`, columns, { kind: 'bag' })
        const table = await begin(destination, bag, [whole('a'), whole('a')], { write })
        await table.merge(20, [content('i', 15, 'b'), content('d', 16, 'a')])
        await table.merge(30, [content('i', 24, 'b'), truncate(25), content('i', 26, 'a')])
        const files = [await destination.stage.snapshot(table.schema, before(99), [whole('a'), whole('c')])]
        await destination.destination.compare({ target: table.target, schema: table.schema, files, limit: 5 }, never)
      }
      for (const write of ['merge', 'append'] as const) {
        const journal = tableOf(`journal_${write}`, columns, { kind: 'append' })
        const table = await begin(destination, journal, [{ values: { 1: 'x' } }], { write })
        const put = (lsn: number): ChangeRow => ({
          op: 'i',
          position: at(lsn),
          committedUs: us(lsn),
          values: { 1: 'y' },
        })
        await table.merge(20, [put(15)])
        await table.merge(30, [truncate(25), put(26)])
        if (write === 'append') await readAnew(table, [{ values: { 1: 'x' } }])
      }
    },
  },
  {
    title: 'Every version',
    play: async (destination) => {
      const table = await begin(destination, tableOf('history'), [row(1, 'one', '{}'), row(2, 'two')], {
        write: 'history',
      })
      await table.merge(20, [insert(15, 3), update(16, 1, 'uno'), remove(17, 2)])
      await table.merge(30, [touch(24, 1, 'x'), touch(25, 1, 'eins'), move(26, 3, 7), insert(27, 2), remove(28, 2)])
      await table.merge(40, [insert(34, 50), truncate(35), insert(36, 51)])
      await mergeCompleted(table, 50, [touch(45, 70, 'new'), touch(46, 71, 'gone')], [row(70, 'newer', '[1]')])
      await mergeTombstones(table, 60, [remove(55, 51)])
      await finish(table, [await readAgain(table, [row(70, 'other'), row(4, 'four')])])
      await readAnew(table, [row(70, 'new', '[1]'), row(5, 'five')])
      const files = [await destination.stage.snapshot(table.schema, before(999), [row(70, 'x')])]
      await destination.destination.compare({ target: table.target, schema: table.schema, files, limit: 5 }, never)
    },
  },
  {
    title: 'Every change',
    play: async (destination) => {
      const table = await begin(destination, tableOf('log'), [row(1, 'one', '{}'), row(2, 'two')], { write: 'append' })
      await table.merge(20, [insert(15, 3)])
      await table.merge(30, [update(24, 1, 'uno'), touch(25, 1, 'eins'), move(26, 2, 7), remove(27, 3), truncate(28)])
      await mergeCompleted(table, 40, [touch(35, 70, 'new'), touch(36, 71, 'gone')], [row(70, 'newer', '[1]')])
      await mergeTombstones(table, 50, [remove(45, 70)])
      await finish(table, [await readAgain(table, [row(71, 'other'), row(4, 'four')])])
      await readAnew(table, [row(71, 'other'), row(5, 'five')])
      const files = [await destination.stage.snapshot(table.schema, before(999), [row(71, 'x')])]
      await destination.destination.compare({ target: table.target, schema: table.schema, files, limit: 5 }, never)
    },
  },
  {
    title: 'Quarantine',
    play: async (destination) => {
      const table = await begin(destination, tableOf('quarantine'), [row(1, 'one')])
      const quarantine = [{ columnId: 2, reason: 'numeric NaN', raw: 'NaN', key: '["2"]' }]
      await table.merge(20, [{ ...insert(15, 2), quarantine }, insert(16, 3, 'x', '{"broken": "\\ud800"}')])
      await destination.destination.quarantine('shop', { limit: 10 }, never)
      await destination.destination.quarantine('shop', { table: table.schema.table, limit: 10 }, never)
    },
  },
  {
    title: 'Columns that come, go, grow and are renamed',
    play: async (destination) => {
      const [id, name, note] = ITEM_COLUMNS
      if (id === undefined || name === undefined || note === undefined) throw new Error('Three columns')
      const table = await begin(destination, tableOf('schema', [...ITEM_COLUMNS, column(4, 'n', { kind: 'int32' })]), [
        row(1, 'one'),
      ])
      const added = column(5, 'amount', { kind: 'decimal', precision: 10, scale: 2 }, { missingValue: '7.00' })
      const columns = [id, { ...name, name: 'title' }, note, column(4, 'n', { kind: 'int64' }), added]
      table.schema = { ...table.schema, columns, version: 2 }
      await table.merge(20, [insert(15, 2)])
      const data = column(6, 'data', { kind: 'json' }, { missingValue: '{}' })
      const wide = column(4, 'n', { kind: 'text' })
      table.schema = { ...table.schema, columns: [id, wide, { ...added, type: { kind: 'text' } }, data], version: 3 }
      await table.merge(30, [insert(25, 3)])
    },
  },
  {
    title: 'A table that is read anew, leaves its group and comes back; comparisons',
    play: async (recorded) => {
      const { destination, stage } = recorded
      const table = await begin(recorded, tableOf('place'), [row(1, 'one'), row(2, 'two')])
      const { lease, target, schema } = table
      await table.merge(20, [insert(15, 3)])
      await readAnew(table, [row(1, 'uno'), row(3, 'three')])
      await destination.detach(lease, schema.table, never)
      const part = { ...table.part([], table.position ?? before(0)), into: 'rejoin' as const }
      await table.flushParts([part], table.position ?? before(0))
      const file = await stage.snapshot(schema, before(999), [row(1, 'x'), row(9, 'nine')])
      await destination.compare({ target, schema, files: [file], limit: 5 }, never)
      await destination.compare({ target, schema, files: [file], keys: ['["1"]'], limit: 5 }, never)
      await destination.examine([target], never)
      await destination.release()
    },
  },
  {
    title: 'A snapshot that is given up, one of two times, and a group that begins',
    play: async (recorded) => {
      const table = await DrivenTable.open(recorded, tableOf('times'))
      const { destination, lease, target, schema } = table
      const { stage } = recorded
      const quarantined = { columnId: 3, reason: 'json', raw: '{', key: '["1"]' }
      await destination.beginSnapshot(lease, target, schema, false, never)
      const spoilt = await stage.snapshot(schema, before(10), [{ ...row(1, 'one'), quarantine: [quarantined] }])
      await destination.loadSnapshot(lease, { target, files: [spoilt] }, never)
      await destination.beginSnapshot(lease, target, schema, false, never)
      const older = await stage.snapshot(schema, before(10), [row(1, 'one'), row(2, 'two')])
      const newer = await stage.snapshot(schema, before(20), [row(2, 'deux')])
      await destination.loadSnapshot(lease, { target, files: [older, newer] }, never)
      await destination.finishSnapshot(lease, target, schema, before(20), 2, never)
      table.group = '900000'
      table.position = undefined
      await table.promote(20, 30)
      await destination.resetCheckpoint(lease, schema.table, never)
      await destination.checkpoints('shop', never)
    },
  },
  {
    title: 'A table in another database, read twice',
    play: async (recorded) => {
      await recorded.run('CREATE DATABASE IF NOT EXISTS "elsewhere"')
      const table = await begin(recorded, tableOf('abroad'), [row(1, 'one')], { database: 'elsewhere' })
      await table.merge(20, [insert(15, 2), update(16, 1, 'uno')])
      await readAnew(table, [row(1, 'uno'), row(3, 'three')])
      await recorded.destination.examine([table.target], never)
    },
  },
  {
    title: 'Clustering, which is asked for, changed and ended',
    play: async (destination) => {
      const table = await begin(destination, tableOf('clustered'), [row(1, 'one')], { clusterBy: ['name', 'id'] })
      table.target = { ...table.target, clusterBy: ['id'] }
      await table.merge(20, [insert(15, 3)])
      table.target = { ...table.target, clusterBy: [] }
      await table.merge(30, [insert(25, 4)])
    },
  },
  {
    title: 'Days that are removed',
    play: async (recorded) => {
      const columns = [column(1, 'id', { kind: 'int64' }), column(2, 'sold', { kind: 'date' })]
      const table = await begin(recorded, tableOf('days', columns, { kind: 'append' }), [])
      const { stage } = recorded
      const sale = (lsn: number): ChangeRow => ({ op: 'i', position: at(lsn), values: { 1: '1', 2: '2024-03-01' } })
      await table.merge(20, [sale(15)])
      const gone: ChangeRow = { op: 'p', position: at(25), values: { 2: '2024-03-01' } }
      const files = [await stage.removal(table.schema, 2, [gone]), await stage.changes(table.schema, [sale(26)])]
      await table.flushParts([table.part(files, before(20))], before(30))
    },
  },
]
