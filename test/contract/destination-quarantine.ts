/** What has no representation is kept, with its rows and once. */
import { expect, it } from 'vitest'
import {
  at,
  before,
  column,
  type DestinationFixture,
  DrivenTable,
  LOADED_MS,
  never,
  schemaOf,
} from './destination-fixture.ts'

const SCHEMA = schemaOf('docs', [
  column(1, 'id', { kind: 'int64' }),
  column(2, 'doc', { kind: 'json' }),
  column(3, 'amount', { kind: 'decimal', precision: 10, scale: 2 }),
])
const NAN = { columnId: 3, reason: 'numeric NaN', raw: 'NaN', key: '["2"]' }

export function describeQuarantine(fixture: () => DestinationFixture): void {
  const list = () => fixture().destination.quarantine('shop', { limit: 100 }, never)

  it('values in quarantine come with the rows they belong to, under the name of their column, and once', async () => {
    const table = await DrivenTable.live(fixture(), SCHEMA, [
      { values: { 1: '1', 2: '{}', 3: null }, quarantine: [{ ...NAN, key: '["1"]' }] },
    ])
    const files = await table.stage([
      [{ op: 'i', position: at(11), values: { 1: '2', 2: '[]', 3: null }, quarantine: [NAN] }],
    ])
    const flush = table.flushOf([table.part(files, before(10))], before(20))
    expect(await table.destination.flush(flush, never)).toMatchObject({ tables: [{ inserted: 1, quarantined: 1 }] })
    await table.destination.flush(flush, never)
    const id = expect.stringMatching(/^[0-9a-f]{12}$/)
    const entry = { id, table: SCHEMA.table, column: 'amount', reason: 'numeric NaN', raw: 'NaN' }
    expect(await list()).toEqual([
      { ...entry, key: '["2"]', position: at(11), loadedMs: LOADED_MS },
      { ...entry, key: '["1"]', position: before(10), loadedMs: expect.any(Number) },
    ])
    expect(await table.rows('id', 'amount')).toEqual(['1 NULL', '2 NULL'])
  })

  it('rows that are quarantined whole are in quarantine only', async () => {
    const whole = { columnId: 0, reason: 'key out of range', raw: '{"id":"x"}', key: '["x"]' }
    const table = await DrivenTable.live(fixture(), SCHEMA, [
      { values: { 1: '1', 2: null, 3: null } },
      { values: {}, quarantine: [whole], whole: true },
    ])
    await table.merge(20, [
      { op: 'q', position: at(11), quarantine: [{ ...whole, raw: 'second' }] },
      { op: 'i', position: at(12), values: { 1: '2', 2: null, 3: null } },
    ])
    expect(await table.rows('id')).toEqual(['1', '2'])
    expect((await list()).map((entry) => [entry.column, entry.raw])).toEqual([
      ['', 'second'],
      ['', '{"id":"x"}'],
    ])
  })

  it('a value that the destination refuses goes to quarantine instead of stopping its table', async () => {
    const refused = '{"broken": "\\ud800"}'
    const table = await DrivenTable.live(fixture(), SCHEMA, [
      { values: { 1: '1', 2: refused, 3: '1.00' } },
      { values: { 1: '2', 2: '{"fine": 1}', 3: '2.00' } },
    ])
    const counts = await table.merge(20, [
      { op: 'i', position: at(11), values: { 1: '3', 2: refused, 3: '3.00' } },
      { op: 'u', position: at(12), values: { 1: '2', 2: '{"still":"fine"}', 3: '2.00' } },
    ])
    expect(counts).toMatchObject({ inserted: 1, updated: 1, quarantined: 1 })
    expect(await table.rows('id', 'doc', 'amount')).toEqual(['1 NULL 1.00', '2 {"still":"fine"} 2.00', '3 NULL 3.00'])
    const entries = await list()
    expect(entries.map(({ reason }) => reason)).toEqual(['not accepted as JSON', 'not accepted as JSON'])
    expect(entries.map(({ key, column: name, raw, position }) => [key, name, raw, position])).toEqual([
      ['["3"]', 'doc', refused, at(11)],
      ['["1"]', 'doc', refused, before(10)],
    ])
  })

  it('the list is filtered by table and bounded', async () => {
    await DrivenTable.live(fixture(), SCHEMA, [
      {
        values: { 1: '1', 2: '{}', 3: null },
        quarantine: [
          { ...NAN, key: '["1"]' },
          { ...NAN, columnId: 2, key: '["1"]' },
        ],
      },
      { values: { 1: '2', 2: '{}', 3: null }, quarantine: [NAN] },
    ])
    const { destination } = fixture()
    expect(await destination.quarantine('shop', { table: SCHEMA.table, limit: 2 }, never)).toHaveLength(2)
    const other = { ...SCHEMA.table, name: 'other' }
    expect(await destination.quarantine('shop', { table: other, limit: 2 }, never)).toEqual([])
    expect(await destination.quarantine('crm', { limit: 2 }, never)).toEqual([])
  })

  it('a snapshot that begins anew does not leave its entries twice', async () => {
    const table = await DrivenTable.open(fixture(), SCHEMA)
    const rows = [{ values: { 1: '2', 2: '{}', 3: null }, quarantine: [NAN] }]
    await table.snapshot(10, rows)
    await table.snapshot(10, rows)
    await table.promote(10, 10)
    expect(await list()).toHaveLength(1)
  })

  it('an entry that is no JSON is kept as it is', async () => {
    const table = await DrivenTable.live(fixture(), SCHEMA, [])
    const [file] = await table.stage([
      [{ op: 'i', position: at(11), values: { 1: '1', 2: null, 3: null }, quarantine: [NAN] }],
    ])
    const torn = await fixture().stage.query(
      file!,
      `SELECT 'i' AS _op, '${at(11)}' AS _source_position, '[{"raw": "torn' AS _quarantine, 1::BIGINT AS c1`,
    )
    await table.flushParts([table.part([torn], before(10))], before(20))
    expect(await list()).toMatchObject([{ column: '', key: null, raw: '[{"raw": "torn' }])
    expect(await table.rows('id')).toEqual(['1'])
  })
}
