/** Checks of files as a whole: counts that another program agrees with, history, days that people have marked, stopping. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { CheckRule } from '../../src/core/file-check.ts'
import { listResults, readResult } from '../../src/quality/checks/result-store.ts'
import { CheckFolder, checkOf, findings, month, salesSet } from '../support/checked-file.ts'

const HEADER = 'id\tday\tamount\tnote\n'
const RULES: readonly CheckRule[] = [
  { name: 'positive', question: { kind: 'condition', sql: 'amount > 0' }, severity: 'WARNING', limit: { rows: 1_000 } },
]

/** Each third row negative, each fifth without a number. */
function text(rows: number, year: number, number: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const lines = Array.from({ length: rows }, (_, index) => {
    const amount = index % 5 === 0 ? 'none' : index % 3 === 0 ? '-1.50' : '2.25'
    return `${index}\t${year}-${two(number)}-${two((index % 28) + 1)}\t${amount}\tx\n`
  })
  return HEADER + lines.join('')
}

test('counts, failures and sums by day are those of awk, plain and packed', async () => {
  await using folder = await CheckFolder.make()
  const set = salesSet({ rules: RULES, sums: ['amount'], badRows: { share: 0.5 } })
  const content = text(2_000, 2024, 3)
  const files = [await folder.write('a.tsv', content, set), await folder.write('b.tsv.gz', gzipSync(content), set)]
  const program = `NR > 1 { n[$2]++; if ($3 == "none") bad++; else { sum[$2] += $3; if ($3 <= 0) low[$2]++ } }
    END { for (day in n) printf "%s %d %.2f %d\\n", day, n[day], sum[day], low[day]; print "bad", bad }`
  const said = execFileSync('awk', ['-F', '\t', program, files[0]!.path], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .sort()
  const { files: results } = await folder.check(files)
  for (const result of results) {
    const days = result.days
      .filter(({ rows }) => rows > 0)
      .map(({ day, rows, sums, failed }) => `${day} ${rows} ${sums.amount} ${failed['rule.positive'] ?? 0}`)
    const bad = checkOf(result, 'structure.type.amount')?.failed
    expect([...days, `bad ${bad}`].sort()).toEqual(said)
    expect(result.coverage).toMatchObject({ records: 2_000, parsed: 2_000 })
    // Within its limit it is kept apart, every one.
    expect(result.badRows?.rows).toBe(bad)
    const kept = readFileSync(join(folder.path, result.badRows!.path), 'utf8').trim().split('\n')
    expect(kept).toHaveLength(401)
    expect(kept[1]).toBe(`2\t${HEADER.length}\tamount is no decimal(12,2)\t"0\t2024-03-01\tnone\tx"`)
  }
})

test('a file is compared with earlier ones, also of earlier runs', async () => {
  await using folder = await CheckFolder.make()
  const set = salesSet({ dateColumn: undefined })
  const write = (rows: number, number: number) =>
    folder.write(`2024-0${number}.tsv`, text(rows, 2024, number).replaceAll('none', '1.00'), set, month(2024, number))
  await folder.check([await write(100, 1), await write(110, 2), await write(90, 3)])
  const { files } = await folder.check([await write(30, 4)])
  expect(findings(files[0]!)).toEqual(['volume.history fail 30/30'])
  expect(checkOf(files[0]!, 'volume.history')?.message).toBe('It has 30 rows; 100 are usual in 3 other files')
  const results = join(folder.path, '.simplyload/files')
  const [newest, oldest] = await listResults(results)
  expect(newest! > oldest!).toBe(true)
  expect((await readResult(results, oldest!)).files).toHaveLength(3)
  writeFileSync(join(results, `${newest}.json`), JSON.stringify({ version: 99 }))
  await expect(readResult(results, newest!)).rejects.toMatchObject({ code: 'state_version' })
})

test('a day that a person has marked is no finding', async () => {
  await using folder = await CheckFolder.make()
  const set = salesSet({ calendar: 'business' })
  const lines = text(31 * 28, 2024, 3)
    .replaceAll('none', '1.00')
    .split('\n')
  const content = lines.filter((line) => !line.includes('2024-03-18')).join('\n')
  const file = await folder.write('a.tsv', content, set, { ...month(2024, 3), through: month(2024, 3).from + 27 })
  const calendar = { expect: 'every_day' } as const
  expect(findings((await folder.check([file], { calendar })).files[0]!)).toEqual(['completeness.days fail 1/28'])
  writeFileSync(join(folder.path, 'expected-days.yaml'), 'files.sales:\n  2024-03-18: strike at the carrier\n')
  const [marked] = (await folder.check([file], { calendar })).files
  expect(findings(marked!)).toEqual([])
  expect(checkOf(marked!, 'completeness.days')?.message).toContain(' have rows, or are marked as expected (')
  expect(marked?.days.find(({ day }) => day === '2024-03-18')?.marked).toBe('strike at the carrier')
  for (const [text, problem] of [
    ['files.slaes: { 2024-03-18: strike }', 'there is no table of files files.slaes; did you mean files.sales?'],
    ['sales: { 2024-03-32: strike }', 'sales: "2024-03-32" is no day such as 2024-05-02'],
    ['sales: { 2024-03-18: }', 'sales: 2024-03-18 has no reason'],
    ['sales: { 2024-03-18: { newnormal: two more shops } }', 'sales: 2024-03-18 has no reason'],
  ] as const) {
    writeFileSync(join(folder.path, 'expected-days.yaml'), text)
    const told = { cause: { message: `expected-days.yaml:1:${problem.startsWith('there') ? 1 : 10}: ${problem}` } }
    await expect(folder.check([file], { calendar })).rejects.toMatchObject(told)
  }
})

test('a check that is stopped leaves nothing behind', async () => {
  await using folder = await CheckFolder.make()
  const stop = new AbortController()
  const files = [await folder.write('a.tsv.gz', gzipSync(text(50_000, 2024, 3)), salesSet())]
  const run = folder.check(files, { signal: stop.signal, onEvent: ({ event }) => event === 'file' && stop.abort() })
  await expect(run).rejects.toMatchObject({ name: 'AbortError' })
  expect(readdirSync(join(folder.path, '.simplyload/files/work'))).toEqual([])
  expect(await listResults(join(folder.path, '.simplyload/files'))).toEqual([])
})
