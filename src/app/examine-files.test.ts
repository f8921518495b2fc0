import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseConfig } from '../config/load.ts'
import { CONFIG_SCHEMA } from '../connectors.ts'
import { examineFiles } from './examine-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'examine-files-'))
afterAll(() => rmSync(folder, { recursive: true }))
const never = new AbortController().signal

async function findings(...paths: readonly string[]) {
  const tables = paths.map((path, index) => ({
    name: `t${index}`,
    path,
    format: 'csv' as const,
    columns: { id: 'bigint' },
  }))
  const config = await parseConfig(
    CONFIG_SCHEMA,
    { version: 1, sources: { monthly: { type: 'files', tables } }, destination: { type: 'duckdb', path: 'x.duckdb' } },
    { name: 'the configuration', folder, environment: {}, settings: [] },
  )
  return await examineFiles({ config, folder }, 'monthly', never)
}

test('doctor counts the files of each table, and warns of a table that has none', async () => {
  mkdirSync(join(folder, 'data'))
  for (const month of ['01', '02']) writeFileSync(join(folder, `data/sales_2024-${month}.csv`), 'id\n1\n')
  expect(await findings('data/sales_{yyyy}-{mm}.csv', 'data/none_{yyyy}.csv')).toMatchObject([
    { subject: 'files.t0', level: 'ok', message: '2 files of the path data/sales_{yyyy}-{mm}.csv, 10 B' },
    { subject: 'files.t1', level: 'warning', message: 'No file has the path data/none_{yyyy}.csv' },
  ])
  expect(await findings('data/none_{yyyy}.csv')).toMatchObject([{ level: 'warning' }])
  expect(await findings('data/sales_{yyyy}-{mm}.csv', 'data/*.csv')).toMatchObject([
    { level: 'error', fix: 'Make the paths narrower, so that each file belongs to one table.' },
  ])
})
