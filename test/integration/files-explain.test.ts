/** `files check --explain`: which passes a check would make over a file, with their SQL, and nothing is read. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openApplication } from '../../src/app/open-application.ts'
import { runCli } from '../support/command-line.ts'
import { writeInput } from '../support/file-scene.ts'

const CONFIG = `version: 1
sources:
  monthly:
    type: files
    tables:
      - name: sales
        path: sales_{yyyy}-{mm}.tsv*
        format: tsv
        columns:
          id: bigint
          day: date
          city: { type: text, references: { file: cities.csv, column: name } }
        date: day
        key: [id]
        rules:
          - { name: early, condition: "day < DATE '2030-01-01'" }
          - { name: crowded, query: "SELECT day FROM file GROUP BY day HAVING count(*) > 9" }
destination: { type: duckdb, path: out.duckdb }
`

test('each pass is shown with what it asks, its bytes and its SQL, and nothing is read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-explain-'))
  try {
    writeInput(folder, 'simplyload.yaml', CONFIG)
    writeInput(folder, 'cities.csv', 'name\nBonn\n')
    writeInput(folder, 'sales_2024-01.tsv', 'id\tday\tcity\n1\t2024-01-01\tBonn\n')
    writeInput(folder, 'sales_2024-02.tsv.gz', gzipSync('id\tday\tcity\n1\t2024-02-01\tRome\n'))
    const configFile = join(folder, 'simplyload.yaml')
    await using application = await openApplication({ configFile, settings: [], environment: {}, logLevel: 'silent' })
    const asked = { application: { files: () => application.files() } }
    const json = await runCli(['files', 'check', '--explain', '--json'], asked)
    const plans = json.events().filter(({ event }) => event === 'plan')
    const passes = plans.map(
      ({ passes: list }) => list as { name: string; asks: string[]; bytes: number; sql?: string; when?: string }[],
    )
    const shared = ['key_unique', 'city_references', 'crowded', 'key_unique, all files', 'samples']
    expect(passes.map((list) => list.map(({ name }) => name))).toEqual([
      ['scan', 'count', ...shared],
      ['scan', 'count', ...shared],
    ])
    const [plain = [], packed = []] = passes
    expect(plain[0]?.asks).toEqual([
      'structure',
      'structure.type.id',
      'structure.type.day',
      'rule.id_not_null',
      'rule.early',
      'volume',
      'completeness',
      'anomaly',
    ])
    // What passes through our hands is counted on its way.
    expect([plain[1]?.bytes, packed[1]?.bytes]).toEqual([plain[0]?.bytes, 0])
    expect(plain[3]?.sql).toContain('cities.csv')
    expect(plain[4]?.sql).toBe('SELECT day FROM file GROUP BY day HAVING count(*) > 9')
    expect(plain.at(-1)?.when).toBe('where something fails')

    const text = await runCli(['files', 'check', '--explain', 'sales'], asked)
    expect(text.stdout).toContain('sales_2024-01.tsv  monthly.files.sales, 2024-01')
    expect(text.stdout).toContain('  2. count: reads 30 B, at the same time')
    expect(text.stdout).toContain('     │ SELECT day FROM file GROUP BY day HAVING count(*) > 9')
    expect(text.stdout.trimEnd().split('\n').at(-1)).toMatch(/^2 files, .* to read\.$/)
    const results = join(folder, '.simplyload/files')
    expect(existsSync(results) ? readdirSync(results).filter((name) => name.endsWith('.json')) : []).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
