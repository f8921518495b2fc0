/** A transaction that empties a table and fills it again: what comes back as it was is there, in every mode. */
import { expect, it } from 'vitest'
import type { TargetTable } from '../../src/core/destination.ts'
import type { TableSchema } from '../../src/core/table-schema.ts'
import type { ChangeRow } from '../support/stage-rows.ts'
import { at, type DestinationFixture, DrivenTable, ITEMS } from './destination-fixture.ts'
import { us } from './version-changes.ts'

const MODES: readonly (readonly [string, Partial<TargetTable>, string])[] = [
  ['current rows', { write: 'merge' }, '_fivetran_deleted'],
  ['current rows, the others removed', { write: 'merge', hardDelete: true }, '_fivetran_deleted'],
  ['versions', { write: 'history' }, '_fivetran_active'],
]
const BAG: TableSchema = { ...ITEMS, identity: { kind: 'bag' } }

export function describeTruncates(fixture: () => DestinationFixture): void {
  for (const [identity, schema] of [
    ['a key', ITEMS],
    ['no key', BAG],
  ] as const) {
    it.each(MODES)(`with ${identity}: %s`, async (_, target, mark) => {
      const row = (id: number, name: string) => ({
        values: { 1: String(id), 2: name, 3: null },
        ...(schema === BAG ? { contentHash: `${id}${name}`.padEnd(32, '0') } : {}),
      })
      const insert = (ordinal: number, id: number, name: string, lsn = 15): ChangeRow => ({
        op: 'i',
        position: at(lsn, ordinal),
        committedUs: us(lsn),
        ...row(id, name),
      })
      const empty = (ordinal: number, lsn = 15): ChangeRow => ({
        op: 't',
        position: at(lsn, ordinal),
        committedUs: us(lsn),
      })
      const table = await DrivenTable.live(
        fixture(),
        schema,
        [row(1, 'same'), row(2, 'old'), row(3, 'gone'), row(4, 'late')],
        target,
      )
      const present = async () => {
        const rows = await fixture().rows(table.target.namespace, table.target.name)
        const isThere = mark === '_fivetran_active' ? 'true' : 'false'
        return rows.flatMap((found) => (found[mark] === isThere ? [`${found.id} ${found.name}`] : [])).sort()
      }
      await table.merge(20, [
        empty(1),
        insert(2, 1, 'same'),
        insert(3, 2, 'new'),
        insert(4, 5, 'more'),
        empty(1, 16),
        insert(2, 1, 'same', 16),
        insert(1, 4, 'late', 17),
      ])
      expect(await present()).toEqual(['1 same', '4 late'])
      await table.merge(30, [empty(1, 25), insert(2, 4, 'late', 25), insert(3, 1, 'same', 25)])
      expect(await present()).toEqual(['1 same', '4 late'])
      await table.merge(40, [{ ...insert(1, 1, 'same', 35), op: 'd' }, empty(1, 36), insert(1, 1, 'same', 37)])
      expect(await present()).toEqual(['1 same'])
    })
  }
}
