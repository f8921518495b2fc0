import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { textRows } from '../support/comparison.ts'
import { SyncFixture } from '../support/sync-fixture.ts'

/** Rows of all stage files of a table: operation, key, commit time in microseconds. */
async function stagedTimes(fixture: SyncFixture, table: string): Promise<(string | null)[][]> {
  const files = await Array.fromAsync(glob(join(fixture.stageFolder, '**', `public.${table}`, '**', '*.parquet')))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const list = files.map((file) => `'${file}'`).join(', ')
    const [names] = await textRows(
      connection,
      `SELECT list(DISTINCT name)::VARCHAR FROM parquet_schema([${list}]) WHERE name = '_committed_at'`,
    )
    if (names?.[0] !== '[_committed_at]') return []
    return await textRows(
      connection,
      `SELECT coalesce(_op, 'r'), c1::VARCHAR, epoch_us(_committed_at)::VARCHAR
       FROM read_parquet([${list}], union_by_name = true) ORDER BY _source_position NULLS FIRST, c1`,
    )
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

test('only tables that keep versions have commit times in the stage, and these are the times of the server', async () => {
  await using fixture = await SyncFixture.create({
    sql: `CREATE TABLE versions (id int PRIMARY KEY, v text); INSERT INTO versions VALUES (1, 'a');
          CREATE TABLE state (id int PRIMARY KEY, v text); INSERT INTO state VALUES (1, 'a')`,
    tables: [{ name: 'public.versions', write: 'history' }, 'public.state'],
  })
  const now = async () => {
    const [row] = await fixture.sql('SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8::text AS us')
    return BigInt(String(row?.us))
  }
  const start = await now()
  await fixture.once()
  const copied = await now()
  await fixture.sql(`INSERT INTO versions VALUES (2, 'b'); INSERT INTO state VALUES (2, 'b')`)
  const between = await now()
  // Large enough to be sent before its commit.
  await fixture.sql(`BEGIN; INSERT INTO versions SELECT i, repeat('x', 100) FROM generate_series(10, 5009) i;
    SELECT pg_sleep(0.05); COMMIT`)
  const end = await now()
  await fixture.once()

  const rows = (await stagedTimes(fixture, 'versions')).map(([op, id, us]) => ({ op, id, us: BigInt(us ?? -1) }))
  expect(rows.map(({ op, id }) => `${op} ${id}`).slice(0, 2)).toEqual(['r 1', 'i 2'])
  expect(rows).toHaveLength(5002)
  const [read, single, ...large] = rows
  expect(read!.us > start && read!.us < copied).toBe(true)
  expect(single!.us > copied && single!.us < between).toBe(true)
  expect(new Set(large.map(({ us }) => us)).size).toBe(1)
  // The commit, not the statement.
  expect(large[0]!.us > between + 50_000n && large[0]!.us < end).toBe(true)
  expect(await stagedTimes(fixture, 'state')).toEqual([])
})
