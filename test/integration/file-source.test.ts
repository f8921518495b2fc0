/** File sets through the engine into DuckDB: what is in the table is what DuckDB reads from the same files itself. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, loadFiles, writeInput } from '../support/file-scene.ts'
import { CSV, fileColumns, fileSet } from '../support/file-set.ts'

const COLUMNS = fileColumns({ id: 'int64', day: 'date', amount: 'decimal(12,2)', note: 'text' })
const SALES = fileSet({ path: 'data/sales_{yyyy}-{mm}.tsv*', columns: COLUMNS, dateColumn: 'day' })
const HEADER = 'id\tday\tamount\tnote\n'
const MARCH = { name: '2024-03', from: 19783, through: 19813 }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-source-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** `count` rows of a month, ids from `first`. */
function month(name: string, count: number, first = 1, note = 'n'): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const day = String((index % 28) + 1).padStart(2, '0')
    return `${first + index}\t${name}-${day}\t${index}.${String(index % 100).padStart(2, '0')}\t${index % 7 === 0 ? '' : `${note}${index}`}\n`
  })
  return HEADER + rows.join('')
}

/** What DuckDB makes of the files by itself. */
async function read(
  paths: string,
  columns = "{'id': 'BIGINT', 'day': 'DATE', 'amount': 'DECIMAL(12,2)', 'note': 'VARCHAR'}",
) {
  const from = `read_csv('${join(folder, paths)}', delim = '\t', header = true, quote = '', nullstr = '', columns = ${columns})`
  return ask(folder, `SELECT id, day, amount, note FROM ${from} ORDER BY ALL`)
}
async function write(sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  await connection.run(sql)
  connection.closeSync()
  instance.closeSync()
}
const table = () => ask(folder, 'SELECT id, day, amount, note FROM files.sales ORDER BY ALL')

describe('append', () => {
  it('all rows of all files are there once, whatever they are cut into and how often it is asked', async () => {
    writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 500))
    writeInput(folder, 'data/sales_2024-03.tsv.gz', gzipSync(month('2024-03', 700, 501)))
    const first = await loadFiles(folder, [SALES], { partBytes: 4_000 })
    expect(first.firstError).toBeUndefined()
    expect(await table()).toEqual(await read('data/*'))
    expect(first.tokens.get('sales')?.loaded.map(({ name, rows, period }) => [name, rows, period])).toEqual([
      ['data/sales_2024-02.tsv', 500, '2024-02'],
      ['data/sales_2024-03.tsv.gz', 700, '2024-03'],
    ])
    writeInput(folder, 'data/sales_2024-04.tsv', month('2024-04', 10, 2_000))
    await loadFiles(folder, [SALES])
    await loadFiles(folder, [SALES])
    expect(await table()).toEqual(await read('data/*'))
    expect(await ask(folder, 'SELECT count(DISTINCT _fivetran_id) FROM files.sales')).toEqual(['1210'])
  })

  it('a large first file gives its table the compression that suits its text, its ids and its position', async () => {
    writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 12_000))
    await loadFiles(folder, [SALES])
    expect(await table()).toEqual(await read('data/*'))
    await write(`ATTACH '${join(folder, 'out.duckdb')}' AS out; CHECKPOINT out`)
    const columns = `SELECT DISTINCT column_name, compression FROM pragma_storage_info('files.sales')
      WHERE segment_type = 'VARCHAR' ORDER BY ALL`
    expect(await ask(folder, columns)).toEqual(['_fivetran_id ZSTD', '_source_position DICT_FSST', 'note ZSTD'])
  })

  it('a file that has changed since is told, and nothing of it is loaded again', async () => {
    writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 5))
    await loadFiles(folder, [SALES])
    appendFileSync(join(folder, 'data/sales_2024-02.tsv'), '9\t2024-02-09\t1.00\tlate\n')
    const { problems } = await loadFiles(folder, [SALES])
    expect(problems[0]).toMatch(/it had \d+ bytes and has \d+ since it was loaded/)
    expect(await ask(folder, 'SELECT count(*) FROM files.sales')).toEqual(['5'])
  })
})

