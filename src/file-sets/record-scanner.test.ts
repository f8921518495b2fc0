import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { CSV, TSV } from '../../test/support/file-set.ts'
import type { DelimitedFormat } from '../core/file-set.ts'
import { RecordScanner, type RecordTotals } from './record-scanner.ts'

const folder = mkdtempSync(join(tmpdir(), 'record-scanner-'))
// Else a file that is written again within a moment is taken for the one before.
const database = await DuckDBInstance.create(':memory:', { threads: '1', enable_external_file_cache: 'false' })
const connection = await database.connect()
afterAll(() => {
  connection.closeSync()
  database.closeSync()
  rmSync(folder, { recursive: true })
})

function scan(
  text: string | Buffer,
  format = CSV,
  columns = 2,
  cuts: readonly number[] = [],
  markBytes = 1e9,
): RecordTotals {
  const bytes = Buffer.from(text)
  const scanner = new RecordScanner(format, columns, { byteOffset: 0, line: 1 }, markBytes)
  let from = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    scanner.scan(bytes.subarray(from, Math.max(from, Math.min(cut, bytes.length))))
    from = Math.max(from, Math.min(cut, bytes.length))
  }
  scanner.scan(bytes.subarray(from))
  return scanner.end()
}

/** Character by character, as the comment on the scanner says it. */
function countSlowly(text: string, format: DelimitedFormat, columns: number) {
  let [records, blank, at, start, inQuotes, valueStart] = [0, 0, 0, 0, false, true]
  const end = (next: number) => {
    if (at === start) blank++
    else records++
    at = next
    start = next
    valueStart = true
  }
  while (at < text.length) {
    const char = text[at]
    if (inQuotes) {
      if (char === format.escape && format.escape !== format.quote) at += 2
      else if (char === format.quote && format.escape === format.quote && text[at + 1] === format.quote) at += 2
      else {
        if (char === format.quote) inQuotes = false
        at++
      }
    } else if (char === '\n') end(at + 1)
    else if (char === '\r') end(text[at + 1] === '\n' ? at + 2 : at + 1)
    else {
      if (char === format.quote && valueStart) inQuotes = true
      valueStart = char === format.delimiter || (valueStart && char === ' ')
      at++
    }
  }
  if (start < text.length) records++
  return { records: records + (columns === 1 ? blank : 0), blank, unclosed: inQuotes }
}

/** Rows and rejected records of DuckDB's reader. */
async function readByDuckDb(text: string, format: DelimitedFormat, columns: number, lineEnd: string) {
  const path = join(folder, 'random.csv')
  writeFileSync(path, text)
  await connection.run('DROP TABLE IF EXISTS rejects; DROP TABLE IF EXISTS scans')
  const names = Array.from({ length: columns }, (_, index) => `'c${index}': 'VARCHAR'`)
  const quote = format.quote ?? ''
  const sql = `SELECT count(*) FROM read_csv('${path}', header = false, auto_detect = false,
    delim = '${format.delimiter}', quote = '${quote}', escape = '${quote}', columns = {${names.join(', ')}},
    new_line = '${JSON.stringify(lineEnd).slice(1, -1)}',
    store_rejects = true, rejects_table = 'rejects', rejects_scan = 'scans', rejects_limit = 0)`
  const rows = Number((await connection.runAndReadAll(sql)).getRows()[0]?.[0])
  const rejects = await connection.runAndReadAll('SELECT count(DISTINCT line_byte_position) FROM rejects')
  return rows + Number(rejects.getRows()[0]?.[0])
}

const pieces = fc.array(
  fc.constantFrom('a', ',', '"', '""', '\n', '\r\n', '\r', ' ', '\\', 'ä', '\t', '\0', '\n\n', '",'),
  {
    maxLength: 60,
  },
)
const formats = fc.constantFrom<DelimitedFormat>(
  CSV,
  TSV,
  { ...CSV, escape: '\\' },
  { ...TSV, quote: "'", escape: "'" },
)

test('counts as a plain parser does, wherever the text is cut', () => {
  fc.assert(
    fc.property(
      pieces,
      formats,
      fc.constantFrom(1, 2),
      fc.array(fc.nat(80), { maxLength: 6 }),
      (parts, format, columns, cuts) => {
        const text = parts.join('')
        const slow = countSlowly(text, format, columns)
        const { records, blankLines, unclosedQuote, firstNul } = scan(text, format, columns, cuts)
        expect({ records, blankLines, unclosed: unclosedQuote !== undefined }).toEqual({
          records: slow.records,
          blankLines: slow.blank,
          unclosed: slow.unclosed,
        })
        const nul = Buffer.from(text).indexOf(0)
        expect(firstNul).toBe(nul < 0 ? undefined : nul)
      },
    ),
    { numRuns: 2000 },
  )
})

