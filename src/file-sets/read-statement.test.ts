import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CSV, fileColumns, fileSet, TSV } from '../../test/support/file-set.ts'
import type { FileSet, FoundFile } from '../core/file-set.ts'
import { openFeed } from './file-feed.ts'
import { compressionOf, identifyFile } from './file-fingerprint.ts'
import { READER_OPTIONS, readStatement } from './read-statement.ts'
import { countRecords } from './record-counter.ts'
import { recordRanges } from './record-ranges.ts'
import { quoteName } from './value-cast.ts'

const never = new AbortController().signal
let folder: string
let instance: DuckDBInstance
let connection: DuckDBConnection
let files = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'read-statement-'))
  instance = await DuckDBInstance.create(':memory:', { ...READER_OPTIONS, threads: '2' })
  connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
})
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
  rmSync(folder, { recursive: true })
})

async function written(content: string | Buffer, set: Partial<FileSet>, name = `file-${files++}`): Promise<FoundFile> {
  const path = join(folder, name)
  writeFileSync(path, content)
  const identity = await identifyFile(path)
  return { ...identity, set: fileSet(set), name: path, compression: await compressionOf(path), period: undefined }
}

async function rowsOf(sql: string): Promise<readonly Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson()
}

/** Rows as text, rejected records and the independent count. */
async function read(file: FoundFile, range?: { from: number; to: number; line: number }) {
  await using feed = await openFeed(file, range === undefined ? { folder } : { folder, range }, never)
  const statement = readStatement({ ...feed, set: file.set, rejects: `r${files}` })
  const rows = await rowsOf(statement.rows)
  const bad = await badOf(statement, feed.path, file)
  const rejected = await rowsOf(`${statement.rejected} ORDER BY 1`)
  for (const sql of statement.cleanup) await connection.run(sql)
  return { rows, rejected, bad, count: await feed.count(), path: feed.path }
}

/** By column, how many texts are no value; of plain files, which can be read again. */
async function badOf(statement: ReturnType<typeof readStatement>, path: string, file: FoundFile) {
  if (path !== file.path) return undefined
  const counts = statement.columns.map(({ column, isBad }) => `count(*) FILTER (${isBad}) AS ${quoteName(column.name)}`)
  await connection.run(statement.cleanup.join(';'))
  return (await rowsOf(`SELECT ${counts.join(', ')} FROM ${statement.table}`))[0]
}

test('values have their types, null words are NULL unless quoted', async () => {
  const columns = fileColumns({ id: 'int64', day: 'date', amount: 'decimal(12,2)', note: 'text' }, { day: '%d.%m.%Y' })
  const format = { ...CSV, delimiter: ';', decimalSeparator: ',', nullWords: ['', 'NULL'] } as const
  const file = await written('id;day;amount;note\n1;29.02.2024;1234,5;"a;b"\n2;NULL;;"NULL"\n"";;0,05;""\n', {
    columns,
    format,
  })
  const { rows, count } = await read(file)
  expect(rows).toEqual([
    { id: '1', day: '2024-02-29', amount: '1234.50', note: 'a;b' },
    { id: '2', day: null, amount: null, note: 'NULL' },
    { id: null, day: null, amount: '0.05', note: '' },
  ])
  expect(count).toMatchObject({ records: 3, header: ['id', 'day', 'amount', 'note'], incomplete: undefined })
})

test('what would be rounded, cut or guessed is no value and is counted', async () => {
  const columns = fileColumns({
    i: 'int32',
    d: 'decimal(5,2)',
    day: 'date',
    t: 'timestamp',
    f: 'float64',
    b: 'bool',
    u: 'uuid',
  })
  const good = [
    '7,1.20,2024-02-29,2024-02-29 01:02:03.5,1e3,true,550e8400-e29b-41d4-a716-446655440000',
    '1.0,1.500,2024-03-01 00:00:00,2024-03-01,inf,no,',
    '-3,12,,2024-03-01T00:00:00Z,,1,',
  ]
  const wrong = [
    '1.5,1.234,2024-02-30,2024-02-29 01:02:03+02,1e400,maybe,x',
    '1e-1,1e-1,2024-02-29 10:00:00,2024-02-29 01:02:03.1234567,"1,5",,',
    'x,"1,2",infinity,2024-02-29 01:00-05,-,,',
    '1_000,1_0,24-02-29,24-02-29 01:02:03,1_0.5,1_0,',
  ]
  const header = 'i,d,day,t,f,b,u\n'
  const clean = await read(await written(`${header}${good.join('\n')}\n`, { columns, format: CSV }))
  expect(clean.bad).toEqual({ i: '0', d: '0', day: '0', t: '0', f: '0', b: '0', u: '0' })
  expect(clean.rows.map(({ d }) => d)).toEqual(['1.20', '1.50', '12.00'])
  const dirty = await read(await written(`${header}${wrong.join('\n')}\n`, { columns, format: CSV }))
  expect(dirty.bad).toEqual({ i: '4', d: '4', day: '4', t: '4', f: '4', b: '2', u: '1' })
  expect(dirty.rows).toHaveLength(4)
})

