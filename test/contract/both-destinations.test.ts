/** One history, cut in one way, through both destinations: the tables are equal, in every column and every mode. */
import { afterAll, expect, test } from 'vitest'
import type { WriteMode } from '../../src/core/destination.ts'
import { randomHistory } from '../support/row-history.ts'
import { dated } from '../support/version-history.ts'
import { at, type DestinationFixture, DrivenTable, ITEMS, LOADED_MS } from './destination-fixture.ts'
import { openDuckDbFixture } from './duckdb-fixture.ts'
import { playFlushes, type Random, snapshotOfTwoTimes, startEmpty } from './history-player.ts'
import { SnowflakeFixtures } from './snowflake-fixture.ts'

const fixtures = new SnowflakeFixtures()
afterAll(() => fixtures[Symbol.asyncDispose]())

/** The load time of every flush; that of a snapshot is the clock's. */
const FLUSHED = `${new Date(LOADED_MS).toISOString().slice(0, 19).replace('T', ' ')}+00`
const SEEDS = [20, 26]
const MODES: readonly { readonly write: WriteMode; readonly hardDelete?: boolean }[] = [
  { write: 'merge' },
  { write: 'merge', hardDelete: true },
  { write: 'append' },
  { write: 'history' },
]

test.each(MODES)('a history ends in equal tables: $write, hard delete $hardDelete', async (mode) => {
  await using duckdb = await openDuckDbFixture()
  await using snowflake = await fixtures.open()
  for (const seed of SEEDS) {
    const [expected, found] = [await play(duckdb, seed, mode), await play(snowflake, seed, mode)]
    expect(expected.length).toBeGreaterThan(0)
    expect(found, `seed ${seed}`).toEqual(expected)
  }
})

async function play(fixture: DestinationFixture, seed: number, mode: (typeof MODES)[number]) {
  const random = seeded(seed)
  const history = dated(randomHistory(random, 12, at), random)
  const schema = { ...ITEMS, table: { ...ITEMS.table, name: `items_${seed}` } }
  const table = await DrivenTable.open(fixture, schema, mode)
  // A log begins with what it reads; the others begin with a snapshot whose parts are of two times, every other time.
  if (mode.write === 'append' || seed % 4 === 0) {
    await startEmpty(table)
    await playFlushes(table, history, random)
  } else {
    await snapshotOfTwoTimes(table, history, 3, 5)
    await playFlushes(table, history.slice(4), random)
  }
  const { namespace, name, loadTimeColumn } = table.target
  const rows = await fixture.rows(namespace, name)
  return rows
    .map((row) => ({ ...row, [loadTimeColumn]: row[loadTimeColumn] === FLUSHED ? FLUSHED : 'by the snapshot' }))
    .map((row) => Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
    .map((row) => row.map(([name, value]) => `${name}=${value}`).join(' '))
    .sort()
}

/** mulberry32: the same numbers for both. */
function seeded(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
