/** Files that are not in the form that their set says: another kind of file, another delimiter, a header too many or too few. */
import { expect, test } from 'vitest'
import { checkOf, checkOne, findings, salesSet } from '../support/checked-file.ts'
import { CSV, TSV } from '../support/file-set.ts'

const HEADER = 'id\tday\tamount\tnote\n'
const ROWS = ['1\t2024-03-01\t1.50\tone\n', '2\t2024-03-02\t2.50\ttwo\n']
const GOOD = HEADER + ROWS.join('')

test.each([
  [
    'an Excel workbook',
    'PK\x03\x04\x14\0\x06\0\b\0\0\0!\0[Content_Types].xml',
    'an Excel workbook (.xlsx)',
    'Save the sheet',
  ],
  ['a ZIP archive', 'PK\x03\x04\x14\0\0\0\b\0\0\0!\0sales.tsv', 'a ZIP archive', 'Unpack it'],
  ['an old workbook', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'an Excel workbook (.xls)', 'Save the sheet'],
  ['Parquet', 'PAR1\x15\x04\x15', 'Parquet', '`format: parquet`'],
])('%s that is called like text is said to be that, and nothing else', async (_, begin, what, fix) => {
  const result = await checkOne(Buffer.from(begin.padEnd(200, '\0'), 'latin1'))
  expect(result.reasons).toEqual([`It cannot be read: it is ${what}, and no text.`])
  expect(checkOf(result, 'structure.read')?.fix).toContain(fix)
})

test('a line for Excel before the header is told with how to skip it', async () => {
  const rows = GOOD.replaceAll('\t', ';')
  const result = await checkOne(`sep=;\n${rows}`, salesSet({ format: CSV }))
  expect(checkOf(result, 'structure.read')).toMatchObject({
    message: expect.stringContaining('the line before its header is "sep=;"'),
    fix: expect.stringContaining('{ type: csv, delimiter: ";", skip_lines: 1 }'),
  })
  const skipped = salesSet({ format: { ...CSV, delimiter: ';', skipLines: 1 } })
  expect(findings(await checkOne(`sep=;\n${rows}`, skipped))).toEqual([])
})

test('a file without the header that its set expects is told to have none', async () => {
  const result = await checkOne(ROWS.join(''))
  const columns = checkOf(result, 'structure.columns')
  expect(columns).toMatchObject({
    outcome: 'fail',
    severity: 'CRITICAL',
    fix: expect.stringContaining('`header: false`'),
  })
  expect(columns?.message).toBe('The first line has no name of a column, and looks like values: the file has no header')
})

test('another delimiter is told as that', async () => {
  const result = await checkOne(GOOD.replaceAll('\t', ';'))
  expect(checkOf(result, 'structure.columns')).toMatchObject({
    outcome: 'fail',
    fix: expect.stringContaining('`delimiter`'),
  })
  expect(checkOf(result, 'structure.columns')?.message).toMatch(
    /^The header is a single value, .* between semicolons: /,
  )
})

test.each([
  ['between rows', ROWS[0] + HEADER + ROWS[1], 'a header stands among the rows', true],
  ['between rows, with the mark of another file', `${ROWS[0]}\ufeff${HEADER}${ROWS[1]}`, 'byte order mark', true],
  ['where none is configured', GOOD, 'a header stands among the rows', false],
])('a header %s is told as one', async (_, rows, looks, header) => {
  const set = salesSet({ format: { ...TSV, header } })
  const result = await checkOne(header ? HEADER + rows : rows, set)
  expect(result.reasons[0]).toMatch(/^1 of \d+ values of id is no bigint; /)
  expect(result.reasons[0]).toContain(looks)
})
