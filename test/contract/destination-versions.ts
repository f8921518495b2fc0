/** Tables that keep every version of a row. */
import { expect, it } from 'vitest'
import { randomHistory } from '../support/row-history.ts'
import { dated, replayVersions } from '../support/version-history.ts'
import { at, type DestinationFixture, DrivenTable, ITEMS, never } from './destination-fixture.ts'
import { check, playFlushes, startEmpty } from './history-player.ts'

const NO_FAULTS = { duplicates: 0, overlaps: 0, gaps: 0, severalActive: 0 }

export function describeVersions(fixture: () => DestinationFixture): void {
  let tables = 0
  const nextSchema = () => ({ ...ITEMS, table: { ...ITEMS.table, name: `versions_${++tables}` } })

  it('however changes are cut, the versions are the same, also when replies are lost', async () => {
    await check(async (random) => {
      const history = dated(randomHistory(random, 6 + random(14), at), random)
      const table = await DrivenTable.open(fixture(), nextSchema(), { write: 'history' })
      await startEmpty(table)
      await playFlushes(table, history, random)
      expect(await versionsOf(table)).toEqual(replayVersions(history))
      expect(await faultsOf(table)).toEqual(NO_FAULTS)
    })
  })
}

/** Each as text, in order: the columns of the table, start, end, active, deleted, position. */
async function versionsOf(table: DrivenTable): Promise<string[]> {
  const rows = await table.fixture.rows(table.target.namespace, table.target.name)
  return rows
    .map((row) => {
      const end = row._fivetran_end === '9999-12-31 23:59:59.999999+00' ? 'forever' : micros(row._fivetran_end)
      const times = [micros(row._fivetran_start), end, row._fivetran_active, row._fivetran_deleted]
      return [row.id, row.name, row.note, ...times, row._source_position].map((value) => value ?? 'NULL').join(' | ')
    })
    .sort()
}

/** DuckDB leaves out zeros at the end. */
function micros(text: string | null | undefined): string {
  const [, whole = '', fraction = ''] = /^([^.+]+)(?:\.(\d+))?\+00$/.exec(text ?? '') ?? []
  return `${whole}.${fraction.padEnd(6, '0')}+00`
}

async function faultsOf(table: DrivenTable) {
  const { target, schema } = table
  const comparison = await table.destination.compare({ target, schema, files: [], limit: 1 }, never)
  return comparison.history
}
