/** Files made wrong on purpose, each with exactly what is to be found. */
import { appendFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { dayText, monthEnd, monthStart } from '../../src/quality/calendar/civil-date.ts'
import { CheckFolder, checkOf, checkOne, findings, month, salesSet } from '../support/checked-file.ts'
import { CSV, fileColumns, TSV } from '../support/file-set.ts'

const HEADER = 'id\tday\tamount\tnote\n'
const ROWS = Array.from(
  { length: 10 },
  (_, index) => `${index + 1}\t2024-03-0${(index % 9) + 1}\t${index}.50\tnote ${index}\n`,
)
const GOOD = HEADER + ROWS.join('')

test('a file that is as configured has no finding', async () => {
  const result = await checkOne(GOOD)
  expect(findings(result)).toEqual([])
  expect(result.verdict).toBe('pass')
  expect(result.coverage).toMatchObject({ records: 10, parsed: 10, rejected: 0, complete: true })
})

test('a file that was cut ends with a record that is too short', async () => {
  const result = await checkOne(GOOD.slice(0, -12))
  expect(findings(result)).toEqual(['structure.ragged fail 1/10'])
  expect(checkOf(result, 'structure.ragged')?.samples).toMatchObject([
    { line: 11, byteOffset: GOOD.length - ROWS[9]!.length },
  ])
  expect(result.coverage).toMatchObject({ records: 10, parsed: 9, rejected: 1 })
})

test('a gzip file that was cut is told by its packing, not by what is left of it', async () => {
  const packed = gzipSync(GOOD.repeat(1) + ROWS.join('').repeat(500))
  const result = await checkOne(packed.subarray(0, packed.length - 40), salesSet(), { name: 'sales.tsv.gz' })
  expect(checkOf(result, 'coverage.records')).toMatchObject({ outcome: 'fail', severity: 'CRITICAL' })
  expect(checkOf(result, 'coverage.records')?.message).toContain('it ends in the middle of the packed data: it was cut')
  expect(result.coverage.complete).toBe(false)
})

test('bytes behind the packed data are told', async () => {
  const result = await checkOne(Buffer.concat([gzipSync(GOOD), Buffer.from('not packed')]), salesSet(), {
    name: 'sales.tsv.gz',
  })
  expect(checkOf(result, 'coverage.records')).toMatchObject({ outcome: 'fail', severity: 'CRITICAL' })
  expect(checkOf(result, 'coverage.records')?.message).toMatch(
    /^The file was not read as a whole: bytes follow the packed data that are none themselves; /,
  )
  // Packed files put one behind the other are one.
  const [one, two] = [gzipSync(GOOD), gzipSync(ROWS.join('').replaceAll('note', 'more'))]
  const joined = await checkOne(Buffer.concat([one, two]), salesSet(), { name: 'sales.tsv.gz' })
  expect(findings(joined)).toEqual([])
  expect(joined.coverage).toMatchObject({ records: 20, parsed: 20, complete: true })
})

test('bytes 0 are told with the place of the first one', async () => {
  const result = await checkOne(GOOD.replace('note 4', 'no\0e 4'))
  expect(findings(result)).toEqual(['structure.nul fail 1/10'])
  expect(checkOf(result, 'structure.nul')?.message).toBe(
    `There are bytes 0, the first at byte ${GOOD.indexOf('note 4') + 2}`,
  )
})

test('lines that end in two ways are told with how many of each', async () => {
  const result = await checkOne(
    HEADER + ROWS.map((row, index) => (index % 2 === 0 ? row : row.replace('\n', '\r\n'))).join(''),
  )
  expect(checkOf(result, 'structure.line_ends')).toMatchObject({
    outcome: 'fail',
    message: 'Lines end in 2 ways: 5 with LF, 5 with CRLF',
  })
  expect(result.verdict).toBe('fail')
})

test('a quote that is never closed is told with its line', async () => {
  const text = GOOD.replaceAll('\t', ',').replace('note 4', '"note 4')
  const result = await checkOne(text, salesSet({ format: CSV }))
  expect(findings(result)).toEqual(['structure.quotes fail 1/5'])
  expect(checkOf(result, 'structure.quotes')?.message).toMatch(/the one in line 6 is open to the end of the file/)
  expect(result.coverage).toMatchObject({ records: 5, parsed: 4, rejected: 1 })
})

test('a byte order mark is no part of the first name', async () => {
  const result = await checkOne(`\ufeff${GOOD}`)
  expect(findings(result)).toEqual([])
  const utf16 = await checkOne(
    Buffer.from(`\ufeff${GOOD}`, 'utf16le'),
    salesSet({ format: { ...TSV, encoding: 'utf-16' } }),
  )
  expect(findings(utf16)).toEqual([])
})

test('another encoding is told with the records that show it', async () => {
  const text = GOOD.replace('note 4', 'Käse 4').replace('note 7', 'Grün 7')
  const result = await checkOne(Buffer.from(text, 'latin1'))
  expect(findings(result)).toEqual(['structure.encoding fail 2/10'])
  expect(checkOf(result, 'structure.encoding')?.samples.map(({ line }) => line)).toEqual([6, 9])
  const right = await checkOne(Buffer.from(text, 'latin1'), salesSet({ format: { ...TSV, encoding: 'latin-1' } }))
  expect(findings(right)).toEqual([])
})

test('columns that changed places are told; without a header their types tell', async () => {
  const swapped = GOOD.split('\n').map((line) => {
    const [id, day, amount, note] = line.split('\t')
    return line === '' ? '' : [id, amount, day, note].join('\t')
  })
  const named = await checkOne(swapped.join('\n'))
  expect(findings(named)).toEqual(['structure.columns fail 1/4'])
  expect(checkOf(named, 'structure.columns')?.message).toBe(
    'The order is another: "day" is column 3 and not 2, "amount" is column 2 and not 3',
  )
  const unnamed = await checkOne(
    swapped.slice(1).join('\n'),
    salesSet({ format: { ...TSV, header: false }, dateColumn: undefined }),
  )
  expect(findings(unnamed)).toEqual(['structure.type.day fail 10/10', 'structure.type.amount fail 10/10'])
})

test('columns that are missing, added or renamed are told', async () => {
  const renamed = await checkOne(GOOD.replace('amount', 'amuont'))
  expect(checkOf(renamed, 'structure.columns')?.message).toBe('"amount" is missing; it may be "amuont" now')
  const added = await checkOne(
    GOOD.split('\n')
      .map((line, index) => (line === '' ? '' : `${line}\t${index === 0 ? 'shop' : 'x'}`))
      .join('\n'),
  )
  expect(findings(added)).toEqual(['structure.columns fail 1/4'])
  expect(checkOf(added, 'structure.columns')?.message).toBe('"shop" (column 5) is not configured')
})

test('a decimal comma is recognised, and not rounded away', async () => {
  const result = await checkOne(HEADER + ROWS.map((row) => row.replace('.50', ',50')).join(''))
  expect(findings(result)).toEqual(['structure.type.amount fail 10/10'])
  expect(checkOf(result, 'structure.type.amount')?.message).toBe(
    '10 of 10 values of amount are no decimal(12,2); written with a decimal comma',
  )
})

test('a number with more digits than its type has is no value of it', async () => {
  const result = await checkOne(GOOD.replace('4.50', '4.505').replace('7.50', '7.500'))
  expect(findings(result)).toEqual(['structure.type.amount fail 1/10'])
})

test('an empty file, and one with a header alone, are no pass', async () => {
  const empty = await checkOne('')
  expect(empty.verdict).toBe('fail')
  expect(checkOf(empty, 'volume.rows')).toMatchObject({ outcome: 'not_evaluated', message: 'The file is empty' })
  const bare = await checkOne(HEADER)
  expect(bare.verdict).toBe('fail')
  expect(checkOf(bare, 'volume.rows')).toMatchObject({
    outcome: 'not_evaluated',
    message: 'There is a header and no record',
  })
})

test.each([
  ['of UTF-8', Buffer.from([0xef, 0xbb, 0xbf]), TSV, 'The file is empty but for a byte order mark'],
  ['of UTF-16', Buffer.from([0xff, 0xfe]), { ...TSV, encoding: 'utf-16' as const }, 'The file is empty but for a byte'],
  [
    'of UTF-16 in a table of UTF-8',
    Buffer.from([0xff, 0xfe]),
    TSV,
    'It cannot be read: it is empty: a byte order mark',
  ],
  ['in a gzip file without even that', gzipSync(''), TSV, 'The file is empty once it is unpacked'],
])('a file with nothing but a byte order mark is empty: one %s', async (_, content, format, told) => {
  const { verdict, reasons } = await checkOne(content, salesSet({ format }))
  expect([verdict, reasons]).toEqual(['fail', [expect.stringContaining(told)]])
})

test('a single line without end is one record that is too long, in the memory of a short one', async () => {
  const packed = gzipSync(`${GOOD}11\t2024-03-01\t1.00\t${'x'.repeat(20 << 20)}`)
  const result = await checkOne(packed, salesSet(), { name: 'sales.tsv.gz' })
  expect(findings(result)).toEqual(['structure.length fail 1/11'])
  expect(result.coverage).toMatchObject({ records: 11, parsed: 10, rejected: 1 })
})

test('a file that grows while it is read was not read as a whole', async () => {
  await using folder = await CheckFolder.make()
  const file = await folder.write('sales.tsv', GOOD, salesSet())
  const onEvent = ({ event }: { readonly event: string }) => {
    if (event === 'files') appendFileSync(file.path, '11\t2024-03-01\t1.00\tlate\n')
  }
  const { files } = await folder.check([file], { onEvent })
  expect(checkOf(files[0]!, 'coverage.records')).toMatchObject({ outcome: 'fail' })
  expect(checkOf(files[0]!, 'coverage.records')?.message).toMatch(/it had \d+ bytes and has \d+/)
  expect(files[0]?.coverage.complete).toBe(false)
})

test('keys that repeat are told with their lines, and those in two files with their files', async () => {
  await using folder = await CheckFolder.make()
  const set = salesSet({ key: ['id'] })
  const first = await folder.write('a.tsv', GOOD + ROWS[2]!.replace('note 2', 'again'), set)
  const second = await folder.write('b.tsv', HEADER + ROWS.slice(8).join(''), set)
  const { files, sets } = await folder.check([first, second])
  expect(findings(files[0]!)).toEqual(['rule.key fail 1/11'])
  expect(checkOf(files[0]!, 'rule.key')?.samples.map(({ line }) => line)).toEqual([4, 12])
  expect(findings(files[1]!)).toEqual([])
  expect(findings(sets[0]!)).toEqual(['rule.key fail 2/13'])
  expect(checkOf(sets[0]!, 'rule.key')?.message).toBe('2 values of id are in more than one file: 2 in a.tsv and b.tsv')
})

test('keys with spaces around them are compared across files too', async () => {
  await using folder = await CheckFolder.make()
  const set = salesSet({ key: ['id'] })
  const rows = (...ids: readonly string[]) => HEADER + ids.map((id) => `${id}\t2024-03-01\t1.00\tx\n`).join('')
  const found = [rows(' 1', '2'), rows('3', '4'), rows(' 2', '4')].map((text, at) =>
    folder.write(`${at}.tsv`, text, set),
  )
  const { sets } = await folder.check(await Promise.all(found))
  const check = checkOf(sets[0]!, 'rule.key')
  expect([check?.evaluated, check?.failed, check?.files]).toEqual([6, 2, ['0.tsv', '1.tsv', '2.tsv']])
})

/** Rows on each day of a month for which `has` says so: with fewer, none at all may be chance. */
function daily(year: number, number: number, has: (day: string) => boolean): string {
  const first = monthStart(year, number)
  const days = Array.from({ length: monthEnd(year, number) - first + 1 }, (_, index) => dayText(first + index))
  const rows = days
    .filter(has)
    .flatMap((day) => Array.from({ length: 12 }, (_, index) => `${index}\t${day}\t1.00\tx\n`))
  return HEADER + rows.join('')
}

const WEEKENDS_2024_03 = ['02', '03', '09', '10', '16', '17', '23', '24', '30', '31'].map((day) => `2024-03-${day}`)

test('a Sunday without rows is fine, a Monday is not', async () => {
  const set = salesSet({ calendar: 'business' })
  // 29 March 2024 is Good Friday, 18 March a Monday.
  const fine = await checkOne(
    daily(2024, 3, (day) => !WEEKENDS_2024_03.includes(day) && day !== '2024-03-29'),
    set,
    { calendar: { country: 'DE' }, period: month(2024, 3) },
  )
  expect(findings(fine)).toEqual([])
  const gap = await checkOne(
    daily(2024, 3, (day) => !WEEKENDS_2024_03.includes(day) && day !== '2024-03-29' && day !== '2024-03-18'),
    set,
    { calendar: { country: 'DE' }, period: month(2024, 3) },
  )
  expect(findings(gap)).toEqual(['completeness.days fail 1/20'])
  expect(checkOf(gap, 'completeness.days')).toMatchObject({ days: ['2024-03-18'], severity: 'CRITICAL' })
  expect(gap.days.find(({ day }) => day === '2024-03-18')?.status).toBe('missing')
  expect(gap.days.find(({ day }) => day === '2024-03-17')?.status).toBe('closed')
})

test('a leap day is a day, and days on which clocks change have no more and no fewer', async () => {
  const set = salesSet({ calendar: 'business' })
  const every = { expect: 'every_day' } as const
  const leap = await checkOne(
    daily(2024, 2, (day) => day !== '2024-02-29'),
    set,
    { calendar: every, period: month(2024, 2) },
  )
  expect(checkOf(leap, 'completeness.days')).toMatchObject({ evaluated: 29, days: ['2024-02-29'] })
  for (const number of [3, 10]) {
    const result = await checkOne(
      daily(2024, number, () => true),
      set,
      { calendar: every, period: month(2024, number) },
    )
    expect(findings(result)).toEqual([])
    expect(result.days).toHaveLength(31)
    expect(new Set(result.days.map(({ rows }) => rows))).toEqual(new Set([12]))
  }
})

test('rows of another period are told with their days', async () => {
  const result = await checkOne(GOOD.replace('2024-03-04', '2024-04-04'), salesSet(), { period: month(2024, 3) })
  expect(findings(result)).toEqual(['completeness.period fail 1/10'])
  expect(checkOf(result, 'completeness.period')?.days).toEqual(['2024-04-04'])
})

test('months without a file between others are told', async () => {
  await using folder = await CheckFolder.make()
  const set = salesSet()
  const files = await Promise.all(
    [1, 2, 5].map((number) =>
      folder.write(
        `sales_2024-0${number}.tsv`,
        daily(2024, number, () => true),
        set,
        month(2024, number),
      ),
    ),
  )
  const { sets } = await folder.check(files)
  expect(sets[0]?.missingPeriods).toEqual(['2024-03', '2024-04'])
  // One alone is held against those of earlier runs, and what is missing between them is not told again.
  const july = await folder.write('sales_2024-07.tsv', GOOD.replaceAll('2024-03', '2024-07'), set, month(2024, 7))
  const [alone] = (await folder.check([july])).sets
  expect(alone?.missingPeriods).toEqual(['2024-06'])
  expect(alone?.checks.map(({ message }) => message)).toEqual(['No file for 2024-06'])
})

test('what nothing could be asked of says so once, and a file without an end of its header stops no other', async () => {
  await using folder = await CheckFolder.make()
  const set = salesSet()
  const contents = { 'a.tsv': '', 'b.tsv': HEADER, 'c.tsv': 'x'.repeat(1.5 * 2 ** 20), 'd.tsv': GOOD }
  const files = await Promise.all(Object.entries(contents).map(([name, content]) => folder.write(name, content, set)))
  const { files: results } = await folder.check(files)
  expect(results.map(({ verdict }) => verdict)).toEqual(['fail', 'fail', 'fail', 'pass'])
  const asked = (cause: string) =>
    expect.stringMatching(`^${cause}: \\d+ questions were not evaluated \\(coverage.records,`)
  expect(results.map(({ reasons }) => reasons)).toEqual([
    [asked('The file is empty')],
    [asked('There is a header and no record')],
    [expect.stringContaining('there is no end of its header in the first MiB')],
    [],
  ])
})

test.each([
  ['with its mark', Buffer.from(`\ufeff${GOOD}`, 'utf16le')],
  ['without one, the other way round', Buffer.from(GOOD, 'utf16le').swap16()],
])('UTF-16 %s in a table of UTF-8 is said to be that, and nothing else', async (_, content) => {
  const result = await checkOne(content)
  expect(result.reasons).toEqual(['It cannot be read: it is UTF-16, and not utf-8.'])
})

test.each([
  ['99999999999999999999', 'id', 'too large for it'],
  ['9007199254740993.5', 'id', 'with more decimals than it holds, or too large for it'],
  ['1.5', 'id', 'with more decimals than it holds, or too large for it'],
  ['99999999999.00', 'amount', 'too large for it'],
  ['2024-02-30', 'day', 'like dates, and not quite: no such day, or more than it holds'],
  ['03.04.2024', 'day', 'written as %d.%m.%Y'],
])('%s in %s is %s', async (value, column, looks) => {
  const row = { id: '1', day: '2024-03-01', amount: '1.00', note: '', [column]: value }
  const result = await checkOne(`${HEADER}${Object.values(row).join('\t')}\n`)
  expect(checkOf(result, `structure.type.${column}`)?.message).toContain(looks)
})

test('a date that is written as configured, and is none, is told as that', async () => {
  const columns = fileColumns({ id: 'bigint', day: 'date', amount: 'decimal(12,2)', note: 'text' })
  const set = salesSet({
    columns: columns.map((column) => (column.name === 'day' ? { ...column, format: '%d.%m.%Y' } : column)),
  })
  const result = await checkOne(`${HEADER}1\t31.06.2024\t1.00\tx\n2\t30.06.2024\t1.00\tx\n`, set)
  expect(checkOf(result, 'structure.type.day')?.message).toBe(
    '1 of 2 values of day is no date; written as %d.%m.%Y, as configured, and no such day or time',
  )
})

test('a date that cannot be read is a bad row like any other, unless its period is to be replaced', async () => {
  const content = GOOD.replace('2024-03-04', 'never')
  const verdicts = async (write: 'append' | 'replace') =>
    (await checkOne(content, salesSet({ write }), { onBadRows: 'quarantine' })).verdict
  expect([await verdicts('append'), await verdicts('replace')]).toEqual(['warning', 'fail'])
})

test('sensitive values are in no sample and in no file of bad rows', async () => {
  const columns = fileColumns({ id: 'bigint', day: 'date', amount: 'decimal(12,2)', note: 'text' }).map((column) => ({
    ...column,
    sensitive: column.name === 'note',
  }))
  await using folder = await CheckFolder.make()
  const text = GOOD.replace('4.50\tnote 4', 'x\tSECRET').replace('5.50\tnote 5', 'SECRET')
  const file = await folder.write(
    'sales.tsv',
    text,
    salesSet({
      columns,
      rules: [{ name: 'small', question: { kind: 'condition', sql: 'amount < 5' }, severity: 'WARNING', limit: {} }],
    }),
  )
  const run = await folder.check([file], { onBadRows: 'quarantine' })
  expect(run.files[0]?.badRows?.rows).toBe(2)
  const { readFile } = await import('node:fs/promises')
  const kept = await readFile(`${folder.path}/${run.files[0]?.badRows?.path}`, 'utf8')
  expect(kept.split('\n')).toHaveLength(4)
  expect(kept + JSON.stringify(run)).not.toContain('SECRET')
})
