import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { filesSourceSchema } from '../sources/files/config.ts'
import { READER_OPTIONS } from './read-statement.ts'
import { suggestPath } from './suggest-path.ts'
import { suggestSet } from './suggest-set.ts'

const never = new AbortController().signal
const folder = mkdtempSync(join(tmpdir(), 'suggest-set-'))
const instance = await DuckDBInstance.create(':memory:', { ...READER_OPTIONS, threads: '1' })
const connection = await instance.connect()
await connection.run("SET TimeZone = 'UTC'")
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
  rmSync(folder, { recursive: true })
})
const query = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson()

/** The entry as the configuration reads it: what is suggested must be valid there. */
async function suggested(name: string, content: string | Buffer) {
  const path = join(folder, name.replaceAll('/', '_'))
  writeFileSync(path, content)
  const { yaml } = await suggestSet(path, name, folder, query, never)
  const entry = (parse(`tables:\n${yaml}`) as { tables: [{ columns: Record<string, unknown> }] }).tables[0]
  const config = filesSourceSchema.parse({ type: 'files', tables: [entry] })
  return { yaml, entry, set: config.tables[0]?.set }
}

function rows(count: number, row: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => row(index)).join('\n')
}

test('a file with semicolons and decimal commas, in Latin-1', async () => {
  const text = `Kunde;Tag;Betrag;PLZ;Name\n${rows(200, (index) => `${index};${String(1 + (index % 28)).padStart(2, '0')}.03.2024;${index},50;0${1000 + index};Jürgen`)}\n`
  const { entry, set, yaml } = await suggested('in/Umsatz_2024-03.csv', Buffer.from(text, 'latin1'))
  expect(entry).toMatchObject({ name: 'umsatz', path: 'in/Umsatz_{yyyy}-{mm}.csv', date: 'Tag' })
  expect(set?.format).toMatchObject({ delimiter: ';', encoding: 'latin-1', header: true, decimalSeparator: ',' })
  expect(entry.columns).toEqual({
    Kunde: 'int64',
    Tag: { type: 'date', format: '%d.%m.%Y' },
    Betrag: 'decimal(9,2)',
    PLZ: 'text',
    Name: 'text',
  })
  expect(yaml).toContain('taken for Latin-1')
})

test('the line that names the delimiter for Excel is skipped; bytes that are no text are said to be none', async () => {
  const { set, entry } = await suggested('excel.csv', `sep=;\nid;name\n${rows(50, (index) => `${index};a, b`)}\n`)
  expect(entry.columns).toEqual({ id: 'int64', name: 'text' })
  expect(set?.format).toMatchObject({ delimiter: ';', skipLines: 1, header: true })
  await expect(suggested('book.csv', 'PK\x03\x04\x14\0\x06\0')).rejects.toMatchObject({ code: 'source_file' })
  const noise = Buffer.concat(
    Array.from({ length: 157 }, (_, index) => createHash('sha256').update(`${index}`).digest()),
  )
  await expect(suggested('noise.csv', noise)).rejects.toMatchObject({
    code: 'source_file',
    cause: { message: 'it cannot be cut into records and columns' },
  })
})

test('a packed file with tabs, and one with quotes', async () => {
  const tabs = `id\tat\tok\n${rows(100, (index) => `${index}\t2024-03-01 10:00:${String(index % 60).padStart(2, '0')}\t${index % 2 === 0}`)}\n`
  const first = await suggested('events.tsv.gz', gzipSync(tabs))
  expect(first.entry.columns).toEqual({ id: 'int64', at: 'timestamp', ok: 'bool' })
  expect(first.set?.format).toMatchObject({ delimiter: '\t', header: true })
  const quoted = `id,note\n${rows(100, (index) => `"${index}","a, ""b""\nc"`)}\n`
  const second = await suggested('notes.csv', quoted)
  expect(second.entry.columns).toEqual({ id: 'int64', note: 'text' })
  expect(second.set?.format).toMatchObject({ delimiter: ',', quote: '"' })
})

test('a date that can be read in two ways is told', async () => {
  const text = `d,n\n${rows(50, (index) => `0${1 + (index % 9)}/02/2024,${index}`)}\n`
  const { yaml } = await suggested('a.csv', text)
  expect(yaml).toContain('could be %m/%d/%Y too')
})

test('UTF-16 and Parquet are recognised', async () => {
  const wide = await suggested(
    'w.csv',
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('id,name\n1,a\n2,ß\n', 'utf16le')]),
  )
  expect(wide.set?.format).toMatchObject({ encoding: 'utf-16' })
  const path = join(folder, 'p.parquet')
  await query(
    `COPY (SELECT 1::BIGINT AS id, DATE '2024-01-01' AS day, 1.5::DECIMAL(9,2) AS n) TO '${path}' (FORMAT parquet)`,
  )
  const { yaml } = await suggestSet(path, 'p.parquet', folder, query, never)
  expect(parse(yaml)).toMatchObject([
    { format: 'parquet', date: 'day', columns: { id: 'int64', day: 'date', n: 'decimal(9,2)' } },
  ])
})

test('an empty file has nothing to suggest', async () => {
  await expect(suggested('e.csv', '')).rejects.toMatchObject({ code: 'source_file' })
})

test.each([
  ['data/sales_2024-03.tsv.gz', 'data/sales_{yyyy}-{mm}.tsv.gz', 'sales'],
  ['20240331_orders.csv', '{yyyy}{mm}{dd}_orders.csv', 'orders'],
  ['q/2024Q1.csv', 'q/{yyyy}Q{q}.csv', 'q'],
  ['region=north/2024.parquet', 'region={region}/{yyyy}.parquet', 'files'],
  ['id_123456.csv', 'id_123456.csv', 'id_123456'],
])('%s is one of %s', (name, path, table) => {
  expect(suggestPath(name)).toMatchObject({ path, table })
})