test('columns are found by name, whatever their order; one that is missing is NULL and said to be', async () => {
  const columns = fileColumns({ id: 'int64', 'od"d': 'text', gone: 'date' })
  const file = await written('"od""d",extra,ID\nx,y,1\n', { columns, format: CSV })
  const { rows } = await read(file)
  expect(rows).toEqual([{ id: '1', 'od"d': 'x', gone: null }])
})

test.each([['\n'], ['\r\n']])('ragged records are rejected with their place, lines ending in %j', async (lineEnd) => {
  const columns = fileColumns({ id: 'int64', name: 'text' })
  const lines = ['id,"na\nme"', '1,"a\nb"', '2,b,c', '3,"x"y', '4', '5,"e"', '6,f']
  const text = lines.join(lineEnd)
  const { rows, rejected, count } = await read(await written(text, { columns, format: CSV }))
  expect(rows.map(({ id }) => id)).toEqual(['1', '5', '6'])
  expect(rejected.map(({ byteOffset }) => Number(byteOffset))).toEqual(
    ['2,b,c', '3,"x"y', '4'].map((each) => text.indexOf(`\n${each}`) + 1),
  )
  expect(rejected.map(({ reason }) => reason)).toEqual(['too many columns', 'unquoted value', 'missing columns'])
  expect(rejected.map((row) => row.text)).toEqual(['2,b,c', '3,"x"y', '4'])
  expect(count.records).toBe(rows.length + rejected.length)
})

test.each(['plain.csv.gz', 'plain.csv.zst', "it's here.csv", 'copy [1] of *.csv', 'what?.csv', 'größe;$x.csv'])(
  'a file is read as what it is, whatever it is called: %s',
  async (name) => {
    const columns = fileColumns({ id: 'int64' })
    const { rows, count } = await read(await written('id\n1\n2\n', { columns, format: CSV }, name))
    expect(rows).toEqual([{ id: '1' }, { id: '2' }])
    expect(count).toMatchObject({ records: 2 })
  },
)

test('a file whose name looks like a pattern is that file, and not those that fit it', async () => {
  const set = { columns: fileColumns({ id: 'int64' }), format: CSV }
  for (const other of ['a1.csv', 'xy.csv']) await written('id\n9\n', set, other)
  expect((await read(await written('id\n1\n', set, 'a[1].csv'))).rows).toEqual([{ id: '1' }])
  expect((await read(await written('id\n2\n', set, 'x?.csv'))).rows).toEqual([{ id: '2' }])
})

test('a folder with a name and a value is no column, and takes the place of none', async () => {
  const folderOf = join(folder, 'region=folder')
  mkdirSync(folderOf)
  const path = join(folderOf, 'a.parquet')
  await connection.run(`COPY (SELECT 1 AS id, 'file' AS region) TO '${path}' (FORMAT parquet)`)
  const set = fileSet({ columns: fileColumns({ id: 'int32', region: 'text' }), format: { kind: 'parquet' } })
  const types = new Map([
    ['id', 'INTEGER'],
    ['region', 'VARCHAR'],
  ])
  const { rows } = readStatement({ set, path, prologue: undefined, rejects: 'r' }, types)
  expect(await rowsOf(rows)).toEqual([{ id: 1, region: 'file' }])
  const text = await read(
    await written('id\n1\n', { columns: fileColumns({ id: 'int64' }), format: CSV }, 'region=folder/b.csv'),
  )
  expect(text.rows).toEqual([{ id: '1' }])
})

