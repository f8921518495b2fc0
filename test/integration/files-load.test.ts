/** The commands about loading files, as a person types them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CheckRun } from '../../src/core/file-check.ts'
import { simplyload } from '../support/command-process.ts'
import { ask, writeInput } from '../support/file-scene.ts'

const CONFIG = `version: 1
sources:
  monthly:
    type: files
    tables:
      - name: sales
        path: sales_{yyyy}-{mm}.tsv
        format: tsv
        columns: { id: bigint, day: date }
        date: day
destination: { type: duckdb, path: out.duckdb }
`

test('files that share keys are not loaded together, and the others are', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-load-'))
  try {
    writeInput(folder, 'simplyload.yaml', CONFIG.replace('date: day', 'date: day\n        key: [id]'))
    const rows = (first: number, month: string) =>
      [0, 1, 2].map((at) => `${first + at}\t2024-${month}-0${at + 1}\n`).join('')
    for (const [month, first] of Object.entries({ '01': 1, '02': 3, '03': 10 }))
      writeInput(folder, `sales_2024-${month}.tsv`, `id\tday\n${rows(first, month)}`)
    const { exitCode, events } = await simplyload(folder, ['files', 'load'])
    const loads = events.filter(({ event }) => event === 'load').map(({ outcome, message }) => [outcome, message])
    const why = expect.stringContaining('1 value of id is in more than one file')
    expect([exitCode, loads]).toEqual([
      7,
      [
        ['refused', why],
        ['refused', why],
        ['loaded', undefined],
      ],
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a file that cannot be read fails by itself: the others are checked and loaded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-load-'))
  try {
    writeInput(folder, 'simplyload.yaml', CONFIG)
    writeInput(folder, 'sales_2024-01.tsv', 'id\tday\n1\t2024-01-01\n')
    writeInput(folder, 'sales_2024-02.tsv', Buffer.from('PK\x03\x04 no text at all', 'latin1'))
    symlinkSync('nowhere.tsv', join(folder, 'sales_2024-03.tsv'))
    symlinkSync('sales_2024-04.tsv', join(folder, 'sales_2024-04.tsv'))
    writeInput(folder, 'sales_2024-05.tsv', 'id\tday\n5\t2024-05-01\n')
    const cannot = (why: string) => expect.stringContaining(`It cannot be read: ${why}`)
    const why = [
      cannot('it is a ZIP archive'),
      cannot('there is no such file or folder'),
      cannot('it is a link that leads back to itself'),
    ]
    const checked = await simplyload(folder, ['files', 'check'])
    const results = checked.events.filter(({ event }) => event === 'file')
    expect([checked.exitCode, results.map(({ verdict }) => verdict)]).toEqual([
      6,
      ['pass', 'fail', 'fail', 'fail', 'pass'],
    ])
    expect(results.flatMap(({ reasons }) => reasons)).toEqual(why)
    const { exitCode, events } = await simplyload(folder, ['files', 'load'])
    const loads = events.filter(({ event }) => event === 'load')
    expect([exitCode, loads.map(({ outcome }) => outcome)]).toEqual([
      7,
      ['loaded', 'refused', 'refused', 'refused', 'loaded'],
    ])
    expect(await ask(folder, 'SELECT id FROM monthly_files.sales ORDER BY id')).toEqual(['1', '5'])
    const status = await simplyload(folder, ['files', 'status'])
    const [{ completed, failed } = {}] = status.events
    expect([completed, failed]).toEqual([
      ['2024-01', '2024-05'],
      ['2024-02', '2024-03', '2024-04'],
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('files are loaded, shown, refused where they are wrong, and deleted by period', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-load-'))
  try {
    const content = (month: string) =>
      `id\tday\n${Array.from({ length: 28 }, (_, day) => `${day}\t2024-${month}-${String(day + 1).padStart(2, '0')}\n`).join('')}`
    writeInput(folder, 'simplyload.yaml', CONFIG)
    writeInput(folder, 'sales_2024-02.tsv', content('02'))
    writeInput(folder, 'sales_2024-03.tsv', `${content('03')}x\t2024-03-30\n`)
    const run = (...words: string[]) => simplyload(folder, words)

    const first = await run('files', 'load')
    expect(first.exitCode).toBe(7)
    const loads = first.events.filter(({ event }) => event === 'load')
    expect(loads.map(({ file, outcome, rows }) => [file, outcome, rows])).toEqual([
      ['sales_2024-02.tsv', 'loaded', 28],
      ['sales_2024-03.tsv', 'refused', 0],
    ])
    expect(loads[1]?.message).toContain('id')
    const [result] = readdirSync(join(folder, '.simplyload/files')).filter((name) => name.endsWith('.json'))
    const kept = JSON.parse(readFileSync(join(folder, '.simplyload/files', result ?? ''), 'utf8')) as CheckRun
    const asked = kept.files[0]?.checks.find(({ id }) => id === 'loaded.rows')
    expect(asked).toMatchObject({ outcome: 'pass', evaluated: 28 })

    const status = await run('files', 'status')
    expect(status.events[0]).toMatchObject({
      set: 'monthly.files.sales',
      completed: ['2024-02'],
      failed: ['2024-03'],
      files: [{ state: 'loaded', rows: 28 }, { state: 'new' }],
    })

    const unasked = await run('files', 'delete', '--period', '2024-02')
    expect([unasked.exitCode, unasked.stderr + unasked.stdout]).toEqual([2, expect.stringContaining('Add --yes')])
    const deleted = await run('files', 'delete', '--period', '2024-02', '--yes')
    expect(deleted.events[0]).toMatchObject({ event: 'count', rows: 28, firstDay: '2024-02-01', lastDay: '2024-02-29' })
    expect(deleted.events.find(({ event }) => event === 'deletion')).toMatchObject({ outcome: 'deleted', rows: 28 })
    const again = await run('files', 'load', 'sales_2024-02.tsv')
    expect(again.events.find(({ event }) => event === 'load')).toMatchObject({ outcome: 'already_loaded' })
    expect((await run('query', 'SELECT count(*) AS n FROM monthly_files.sales')).stdout).toMatch(/"n":"?0/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a row without a value of which no more than a warning is said is loaded and told of; one without its key is put aside', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'files-load-'))
  try {
    const columns = '{ id: bigint, day: date, paid: { type: date, nullable: false, severity: WARNING } }'
    const config = CONFIG.replace('{ id: bigint, day: date }', columns).replace(
      'date: day',
      'date: day\n        key: [id]',
    )
    writeInput(folder, 'simplyload.yaml', config)
    writeInput(
      folder,
      'sales_2024-02.tsv',
      'id\tday\tpaid\n1\t2024-02-01\t2024-02-02\n2\t2024-02-02\t\n\t2024-02-03\t2024-02-03\n',
    )
    const { events } = await simplyload(folder, ['files', 'load', '--on-bad-rows', 'quarantine'])
    expect(events.filter(({ event }) => event === 'load')).toMatchObject([{ outcome: 'loaded', rows: 2 }])
    expect(await ask(folder, 'SELECT id, paid FROM monthly_files.sales ORDER BY id')).toEqual([
      '1 2024-02-02',
      '2 NULL',
    ])
    const [name = ''] = readdirSync(join(folder, '.simplyload/files')).filter((each) => each.endsWith('.json'))
    const [file] = (JSON.parse(readFileSync(join(folder, '.simplyload/files', name), 'utf8')) as CheckRun).files
    const told = file?.checks.filter(({ id }) => /^rule\..*_not_null$/.test(id))
    expect(told?.map(({ id, severity, failed }) => [id, severity, failed])).toEqual([
      ['rule.id_not_null', 'WARNING', 1],
      ['rule.paid_not_null', 'WARNING', 1],
    ])
    expect(file?.badRows?.rows).toBe(1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