describe('merge', () => {
  const set = fileSet({ ...SALES, name: 'sales', key: ['id'], write: 'merge' })

  it('of rows with one key the last one counts, in a file, across parts and across files', async () => {
    const later = [`3\t2024-02-27\t7.00\tsecond\n`, `3\t2024-02-28\t8.00\tthird\n`].join('')
    writeInput(
      folder,
      'data/sales_2024-02.tsv',
      month('2024-02', 300) + later + month('2024-02', 2).slice(HEADER.length),
    )
    writeInput(folder, 'data/sales_2024-03.tsv', month('2024-03', 100, 250, 'new'))
    const loaded = await loadFiles(folder, [set], { partBytes: 3_000 })
    expect([loaded.firstError, loaded.summary.tables[0]?.error]).toEqual([undefined, undefined])
    const rows = await ask(folder, 'SELECT id, note, day FROM files.sales ORDER BY id')
    expect(rows).toHaveLength(349)
    expect(rows[2]).toBe('3 third 2024-02-28')
    expect(rows[249]).toContain('2024-03-01')
    await loadFiles(folder, [set], { again: true })
    expect(await ask(folder, 'SELECT count(*), count(DISTINCT id) FROM files.sales')).toEqual(['349 349'])
  })
})

describe('replace', () => {
  const set = fileSet({ ...SALES, name: 'sales', write: 'replace' })

  it('a file that comes again takes the place of its period, and of no other', async () => {
    writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 30))
    writeInput(folder, 'data/sales_2024-03.tsv', month('2024-03', 40, 100))
    await loadFiles(folder, [set])
    writeInput(folder, 'data/sales_2024-03.tsv', month('2024-03', 35, 500, 'corrected'))
    await loadFiles(folder, [set], { again: true, files: ['data/sales_2024-03.tsv'], partBytes: 500 })
    expect(await table()).toEqual(await read('data/*'))
  })

  it('rows outside of its period are refused, and what is there stays', async () => {
    writeInput(folder, 'data/sales_2024-03.tsv', month('2024-03', 10))
    await loadFiles(folder, [set])
    writeInput(folder, 'data/sales_2024-03.tsv', `${month('2024-03', 10, 50)}99\t2024-04-01\t1.00\tlate\n`)
    const { problems } = await loadFiles(folder, [set], { again: true })
    expect(problems[0]).toContain('1 of its rows are not of 2024-03')
    expect(await ask(folder, 'SELECT min(id), max(id), count(*) FROM files.sales')).toEqual(['1 10 10'])
  })
})

it('a period is removed, and its files may be loaded again', async () => {
  writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 30))
  writeInput(folder, 'data/sales_2024-03.tsv', month('2024-03', 40, 100))
  await loadFiles(folder, [SALES])
  await loadFiles(folder, [SALES], { remove: MARCH })
  expect(await table()).toEqual(await read('data/sales_2024-02.tsv'))
  // It was removed on purpose: only who asks gets it again.
  await loadFiles(folder, [SALES])
  expect(await table()).toEqual(await read('data/sales_2024-02.tsv'))
  await loadFiles(folder, [SALES], { again: true, files: ['data/sales_2024-03.tsv'] })
  expect(await table()).toEqual(await read('data/*'))
})

it('a year that is removed takes its months along, and a month that comes again as another file is loaded', async () => {
  writeInput(folder, 'data/sales_2023-12.tsv', month('2023-12', 20, 200))
  writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 30))
  writeInput(folder, 'data/sales_2024-03.tsv', month('2024-03', 40, 100))
  await loadFiles(folder, [SALES])
  const year = { name: '2024', from: 19723, through: 20088 }
  const { tokens } = await loadFiles(folder, [SALES], { remove: year })
  expect(tokens.get('sales')?.loaded.map(({ removed }) => removed)).toEqual([undefined, true, true])
  writeInput(folder, 'data/sales_2024-03.tsv', month('2024-03', 25, 300))
  await loadFiles(folder, [SALES])
  rmSync(join(folder, 'data/sales_2024-02.tsv'))
  expect(await table()).toEqual(await read('data/*'))
})