test('what stands before the header is skipped, byte order mark and blank lines included', async () => {
  const columns = fileColumns({ id: 'int64', name: 'text' })
  for (const before of ['', '\ufeff', 'made by "someone"\non Monday\n', '\ufefftitle\n\n\n', '"never closed\n\n']) {
    const skipLines = before.includes('Monday') ? 2 : /title|never/.test(before) ? 1 : 0
    const file = await written(`${before}id,name\n1,a\n2,b\n`, { columns, format: { ...CSV, skipLines } })
    const { rows, count } = await read(file)
    expect(rows).toEqual([
      { id: '1', name: 'a' },
      { id: '2', name: 'b' },
    ])
    expect(count).toMatchObject({ records: 2, header: ['id', 'name'] })
  }
  const bare = await read(await written('\n1\ta\n', { columns, format: { ...TSV, header: false } }))
  expect([bare.rows.length, bare.count.records]).toEqual([1, 1])
})

const UTF16 = Buffer.from('id,name\n1,Jürgen 😀\n2,b\n', 'utf16le')
test.each([
  ['gzip', gzipSync('id,name\n1,Jürgen 😀\n2,b\n'), 'utf-8'],
  ['gzip of two members', Buffer.concat([gzipSync('id,name\n1,Jürgen 😀\n'), gzipSync('2,b\n')]), 'utf-8'],
  ['zstd', zstdCompressSync('id,name\n1,Jürgen 😀\n2,b\n'), 'utf-8'],
  [
    'zstd of two frames',
    Buffer.concat([zstdCompressSync('id,name\n1,Jürgen 😀\n'), zstdCompressSync('2,b\n')]),
    'utf-8',
  ],
  ['UTF-16', UTF16, 'utf-16'],
  ['UTF-16 with a byte order mark', Buffer.concat([Buffer.from([0xff, 0xfe]), UTF16]), 'utf-16'],
  ['UTF-16 the other way round', Buffer.concat([Buffer.from([0xff, 0xfe]), UTF16]).swap16(), 'utf-16'],
  ['Latin-1', Buffer.from('id,name\n1,Jürgen ÿ\n2,b\n', 'latin1'), 'latin-1'],
] as const)('%s is read as it was meant', async (_, content, encoding) => {
  const columns = fileColumns({ id: 'int64', name: 'text' })
  const { rows, count } = await read(await written(Buffer.from(content), { columns, format: { ...CSV, encoding } }))
  expect(rows).toEqual([
    { id: '1', name: encoding === 'latin-1' ? 'Jürgen ÿ' : 'Jürgen 😀' },
    { id: '2', name: 'b' },
  ])
  expect(count).toMatchObject({ records: 2, invalidAt: undefined, incomplete: undefined, bytes: content.length })
})

test('ranges of a file are the file, and each is read alone', async () => {
  const columns = fileColumns({ id: 'int64', name: 'text' })
  const lines = Array.from({ length: 40_000 }, (_, index) => `${index},"line\n${'x'.repeat(index % 97)}"`)
  const file = await written(`id,name\n${lines.join('\n')}\n`, { columns, format: CSV })
  const count = await countRecords(file, { markBytes: 100_000, checksum: true }, never)
  const ranges = recordRanges(count, 500_000)
  expect(ranges.length).toBeGreaterThan(3)
  expect(ranges.map(({ from }) => from)).toEqual([8, ...ranges.slice(0, -1).map(({ to }) => to)])
  expect(ranges.at(-1)?.to).toBe(file.bytes)
  expect(count.checksum).toMatch(/^sha256:[0-9a-f]{64}$/)
  const middle = ranges[1]
  if (middle === undefined) throw new Error('there is no second range')
  const { rows, count: part } = await read(file, middle)
  expect(rows[0]?.id).toBe(String(middle.firstRecord))
  expect([rows.length, part.records]).toEqual([middle.records, middle.records])
  expect(middle.line).toBe(2 + 2 * middle.firstRecord)
})

