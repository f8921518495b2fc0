/** Tables in which every change is a row. */
import { expect, it } from 'vitest'
import type { TableSchema } from '../../src/core/table-schema.ts'
import { randomHistory } from '../support/row-history.ts'
import type { ChangeRow, SnapshotRow } from '../support/stage-rows.ts'
import { dated } from '../support/version-history.ts'
import {
  at,
  before,
  column,
  type DestinationFixture,
  DrivenTable,
  ITEMS,
  LOADED_MS,
  never,
  schemaOf,
} from './destination-fixture.ts'
import { check, currentRows, playFlushes, startEmpty } from './history-player.ts'

const START_US = Date.UTC(2026, 10, 20) * 1000
const us = (second: number) => START_US + second * 1_000_000

const row = (id: number, name: string | null, note: string | null = null): SnapshotRow => ({
  values: { 1: String(id), 2: name, 3: note },
})
const insert = (lsn: number, id: number, name: string, note: string | null = null): ChangeRow => ({
  op: 'i',
  position: at(lsn),
  committedUs: us(lsn),
  ...row(id, name, note),
})
const update = (lsn: number, id: number, name: string, note: string | null = null): ChangeRow => ({
  ...insert(lsn, id, name, note),
  op: 'u',
})
/** The note is not sent, because it is unchanged. */
const touch = (lsn: number, id: number, name: string): ChangeRow => ({
  ...update(lsn, id, name),
  values: { 1: String(id), 2: name },
  unchanged: [3],
})
const remove = (lsn: number, id: number): ChangeRow => ({
  op: 'd',
  position: at(lsn),
  committedUs: us(lsn),
  values: { 1: String(id) },
})
const truncate = (lsn: number): ChangeRow => ({ op: 't', position: at(lsn), committedUs: us(lsn) })