test('lines of plain text are counted as one by one, at any place in memory', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('\n', '\n\n', 'a', 'abcdefgh', '\x8a\x0b'), { maxLength: 200 }),
      fc.nat(7),
      (parts, shift) => {
        const text = parts.join('')
        const bytes = Buffer.from(text)
        const shifted = new Uint8Array(bytes.length + shift).subarray(shift)
        shifted.set(bytes)
        const scanner = new RecordScanner(TSV, 2, { byteOffset: 0, line: 1 })
        scanner.scan(shifted)
        const slow = countSlowly(text, TSV, 2)
        expect(scanner.end()).toMatchObject({ records: slow.records, blankLines: slow.blank })
      },
    ),
    { numRuns: 1000 },
  )
})

test('text that comes at once gives the same totals as byte by byte', () => {
  // Values as programs write them, so that there are whole blocks of them, and now and then something else.
  const plain = fc
    .array(fc.constantFrom('a', ' ', '12', 'é', '\t', ';'), { maxLength: 12 })
    .map((parts) => parts.join(''))
  const quoted = fc
    .array(fc.constantFrom('a', '""', ',', '\n', '\r\n', '\r', ' '), { maxLength: 12 })
    .map((parts) => `"${parts.join('')}"`)
  const record = fc.array(fc.oneof(plain, quoted), { minLength: 1, maxLength: 12 }).map((values) => values.join(','))
  const odd = fc.constantFrom(' "a"', 'a"b', '"a"b"', '\r', '\n\n', '\r\n\r\n', '"', '')
  const text = fc
    .tuple(
      fc.array(fc.oneof({ weight: 12, arbitrary: record }, { weight: 1, arbitrary: odd }), { maxLength: 40 }),
      fc.constantFrom('\n', '\n', '\r\n'),
    )
    .map(([records, lineEnd]) => records.join(lineEnd))
  fc.assert(
    fc.property(
      text,
      formats,
      fc.constantFrom(1, 2),
      fc.array(fc.nat(2000), { maxLength: 3 }),
      (all, format, columns, cuts) => {
        const each = Array.from({ length: Buffer.byteLength(all) }, (_, at) => at)
        for (const markBytes of [1e9, 200]) {
          const slow = scan(all, format, columns, each, markBytes)
          expect(scan(all, format, columns, cuts, markBytes)).toEqual(slow)
          expect(slow.records).toBe(countSlowly(all, format, columns).records)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('DuckDB reads and rejects as many records of a well-formed file', async () => {
  const value = fc
    .array(fc.constantFrom('a', '"', ',', '\n', ' x', 'é', '1'), { maxLength: 6 })
    .map((parts) => parts.join(''))
  const field = fc.oneof(
    fc.constantFrom('', 'a', 'a"b', ' lead', 'end '),
    value.map((text) => `"${text.replaceAll('"', '""')}"`),
  )
  const record = fc.oneof(
    { weight: 6, arbitrary: fc.array(field, { minLength: 2, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(field, { minLength: 4, maxLength: 5 }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 12 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.boolean(),
      async (records, lineEnd, ended) => {
        const text = records.map((fields) => fields.join(',')).join(lineEnd) + (ended ? lineEnd : '')
        // DuckDB 1.5 loses records where lines end in CR and a value has a LF: that the counts differ then is right.
        fc.pre(text.length > 0 && !(lineEnd === '\r' && text.includes('\n')))
        expect(scan(text).records).toBe(await readByDuckDb(text, CSV, 2, lineEnd))
      },
    ),
    { numRuns: 150 },
  )
})

test.each([
  ['mixed line ends', '1,a\r\n2,b\n3,c\r4,d\n', { records: 4, lineEnds: { lf: 2, crlf: 1, cr: 1 } }],
  ['a last record without an end', '1,a\n2,b', { records: 2, lastLineEnded: false }],
  ['a quote that nothing closes', '1,a\n2,"b\n3,c\n', { records: 2, unclosedQuote: { line: 2, byteOffset: 6 } }],
  ['a quote in the middle of a value', '1,5" pipe\n2,b\n', { records: 2, unclosedQuote: undefined }],
  ['lines within quotes', '1,"a\nb\r\nc"\n2,d\n', { records: 2, lineEnds: { lf: 2, crlf: 0, cr: 0 } }],
  ['blank lines', '\n1,a\n\n\n2,b\n\n', { records: 2, blankLines: 4 }],
  ['nothing', '', { records: 0, blankLines: 0, lastLineEnded: true }],
  ['zeros', '1,\0\n2,b\n', { records: 2, firstNul: 2 }],
])('tells %s', (_, text, expected) => {
  expect(scan(text)).toMatchObject(expected)
  expect(scan(text, CSV, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9])).toMatchObject(expected)
})

test('marks stand at the begin of records, with their lines', () => {
  fc.assert(
    fc.property(pieces, formats, fc.array(fc.nat(80), { maxLength: 4 }), (parts, format, cuts) => {
      const text = parts.join('')
      const bytes = Buffer.from(text)
      const totals = scan(text, format, 1, cuts, 8)
      expect(totals.marks.at(-1)).toMatchObject({ byteOffset: bytes.length, record: totals.records })
      for (const { byteOffset, record } of totals.marks) {
        expect(scan(bytes.subarray(0, byteOffset), format, 1).records).toBe(record)
        expect(record + scan(bytes.subarray(byteOffset), format, 1).records).toBe(totals.records)
      }
    }),
    { numRuns: 1000 },
  )
})