it('a row without a value that must be there is in quarantine whole', async () => {
  const columns = COLUMNS.map((column) => ({ ...column, nullable: column.name !== 'amount' }))
  const set = fileSet({ name: 'sales', path: 'data/*.tsv', columns })
  writeInput(folder, 'data/a.tsv', `${HEADER}1\t2024-02-01\t1.50\t\n2\t2024-02-02\t\tn\n3\t2024-02-03\tx\tn\n`)
  const { tokens } = await loadFiles(folder, [set])
  expect(tokens.get('sales')?.loaded[0]).toMatchObject({ rows: 1, quarantined: 2 })
  expect(await ask(folder, 'SELECT id FROM files.sales')).toEqual(['1'])
  const kept = await ask(folder, "SELECT raw::JSON->>'id', reason FROM _simplyload.quarantine ORDER BY 1")
  expect(kept).toEqual(['2 row without a value that must be there', '3 row without a value that must be there'])
})

it('what cannot be read is in quarantine, and everything else is in the table', async () => {
  const set = fileSet({ name: 'sales', path: 'data/*.csv', format: CSV, columns: COLUMNS })
  const rows = [
    '1,2024-02-01,1.50,fine',
    '2,2024-02-30,2.50,no such day',
    '3,2024-02-03,1.999,too fine',
    'x,2024-02-04,1.00,no id',
    '5,2024-02-05',
    '6,2024-02-06,1.00,"two\nlines"',
  ]
  const content = `id,day,amount,note\n${rows.join('\n')}\n`
  writeInput(folder, 'data/a.csv', content)
  const { tokens, firstError } = await loadFiles(folder, [set])
  expect(firstError).toBeUndefined()
  expect(await table()).toEqual([
    '1 2024-02-01 1.50 fine',
    '2 NULL 2.50 no such day',
    '3 2024-02-03 NULL too fine',
    '6 2024-02-06 1.00 two\nlines',
    'NULL 2024-02-04 1.00 no id',
  ])
  const kept = await ask(folder, 'SELECT column_name, reason, raw FROM _simplyload.quarantine ORDER BY ALL')
  expect(kept).toEqual([
    ` missing columns at byte ${content.indexOf('5,2024')} of data/a.csv 5,2024-02-05`,
    'amount not accepted as decimal(12,2) 1.999',
    'day not accepted as date 2024-02-30',
    'id not accepted as int64 x',
  ])
  expect(tokens.get('sales')?.loaded[0]).toMatchObject({ rows: 5, quarantined: 4 })
})

it('columns that come, go and change places keep their values', async () => {
  writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 3))
  await loadFiles(folder, [SALES])
  const columns = fileColumns({ id: 'int64', region: 'text', day: 'date', amount: 'decimal(12,2)' })
  writeInput(folder, 'data/sales_2024-03.tsv', 'id\tregion\tday\tamount\n7\tnorth\t2024-03-01\t5.00\n')
  const { firstError } = await loadFiles(folder, [{ ...SALES, columns }], { files: ['data/sales_2024-03.tsv'] })
  expect(firstError).toBeUndefined()
  expect(await ask(folder, 'SELECT id, day, amount, note, region FROM files.sales ORDER BY id')).toEqual([
    '1 2024-02-01 0.00 NULL NULL',
    '2 2024-02-02 1.01 n1 NULL',
    '3 2024-02-03 2.02 n2 NULL',
    '7 2024-03-01 5.00 NULL north',
  ])
})