export function describeLog(fixture: () => DestinationFixture): void {
  let tables = 0
  const nextSchema = () => ({ ...ITEMS, table: { ...ITEMS.table, name: `log_${++tables}` } })

  /** Live, with rows of a snapshot that was taken at second 0. */
  const live = async (rows: readonly SnapshotRow[], schema: TableSchema = ITEMS) => {
    const table = await DrivenTable.open(fixture(), schema, { write: 'append' })
    await table.snapshot(10, rows, 1, us(0))
    await table.promote(10, 10)
    return table
  }

  it('every change is a row, with what it was, when it was committed and where it stands', async () => {
    const table = await live([row(1, 'one'), row(2, 'two')])
    const changes = [update(15, 1, 'uno'), insert(16, 3, 'three'), remove(17, 2), truncate(18), insert(19, 1, 'eins')]
    expect(await table.merge(20, changes.slice(0, 2), changes.slice(2))).toEqual({
      table: ITEMS.table,
      inserted: 2,
      updated: 1,
      deleted: 1,
      quarantined: 0,
    })
    expect(await logOf(table)).toEqual([
      `${before(10)} 0 read 1 one NULL`,
      `${before(10)} 0 read 2 two NULL`,
      `${at(15)} 15 update 1 uno NULL`,
      `${at(16)} 16 insert 3 three NULL`,
      `${at(17)} 17 delete! 2 NULL NULL`,
      `${at(18)} 18 truncate! NULL NULL NULL`,
      `${at(19)} 19 insert 1 eins NULL`,
    ])
    expect(await currentOf(table, [row(1, 'eins')])).toEqual({ differing: 0, rows: 1 })
  })

  it('a change of key is the delete of the old one and the insert of the new one, at one position', async () => {
    const table = await live([row(1, 'one', 'long note')])
    await table.merge(20, [{ ...touch(15, 2, 'moved'), oldKey: { 1: '1' } }, touch(16, 2, 'touched')])
    expect((await logOf(table)).slice(1)).toEqual([
      `${at(15)} 15 delete! 1 NULL NULL`,
      `${at(15)} 15 insert 2 moved long note`,
      `${at(16)} 16 update 2 touched long note`,
    ])
    expect(await currentOf(table, [row(2, 'touched', 'long note')])).toEqual({ differing: 0, rows: 1 })
  })

  it('values that were not sent are those of the row before', async () => {
    const table = await live([row(1, 'one', 'first')])
    await table.merge(20, [touch(15, 1, 'a')])
    await table.merge(30, [touch(21, 1, 'b'), update(22, 1, 'c', 'second'), touch(23, 1, 'd')])
    await table.merge(40, [touch(31, 1, 'e'), remove(32, 1), insert(33, 1, 'f', 'third'), touch(34, 1, 'g')])
    const notes = (await logOf(table))
      .filter((each) => !each.includes('!'))
      .map((each) => each.split(' ').slice(-2).join(' '))
    expect(notes).toEqual(['one first', 'a first', 'b first', 'c second', 'd second', 'e second', 'f third', 'g third'])
  })

  it('values that were not sent, of a column that was gone before the table had it, are not asked for', async () => {
    const table = await live([row(1, 'one', 'first')])
    const wider = { ...ITEMS, columns: [...ITEMS.columns, column(4, 'brief', { kind: 'text' })], version: 2 }
    const changes: readonly ChangeRow[] = [
      { ...update(15, 1, 'a', 'second'), values: { 1: '1', 2: 'a', 3: 'second', 4: 'large' } },
      { ...update(16, 1, 'b', 'third'), unchanged: [4] },
    ]
    const file = await fixture().stage.changes(wider, changes)
    const part = table.part([file], before(10), { ...ITEMS, version: 3 })
    expect(await table.flushParts([part], before(20))).toMatchObject({ outcome: 'committed', tables: [{ updated: 2 }] })
    expect((await logOf(table)).slice(1)).toEqual([`${at(15)} 15 update 1 a second`, `${at(16)} 16 update 1 b third`])
  })

  it('a value that no row has is read again; where that is too late, it is NULL, in quarantine, and no base', async () => {
    const table = await live([])
    const { destination } = table
    const flush = async (to: number, changes: readonly ChangeRow[], reread: readonly SnapshotRow[]) => {
      const part = table.part(await table.stage([changes]), table.position ?? before(0))
      const asked = await table.flushParts([part], before(to))
      const files = reread.length === 0 ? [] : [await fixture().stage.snapshot(ITEMS, before(1), reread)]
      await table.flushParts([{ ...part, completion: { files } }], before(to))
      return asked
    }
    expect(
      await flush(20, [touch(15, 1, 'a'), touch(16, 2, 'b'), touch(17, 1, 'c')], [row(1, 'later', 'read')]),
    ).toEqual({
      outcome: 'incomplete',
      missing: [{ table: ITEMS.table, keys: ['["1"]', '["2"]'] }],
    })
    expect(await flush(30, [touch(25, 2, 'd')], [])).toMatchObject({ missing: [{ keys: ['["2"]'] }] })
    expect(await logOf(table)).toEqual([
      `${at(15)} 15 update 1 a read`,
      `${at(16)} 16 update 2 b NULL`,
      `${at(17)} 17 update 1 c read`,
      `${at(25)} 25 update 2 d NULL`,
    ])
    const entries = await destination.quarantine('shop', { limit: 10 }, never)
    expect(entries.map(({ key, column, position, reason }) => [key, column, position, reason])).toEqual([
      ['["2"]', 'note', at(25), 'unchanged value that is not known'],
      ['["2"]', 'note', at(16), 'unchanged value that is not known'],
    ])
  })

  // A transform that leaves a row out when it comes, and takes it in when it changes, sends no more than this.
  it('a row of before a truncate is no base for what comes after it', async () => {
    const table = await live([row(1, 'one', 'old'), row(3, 'three', 'old')])
    const moved: ChangeRow = { ...touch(19, 4, 'd'), oldKey: { 1: '3' } }
    const changes = [insert(15, 2, 'a', 'old'), truncate(16), touch(17, 1, 'b'), touch(18, 2, 'c'), moved]
    const part = table.part(await table.stage([changes]), before(10))
    expect(await table.flushParts([part], before(20))).toEqual({
      outcome: 'incomplete',
      missing: [{ table: ITEMS.table, keys: ['["1"]', '["2"]', '["4"]'] }],
    })
    const read = [row(1, 'b', 'new'), row(2, 'c', 'new'), row(4, 'd', 'new')]
    const files = [await fixture().stage.snapshot(ITEMS, before(19), read)]
    await table.flushParts([{ ...part, completion: { files } }], before(20))
    expect(await currentOf(table, read)).toEqual({ differing: 0, rows: 3 })
  })

  it('a table without a key has its inserts and truncates', async () => {
    const schema = schemaOf('journal', [column(1, 'a', { kind: 'text' })], { kind: 'append' })
    const put = (lsn: number, a: string): ChangeRow => ({
      op: 'i',
      position: at(lsn),
      committedUs: us(lsn),
      values: { 1: a },
    })
    const table = await live([{ values: { 1: 'x' } }, { values: { 1: 'x' } }], schema)
    await table.merge(20, [put(15, 'y'), put(16, 'y')])
    await table.merge(30, [truncate(25), put(26, 'z'), put(27, 'z')])
    expect(await told(table, 'a')).toEqual([
      'insert y',
      'insert y',
      'insert z',
      'insert z',
      'read x',
      'read x',
      'truncate NULL',
    ])
    const ids = (await fixture().rows('shop_public', 'journal')).map((each) => each._fivetran_id)
    expect(new Set(ids).size).toBe(7)
    expect(await currentOf(table, [{ values: { 1: 'z' } }, { values: { 1: 'z' } }])).toEqual({ differing: 0, rows: 2 })
  })

  it('of a table whose rows are known by their content, deletes are rows too', async () => {
    const bag = schemaOf('bag', [column(1, 'a', { kind: 'text' })], { kind: 'bag' })
    const content = (name: string) => ({ values: { 1: name }, contentHash: name.repeat(32) })
    const put = (op: 'i' | 'd', lsn: number, name: string): ChangeRow => ({
      op,
      position: at(lsn),
      committedUs: us(lsn),
      ...content(name),
    })
    const table = await live([content('a'), content('a'), content('b')], bag)
    await table.merge(20, [put('d', 15, 'a'), put('i', 16, 'c'), put('i', 17, 'c'), put('d', 18, 'c')])
    expect(await told(table, 'a')).toEqual([
      'delete a',
      'delete c',
      'insert c',
      'insert c',
      'read a',
      'read a',
      'read b',
    ])
    expect(await currentOf(table, [content('a'), content('b'), content('c')])).toEqual({ differing: 0, rows: 3 })
    expect(await currentOf(table, [content('a'), content('a')])).toEqual({ differing: 3, rows: 3 })
  })

  it('read anew, the log goes on with what has changed meanwhile', async () => {
    const table = await live([row(1, 'one'), row(2, 'two'), row(3, 'three'), row(4, 'four')])
    await table.merge(20, [update(15, 1, 'uno'), remove(16, 4)])
    const kept = await logOf(table)
    await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
    await table.snapshot(50, [row(1, 'uno'), row(2, 'zwei'), row(4, 'again')], 2, us(100))
    await table.promote(50, 50, [], 2)
    expect(await logOf(table)).toEqual([
      ...kept,
      `${before(50, 2)} 100 delete! 3 NULL NULL`,
      `${before(50, 2)} 100 read 2 zwei NULL`,
      `${before(50, 2)} 100 read 4 again NULL`,
    ])
    expect(await currentOf(table, [row(1, 'uno'), row(2, 'zwei'), row(4, 'again')])).toEqual({ differing: 0, rows: 3 })
  })

  it('read anew, a log without keys goes on behind a truncate', async () => {
    const schema = schemaOf('journal', [column(1, 'a', { kind: 'text' })], { kind: 'append' })
    const table = await live([{ values: { 1: 'x' } }], schema)
    await table.destination.resetCheckpoint(table.lease, table.schema.table, never)
    await table.snapshot(50, [{ values: { 1: 'x' } }, { values: { 1: 'y' } }], 2, us(100))
    await table.promote(50, 50, [], 2)
    expect(await told(table, 'a')).toEqual(['read x', 'read x', 'read y', 'truncate NULL'])
    expect(await currentOf(table, [{ values: { 1: 'x' } }, { values: { 1: 'y' } }])).toEqual({ differing: 0, rows: 2 })
  })

  it('rows that are read again are rows of the log where nothing newer is known; what is missing is deleted', async () => {
    const table = await live([row(1, 'one'), row(2, 'two'), row(3, 'three')])
    const { lease, destination, schema, target } = table
    const changes = await table.stage([[update(25, 1, 'uno'), remove(26, 4)]])
    await table.flushParts([{ ...table.part(changes, before(10)), tombstones: true }], before(30))
    const file = await fixture().stage.snapshot(
      schema,
      before(20),
      [row(1, 'old'), row(2, 'two'), row(4, 'old')],
      us(20),
    )
    const part = { ...table.part([file], before(30)), into: 'backfill' as const, tombstones: true }
    const flush = { lease, to: before(30), tables: [part], loadedMs: LOADED_MS }
    await destination.flush(flush, never)
    await destination.flush(flush, never)
    const end = { target, schema, position: before(20), deleteMissing: true, loadedMs: us(50) / 1000 }
    expect(await destination.finishBackfill(lease, { ...end, batchIds: [file.batchId] }, never)).toBe(1)
    expect((await logOf(table)).slice(3)).toEqual([
      `${before(20)} 20 read 2 two NULL`,
      `${before(20)} 50 delete! 3 NULL NULL`,
      `${at(25)} 25 update 1 uno NULL`,
      `${at(26)} 26 delete! 4 NULL NULL`,
    ])
  })

  it('however changes are cut, each is there once, whole, and the last ones are what the source has', async () => {
    await check(async (random) => {
      const history = dated(randomHistory(random, 6 + random(14), at), random)
      const table = await DrivenTable.open(fixture(), nextSchema(), { write: 'append' })
      await startEmpty(table)
      await playFlushes(table, history, random)
      const rows = await fixture().rows(table.target.namespace, table.target.name)
      expect(
        rows.map((each) => [each._source_position, each._op, each.id, each.name, each.note].join(' ')).sort(),
      ).toEqual(replayLog(history.flatMap(({ changes }) => changes)))
      expect(await currentOf(table, currentRows(history.at(-1)))).toMatchObject({ differing: 0 })
    })
  })
}

