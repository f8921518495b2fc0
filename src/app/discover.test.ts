import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCli } from '../../test/support/command-line.ts'
import { loadConfig } from '../config/load.ts'
import { CONFIG_SCHEMA } from '../connectors.ts'
import { discover } from './discover.ts'

const CONFIG = `version: 1
sources:
  monthly:
    type: files
    tables:
      - { name: sales, path: "sales_{yyyy}-{mm}.tsv", format: tsv, columns: { id: bigint } }
      - { name: prices, path: prices.csv, format: csv, key: [id], write: merge, columns: { id: bigint } }
destination: { type: duckdb, path: out.duckdb }
`

test('tables of files are shown with their path and the files that are there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'discover-'))
  try {
    const file = join(folder, 'simplyload.yaml')
    writeFileSync(file, CONFIG)
    for (const month of ['01', '02']) writeFileSync(join(folder, `sales_2024-${month}.tsv`), 'id\n1\n')
    const loaded = await loadConfig(CONFIG_SCHEMA, { file, environment: {}, settings: [] })
    const found = await discover(loaded, undefined, new AbortController().signal)
    const application = { discover: async () => found }
    const lines = (await runCli(['discover'], { application })).stdout.split('\n').map((line) => line.split(/ {2,}/))
    expect(lines.slice(1, 5)).toEqual([
      ['TABLE', 'PATH', 'FILES', 'SIZE', 'WRITE', 'DESTINATION'],
      ['files.sales', 'sales_{yyyy}-{mm}.tsv', '2', '10 B', 'append', 'monthly_files.sales'],
      ['files.prices', 'prices.csv', '0', '0 B', 'merge', 'monthly_files.prices'],
      ['! files.prices: no file has the path prices.csv'],
    ])
    expect((await runCli(['discover', '--yaml'], { application })).stdout).toContain('files check --suggest')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
