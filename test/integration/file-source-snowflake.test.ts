/** A file set into a local Snowflake: loaded, replaced, a period deleted, and what Snowflake cannot hold in quarantine. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { openSnowflakeDestination } from '../../src/destinations/snowflake/destination.ts'
import { SNOWFLAKE_LIMITS } from '../../src/destinations/snowflake/value-limits.ts'
import { startTwin } from '../../src/snowflake-twin/twin.ts'
import { twinConfig } from '../contract/snowflake-fixture.ts'
import { requireReviewed } from '../snowflake-statements/reviewed-statements.ts'
import { type LoadOptions, loadFiles, writeInput } from '../support/file-scene.ts'
import { fileColumns, fileSet } from '../support/file-set.ts'
import { connectTwin } from '../support/twin.ts'

const SALES = fileSet({
  path: 'sales_{yyyy}-{mm}.tsv',
  columns: fileColumns({ id: 'int64', day: 'date', note: 'text' }),
  dateColumn: 'day',
  write: 'replace',
})
const MARCH = { name: '2024-03', from: 19783, through: 19813 }

test('files are loaded, replaced and deleted by period', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'file-snowflake-'))
  const twin = await startTwin({ threads: 1 })
  try {
    await twin.sql('CREATE DATABASE FILES')
    const config = twinConfig(twin, 'FILES')
    const options: LoadOptions = {
      limits: SNOWFLAKE_LIMITS,
      partBytes: 400,
      openDestination: (fetch, place) =>
        openSnowflakeDestination({ config, folder: place, run: 'test', fetch, clock: systemClock }),
    }
    await using client = await connectTwin(twin, { database: 'FILES', role: 'ACCOUNTADMIN' })
    const rows = () => client.column(`SELECT "id" || ' ' || "day" || ' ' || "note" FROM "files"."sales" ORDER BY "id"`)
    const content = (month: string, first: number, note: string) => {
      const lines = Array.from(
        { length: 40 },
        (_, index) => `${first + index}\t2024-${month}-${10 + (index % 18)}\t${note}`,
      )
      return `id\tday\tnote\n${lines.join('\n')}\n`
    }
    const expected = (month: string, first: number, note: string) =>
      Array.from({ length: 40 }, (_, index) => `${first + index} 2024-${month}-${10 + (index % 18)} ${note}`)
    writeInput(folder, 'sales_2024-02.tsv', content('02', 100, 'old'))
    writeInput(folder, 'sales_2024-03.tsv', content('03', 200, 'old'))
    expect(await loadFiles(folder, [SALES], options)).toMatchObject({ firstError: undefined, problems: [] })
    expect(await rows()).toEqual([...expected('02', 100, 'old'), ...expected('03', 200, 'old')])
    expect(await client.column('SELECT COUNT(DISTINCT "_fivetran_id") FROM "files"."sales"')).toEqual(['80'])

    writeInput(folder, 'sales_2024-03.tsv', content('03', 300, 'new'))
    await loadFiles(folder, [SALES], { ...options, again: true, files: ['sales_2024-03.tsv'] })
    expect(await rows()).toEqual([...expected('02', 100, 'old'), ...expected('03', 300, 'new')])

    await loadFiles(folder, [SALES], { ...options, remove: MARCH })
    expect(await rows()).toEqual(expected('02', 100, 'old'))
    await requireReviewed(twin)
  } finally {
    await twin[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  }
})