/** Each as `position second operation id name note`, `!` behind operations that leave nothing, in order. */
async function logOf(table: DrivenTable): Promise<string[]> {
  const rows = await table.fixture.rows(table.target.namespace, table.target.name)
  return rows
    .map((each) => {
      const second = (Date.parse(`${each._committed_at?.replace(' ', 'T')}:00`) * 1000 - START_US) / 1_000_000
      const gone = each._fivetran_deleted === 'true' ? '!' : ''
      const values = [each.id, each.name, each.note].map((value) => value ?? 'NULL')
      return [each._source_position, second, `${each._op}${gone}`, ...values].join(' ')
    })
    .sort()
}

async function told(table: DrivenTable, name: string): Promise<string[]> {
  const rows = await table.fixture.rows(table.target.namespace, table.target.name)
  return rows.map((each) => `${each._op} ${each[name] ?? 'NULL'}`).sort()
}

/** The latest state, held against rows of the source. */
async function currentOf(table: DrivenTable, rows: readonly SnapshotRow[]) {
  const { target, schema, fixture } = table
  const files = [await fixture.stage.snapshot(schema, before(1), rows)]
  const found = await table.destination.compare({ target, schema, files, limit: 10 }, never)
  return { differing: found.differing, rows: found.destinationRows }
}

/** One by one: `position operation id name note`. */
function replayLog(changes: readonly ChangeRow[]): string[] {
  const notes = new Map<string, string | null>()
  const log: string[] = []
  for (const { op, position, values, oldKey, unchanged } of changes) {
    if (position === undefined) continue
    const tell = (operation: string, id = '', name: string | null = '', note: string | null = '') =>
      log.push([position, operation, id, name ?? '', note ?? ''].join(' '))
    const id = String(values?.[1])
    if (op === 't') {
      notes.clear()
      tell('truncate')
    } else if (op === 'd') {
      notes.delete(id)
      tell('delete', id)
    } else {
      const from = oldKey?.[1] ?? id
      const note = unchanged === undefined ? (values?.[3] ?? null) : (notes.get(from) ?? null)
      if (oldKey !== undefined) {
        notes.delete(from)
        tell('delete', from)
      }
      notes.set(id, note)
      tell(op === 'i' || oldKey !== undefined ? 'insert' : 'update', id, values?.[2], note)
    }
  }
  return log.sort()
}