it('Parquet files are loaded in the types of the set', async () => {
  const set = fileSet({ name: 'sales', path: 'data/*.parquet', format: { kind: 'parquet' }, columns: COLUMNS })
  mkdirSync(join(folder, 'data'))
  const rows =
    "SELECT i AS id, DATE '2024-02-01' + i::INTEGER AS day, i / 4 AS amount, 'n' || i AS note FROM range(5) r(i)"
  await write(`COPY (${rows}) TO '${join(folder, 'data/a.parquet')}' (FORMAT parquet)`)
  const { firstError, tokens } = await loadFiles(folder, [set])
  expect(firstError).toBeUndefined()
  expect(await table()).toEqual([
    '0 2024-02-01 0.00 n0',
    '1 2024-02-02 0.25 n1',
    '2 2024-02-03 0.50 n2',
    '3 2024-02-04 0.75 n3',
    '4 2024-02-05 1.00 n4',
  ])
  expect(tokens.get('sales')?.loaded[0]).toMatchObject({ rows: 5, quarantined: 0 })
})

it('a Parquet file is loaded in parts of its row groups', async () => {
  const set = fileSet({ name: 'sales', path: 'data/*.parquet', format: { kind: 'parquet' }, columns: COLUMNS })
  mkdirSync(join(folder, 'data'))
  const rows = "SELECT i AS id, DATE '2024-02-01' AS day, 1 AS amount, 'n' || i AS note FROM range(9000) r(i)"
  await write(`COPY (${rows}) TO '${join(folder, 'data/a.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
  // Of the name by which rows are asked for by number.
  await write(`COPY (SELECT *, 5 AS File_row_number FROM (${rows}))
    TO '${join(folder, 'data/b.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
  await write(`COPY (SELECT * FROM (${rows}) WHERE false) TO '${join(folder, 'data/c.parquet')}' (FORMAT parquet)`)
  let staged = 0
  const hear = ({ event }: { readonly event: string }) => {
    if (event === 'staged') staged++
  }
  const told: number[] = []
  const progress = (file: string, bytes: number) => file === 'data/a.parquet' && told.push(bytes)
  const { firstError, problems, tokens } = await loadFiles(folder, [set], { partBytes: 5_000, hear, progress })
  expect([firstError, problems]).toEqual([undefined, []])
  // How far the file is moves with its parts.
  expect(new Set(told).size).toBe(5)
  expect(told.toSorted((a, b) => a - b)).toEqual(told)
  expect(staged).toBe(5 + 1)
  expect(await ask(folder, 'SELECT count(*), count(DISTINCT id), sum(id), max(note) FROM files.sales')).toEqual([
    '18000 9000 80991000 n999',
  ])
  expect(tokens.get('sales')?.loaded.map(({ rows }) => rows)).toEqual([9000, 9000, 0])
})

it('a file that grows while it is read fails, and once it is whole it goes on', async () => {
  const file = join(folder, 'data/sales_2024-02.tsv')
  writeInput(folder, 'data/sales_2024-02.tsv', month('2024-02', 400))
  let grown = false
  const hear = ({ event }: { readonly event: string }) => {
    if (event === 'staged' && !grown) appendFileSync(file, '999\t2024-02-09\t1.00\tlate\n')
    if (event === 'staged') grown = true
  }
  const { problems, tokens } = await loadFiles(folder, [SALES], { partBytes: 2_000, hear })
  expect(problems[0]).toMatch(/it changed while it was read: it had \d+ bytes and has \d+/)
  const partly = tokens.get('sales')?.current?.rows ?? 0
  expect(partly).toBeGreaterThan(0)
  expect(await ask(folder, 'SELECT count(*) FROM files.sales')).toEqual([String(partly)])
  const again = await loadFiles(folder, [SALES], { partBytes: 2_000 })
  expect(again.problems[0]).toContain(`since ${partly} of its rows were loaded`)
  await loadFiles(folder, [SALES], { remove: { ...MARCH, name: '2024-02', from: 19754, through: 19782 } })
  await loadFiles(folder, [SALES])
  expect(await table()).toEqual(await read('data/*'))
})
