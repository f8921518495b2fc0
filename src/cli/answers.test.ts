import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { discoveredTable, rowsOf, runCli } from '../../test/support/command-line.ts'
import type { Application } from '../core/application.ts'

describe('discover', () => {
  const found = [
    { source: 'shop', tables: [discoveredTable('orders', ['no primary key\nat all']), discoveredTable('Odd: name')] },
  ]

  test('--yaml prints a section that YAML reads back, warnings as comments', async () => {
    const run = await runCli(['discover', '--yaml'], { application: { discover: async () => found } })
    expect(parse(`sources:\n${run.stdout}`)).toEqual({
      sources: { shop: { tables: ['public.orders', 'public.Odd: name'] } },
    })
    expect(run.stdout).toContain('# no primary key⏎at all')
  })

  test('a narrow terminal cuts names, a pipe nothing', async () => {
    const wide = await runCli(['discover'], { application: { discover: async () => found } })
    expect(wide.stdout).toMatch(
      /public\.orders +~1\.2M +250 MB +key \(id\) +updated_at \(no index\) +shop_public\.orders +yes/,
    )
    const narrow = await runCli(['discover', '--no-color'], {
      application: { discover: async () => found },
      columns: 80,
    })
    for (const line of narrow.stdout.split('\n').slice(0, 4)) expect(line.length).toBeLessThanOrEqual(80)
  })
})

describe('query', () => {
  const three: Partial<Application> = {
    query: async () => ({
      columns: [
        { name: 'id', type: 'BIGINT' },
        { name: 'id', type: 'VARCHAR' },
      ],
      rows: rowsOf([
        [1, 'a'],
        [22, null],
        ['12345678901234567890', 'c'],
      ]),
    }),
  }

  test('numbers stand right, NULL is told from text, and a cut result says so', async () => {
    const run = await runCli(['query', 'SELECT', '--limit', '2'], { application: three })
    expect(run.stdout).toBe('id  id_2\n 1  a\n22  NULL\n')
    expect(run.stderr).toBe('The first 2 rows; --limit 0 prints all.\n')
  })

  test('as JSON every row comes, columns of one name apart', async () => {
    const run = await runCli(['query', 'SELECT', '--json'], { application: three })
    expect(run.events().slice(1)).toEqual([
      { event: 'row', row: { id: 1, id_2: 'a' } },
      { event: 'row', row: { id: 22, id_2: null } },
      { event: 'row', row: { id: '12345678901234567890', id_2: 'c' } },
      { event: 'end', outcome: 'ok', exitCode: 0, rows: 3, truncated: false },
    ])
  })
})