test('Parquet is read by name, and only exact values are taken', async () => {
  const path = join(folder, 'a.parquet')
  await connection.run(
    `COPY (SELECT 1::BIGINT AS "ID", 1.5::DOUBLE AS n, '2024-02-29' AS day UNION ALL SELECT 2, 2.0, 'x') TO '${path}' (FORMAT parquet)`,
  )
  const set = fileSet({
    format: { kind: 'parquet' },
    columns: fileColumns({ id: 'int64', n: 'int32', day: 'date', gone: 'text' }),
  })
  const types = new Map([
    ['ID', 'BIGINT'],
    ['n', 'DOUBLE'],
    ['day', 'VARCHAR'],
  ])
  const statement = readStatement({ set, path, prologue: undefined, rejects: 'p' }, types)
  expect(await rowsOf(`${statement.rows} ORDER BY 1`)).toEqual([
    { id: '1', n: null, day: '2024-02-29', gone: null },
    { id: '2', n: 2, day: null, gone: null },
  ])
  expect(statement.columns.map(({ isPresent }) => isPresent)).toEqual([true, true, true, false])
})

test('a query that ends early, or never begins, leaves nothing behind', async () => {
  const columns = fileColumns({ id: 'int64', name: 'text' })
  const packed = gzipSync(`id,name\n${'1,abcdefgh\n'.repeat(500_000)}`)
  const file = await written(packed, { columns, format: CSV })
  {
    await using feed = await openFeed(file, { folder }, never)
    const statement = readStatement({ ...feed, set: file.set, rejects: 'early' })
    expect(await rowsOf(`${statement.rows} LIMIT 1`)).toHaveLength(1)
  }
  {
    await using _feed = await openFeed(file, { folder }, never)
  }
  expect((await read(file)).count.records).toBe(500_000)
})

test('more packed files at once than there are threads are all read', async () => {
  const columns = fileColumns({ id: 'int64', name: 'text' })
  const packed = gzipSync(`id,name\n${'1,abcdefgh\n'.repeat(60_000)}`)
  const connections = await Promise.all(Array.from({ length: 6 }, () => instance.connect()))
  const counts = await Promise.all(
    connections.map(async (each, index) => {
      const file = await written(packed, { columns, format: CSV })
      await using feed = await openFeed(file, { folder }, never)
      const { table } = readStatement({ ...feed, set: file.set, rejects: `at_once_${index}` })
      const [rows, { records }] = await Promise.all([each.runAndReadAll(`SELECT count(*) FROM ${table}`), feed.count()])
      each.closeSync()
      return [Number(rows.getRows()[0]?.[0]), records]
    }),
  )
  expect(counts).toEqual(connections.map(() => [60_000, 60_000]))
})

test.each(['int16', 'int32', 'int64'])(
  "DuckDB's reader makes the same %s of a text that is one, or refuses it",
  async (type) => {
    const texts = [
      '7',
      '-7',
      '+7',
      ' 7',
      '7 ',
      '7.0',
      '7.',
      '.0',
      '7e1',
      '70e-1',
      '007',
      '-0',
      '1_000',
      '0x1F',
      '0b11',
      '',
    ]
    const limits = { int16: 32_767, int32: 2_147_483_647, int64: '9223372036854775807' } as const
    texts.push(String(limits[type as keyof typeof limits]), `-${limits[type as keyof typeof limits]}`)
    for (const format of [TSV, CSV]) {
      const delimiter = format.delimiter
      const lines = texts.map((text, at) => `${at}${delimiter}${text}\n`)
      const file = await written(`at${delimiter}number\n${lines.join('')}`, {
        columns: fileColumns({ at: 'text', number: type }),
        format,
      })
      await using feed = await openFeed(file, { folder }, never)
      const request = { ...feed, set: file.set }
      const cast = readStatement({ ...request, rejects: `cast_${files}_${type}` })
      const made = readStatement({ ...request, rejects: `made_${files}_${type}`, sound: new Set(['number']) })
      const known = new Map((await rowsOf(cast.rows)).map(({ at, number }) => [at, number]))
      const rows = await rowsOf(made.rows)
      for (const { at, number } of rows) if (known.get(at) !== null) expect([at, number]).toEqual([at, known.get(at)])
      const refused = await rowsOf(String(made.rejected))
      expect(rows.length + refused.length).toBe(texts.length)
      expect(rows.length).toBeGreaterThan(3)
    }
  },
)
