import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../config/load.ts'
import { CONFIG_SCHEMA } from '../../connectors.ts'
import { describeError } from '../../core/errors.ts'
import { fileCommands } from './file-commands.ts'

const CONFIG = `version: 1
calendars:
  home: { country: Germny }
  york: { named: nyce }
sources:
  monthly:
    type: files
    tables:
      - name: sales
        path: sales_{yyyy}.tsv
        format: tsv
        columns: { id: bigint, day: date }
        rules:
          - { name: one, condition: "idd > 0" }
destination: { type: duckdb, path: out.duckdb }
`
const EXPECTED = `sales:
  2024-05-02: &strike strike at the carrier
  2024-05-03: *strike
  2024-05-32: strike
  2024-05-04:
slaes: {}
`

test('all that is wrong with calendars, expected days and rules is told at once, each with its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'validate-'))
  try {
    const file = join(folder, 'simplyload.yaml')
    writeFileSync(file, CONFIG)
    writeFileSync(join(folder, 'expected-days.yaml'), EXPECTED)
    const loaded = await loadConfig(CONFIG_SCHEMA, { file, environment: {}, settings: [] })
    const validated = fileCommands({ ...loaded, configFile: file }).validate(new AbortController().signal)
    const error = await validated.catch((thrown: unknown) => thrown)
    const [first, ...lines] = describeError(error).split('\n')
    expect([first?.replace(/^.*? failed: /, ''), ...lines].map((line) => line?.replace(/ failed: .*/, ''))).toEqual([
      'simplyload.yaml:3:3: calendars.home: Looking up the country "Germny"',
      'simplyload.yaml:4:3: calendars.york: Opening the calendar "nyce"',
      'expected-days.yaml:4:3: sales: "2024-05-32" is no day such as 2024-05-02',
      'expected-days.yaml:5:3: sales: 2024-05-04 has no reason',
      'expected-days.yaml:6:1: there is no table of files slaes; did you mean sales?',
      expect.stringContaining('simplyload.yaml:14:13: '),
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
