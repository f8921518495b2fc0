/** `verify` of tables of files: rows by the part of a file that they are from, against what is remembered of each file. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { openApplication } from '../../src/app/open-application.ts'
import type { Application } from '../../src/core/application.ts'
import { writeInput } from '../support/file-scene.ts'

const never = new AbortController().signal

function month(name: string, rows: number, first: number): string {
  const lines = Array.from(
    { length: rows },
    (_, at) => `${first + at}\t${name}-${String((at % 28) + 1).padStart(2, '0')}\n`,
  )
  return `id\tday\n${lines.join('')}`
}

async function scene(folder: string, write: string): Promise<Application> {
  const columns = 'columns: { id: bigint, day: date }'
  const set = `{ name: sales, path: "sales_{yyyy}-{mm}.tsv", format: tsv, ${columns}, date: day, key: [id], write: ${write} }`
  writeInput(
    folder,
    'simplyload.yaml',
    `version: 1
sources: { monthly: { type: files, tables: [${set}] } }
destination: { type: duckdb, path: out.duckdb }
`,
  )
  const configFile = join(folder, 'simplyload.yaml')
  return await openApplication({ configFile, settings: [], environment: {}, logLevel: 'silent' })
}

async function load(application: Application, again = false): Promise<void> {
  const request = {
    paths: [],
    again,
    onBadRows: 'fail',
    checksum: false,
    memoryBytes: undefined,
    command: 'files load',
  } as const
  const nothing = () => undefined
  await application.fileLoading().load(request, { check: nothing, sync: nothing }, never)
}

async function found(application: Application) {
  const { equal, tables } = await application.verify({ tables: [], deep: false }, () => undefined, never)
  const [table] = tables
  const examples = table?.examples.map(({ key, kind }) => `${kind} ${(JSON.parse(key) as string[]).join()}`)
  return { equal, rows: [table?.sourceRows, table?.destinationRows, table?.differing], examples }
}

/** As somebody else would, past us. */
async function tamper(folder: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(folder, 'out.duckdb'), { threads: '1' })
  const connection = await instance.connect()
  await connection.run(sql)
  connection.closeSync()
  instance.closeSync()
}

