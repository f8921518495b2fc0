/** A process that loads files is killed again and again: in the end the table is what it is without. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import type { FileSet } from '../../src/core/file-set.ts'
import type { FileLoadPlan } from '../support/file-load-child.ts'
import { ask, writeInput } from '../support/file-scene.ts'
import { fileColumns, fileSet } from '../support/file-set.ts'
import { Random } from '../torture/random.ts'

const CHILD = fileURLToPath(new URL('../support/file-load-child.ts', import.meta.url))
const KILLS = Number(process.env.SIMPLYLOAD_KILLS ?? 5)
const COLUMNS = fileColumns({ id: 'int64', day: 'date', note: 'text' })
const common = { columns: COLUMNS, dateColumn: 'day' }
const SETS: readonly FileSet[] = [
  fileSet({ ...common, name: 'plain', path: 'plain_{yyyy}-{mm}.tsv' }),
  fileSet({ ...common, name: 'packed', path: 'packed_{yyyy}-{mm}.tsv.gz' }),
  fileSet({ ...common, name: 'merged', path: 'merged_{yyyy}-{mm}.tsv', key: ['id'], write: 'merge' }),
  fileSet({ ...common, name: 'replaced', path: 'replaced_{yyyy}-{mm}.tsv', write: 'replace' }),
  fileSet({ ...common, name: 'columnar', path: 'columnar_{yyyy}-{mm}.parquet', format: { kind: 'parquet' } }),
]

test('killed at any moment and started again, every row is there once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-killed-'))
  const random = new Random(20261121)
  try {
    const content = (first: number) => {
      const rows = Array.from(
        { length: 600 },
        (_, index) =>
          `${(first + index) % 900}\t2024-03-${String((index % 28) + 1).padStart(2, '0')}\trow ${first + index}\n`,
      )
      return `id\tday\tnote\n${rows.join('')}`
    }
    for (const name of ['plain', 'merged', 'replaced']) writeInput(folder, `${name}_2024-03.tsv`, content(0))
    writeInput(folder, 'merged_2024-04.tsv', content(500))
    writeInput(folder, 'packed_2024-03.tsv.gz', gzipSync(content(0)))
    await writeParquet(join(folder, 'columnar_2024-03.parquet'))
    for (let kill = 0; kill < KILLS; kill++) {
      await runChild(folder, { events: random.integer(1, 14), ms: random.integer(0, 40) })
    }
    expect(await runChild(folder, undefined)).toEqual([0, null])
    const counts = (table: string) =>
      ask(folder, `SELECT count(*), count(DISTINCT note), min(note), max(id) FROM files.${table}`)
    for (const table of ['plain', 'packed', 'replaced'])
      expect(await counts(table), table).toEqual(['600 600 row 0 599'])
    expect(await counts('columnar')).toEqual(['8000 8000 row 0 7999'])
    const latest = `SELECT id, note FROM (SELECT id, max(n) AS n FROM
      (SELECT (i % 900) AS id, i AS n FROM range(1100) r(i)) GROUP BY id) JOIN (SELECT i AS n, 'row ' || i AS note FROM range(1100) r(i)) USING (n)`
    expect(await ask(folder, 'SELECT id, note FROM files.merged ORDER BY id')).toEqual(
      await ask(folder, `${latest} ORDER BY id`),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** Of four row groups. */
async function writeParquet(path: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const rows = "SELECT i AS id, DATE '2024-03-01' AS day, 'row ' || i AS note FROM range(8000) r(i)"
  await connection.run(`COPY (${rows}) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
  connection.closeSync()
  instance.closeSync()
}

async function runChild(folder: string, kill: FileLoadPlan['kill']): Promise<unknown[]> {
  const plan: FileLoadPlan = { folder, sets: SETS, partBytes: 2_500, kill }
  const path = join(folder, 'plan.json')
  writeFileSync(path, JSON.stringify(plan))
  const child = spawn(process.execPath, [CHILD, path], { stdio: ['ignore', 'ignore', 'inherit'] })
  return once(child, 'exit')
}