async function inFolder(
  write: string,
  work: (application: Application, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'files-verify-'))
  try {
    await using application = await scene(folder, write)
    await work(application, folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('rows that are gone, or too many, or of no file are found, and those of a deleted period are not missed', () =>
  inFolder('append', async (application, folder) => {
    writeInput(folder, 'sales_2024-01.tsv', month('2024-01', 28, 1))
    writeInput(folder, 'sales_2024-02.tsv', month('2024-02', 28, 100))
    writeInput(folder, 'sales_2024-03.tsv', month('2024-03', 28, 200))
    await load(application)
    expect(await found(application)).toEqual({ equal: true, rows: [84, 84, 0], examples: [] })
    const selection = { period: '2024-03-05', tables: [] }
    await application.fileLoading().deletePeriod(selection, 'files delete', () => undefined, never)
    expect(await found(application)).toEqual({ equal: true, rows: [83, 83, 0], examples: [] })
    const table = 'monthly_files.sales'
    await tamper(
      folder,
      `DELETE FROM ${table} WHERE id IN (3, 4); INSERT INTO ${table} FROM ${table} WHERE id = 100;
      INSERT INTO ${table} SELECT * REPLACE ('0009' AS _source_position) FROM ${table} WHERE id = 200`,
    )
    expect(await found(application)).toEqual({
      equal: false,
      rows: [83, 83, 4],
      examples: ['missing 2 rows of sales_2024-01.tsv', 'extra 1 row of sales_2024-02.tsv', 'extra 1 row of no file'],
    })
  }))

test.each([
  ['replace', 42],
  ['merge', 56],
])('a file that comes again with write: %s is no difference', (write, rows) =>
  inFolder(write, async (application, folder) => {
    writeInput(folder, 'sales_2024-01.tsv', month('2024-01', 28, 1))
    writeInput(folder, 'sales_2024-02.tsv', month('2024-02', 28, 100))
    await load(application)
    writeInput(folder, 'sales_2024-02.tsv', month('2024-02', 14, 100))
    await load(application, true)
    const { equal, rows: counted } = await found(application)
    expect([equal, counted[1]]).toEqual([true, rows])
  }),
)

function loseState(folder: string): void {
  for (const name of readdirSync(join(folder, '.simplyload')).filter((each) => each.startsWith('state.db')))
    rmSync(join(folder, '.simplyload', name))
}

async function keepState(folder: string): Promise<() => void> {
  const names = readdirSync(join(folder, '.simplyload')).filter((each) => each.startsWith('state.db'))
  const kept = names.map((name) => [name, readFileSync(join(folder, '.simplyload', name))] as const)
  return () => {
    loseState(folder)
    for (const [name, bytes] of kept) writeFileSync(join(folder, '.simplyload', name), bytes)
  }
}

async function states(application: Application) {
  const [status] = await application.fileLoading().status({ tables: [] }, never)
  return status?.files.map(({ state, rows }) => `${state} ${rows}`)
}

test('a state that is lost loads no file twice and forgets none, deleted periods included', () =>
  inFolder('append', async (application, folder) => {
    for (const [at, name] of ['2024-01', '2024-02', '2024-03'].entries())
      writeInput(folder, `sales_${name}.tsv`, month(name, 28, 100 * at))
    await load(application)
    const selection = { period: '2024-03', tables: [] }
    await application.fileLoading().deletePeriod(selection, 'files delete', () => undefined, never)
    loseState(folder)
    expect(await states(application)).toEqual(['loaded 28', 'loaded 28', 'removed 0'])
    loseState(folder)
    expect((await application.fileLoading().countPeriod({ period: '2024-02', tables: [] }, never))[0]?.rows).toBe(28)
    loseState(folder)
    writeInput(folder, 'sales_2024-04.tsv', month('2024-04', 14, 300))
    await load(application)
    expect(await states(application)).toEqual(['loaded 28', 'loaded 28', 'removed 0', 'loaded 14'])
    expect(await found(application)).toEqual({ equal: true, rows: [70, 70, 0], examples: [] })
    await load(application)
    expect(await found(application)).toEqual({ equal: true, rows: [70, 70, 0], examples: [] })
  }))

test('a state that comes from an older copy gives way to what the destination knows', () =>
  inFolder('append', async (application, folder) => {
    writeInput(folder, 'sales_2024-01.tsv', month('2024-01', 28, 1))
    await load(application)
    const putBack = await keepState(folder)
    writeInput(folder, 'sales_2024-02.tsv', month('2024-02', 28, 100))
    await load(application)
    putBack()
    writeInput(folder, 'sales_2024-03.tsv', month('2024-03', 14, 200))
    await load(application)
    expect(await states(application)).toEqual(['loaded 28', 'loaded 28', 'loaded 14'])
    expect(await found(application)).toEqual({ equal: true, rows: [70, 70, 0], examples: [] })
  }))

test('where the destination does not know it either no file is loaded twice, and reading anew leaves each row once', () =>
  inFolder('append', async (application, folder) => {
    writeInput(folder, 'sales_2024-01.tsv', month('2024-01', 28, 1))
    await load(application)
    loseState(folder)
    // As an older version has left it.
    await tamper(folder, 'DROP TABLE _simplyload.tokens')
    await load(application)
    const [status] = await application.fileLoading().status({ tables: [] }, never)
    expect(status?.problem).toContain('simplyload table resync files.sales')
    const count = 'SELECT count(*) FROM monthly_files.sales WHERE NOT _fivetran_deleted'
    const counted = async () =>
      (await Array.fromAsync((await application.query(count, never)).rows)).map(([rows]) => Number(rows))
    expect(await counted()).toEqual([28])
    const resync = {
      source: undefined,
      tables: ['files.sales'],
      action: { kind: 'resync' },
      wait: { until: 'taken', timeoutMs: 0 },
    } as const
    await application.control(resync, () => undefined, never)
    await load(application)
    expect(await counted()).toEqual([28])
    expect(await found(application)).toEqual({ equal: true, rows: [28, 28, 0], examples: [] })
    const run = await application.files().result('latest', never)
    expect(run.files[0]?.checks.filter(({ outcome }) => outcome === 'fail')).toEqual([])
  }))
