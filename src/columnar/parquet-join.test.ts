/** What DuckDB finds in files that were joined is what it finds in the files themselves. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { int64s, openParquetFolder, type ParquetFolder, texts, vector } from '../../test/support/parquet-folder.ts'
import { joinedColumns, joinParquet, type ParquetColumns, parquetColumns } from './parquet-join.ts'

const never = new AbortController().signal

let folder: ParquetFolder
beforeAll(async () => {
  folder = await openParquetFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

async function joined(paths: readonly string[], name: string): Promise<string> {
  let columns: ParquetColumns | undefined
  for (const path of paths) {
    const found = await parquetColumns(path)
    columns = columns === undefined ? found : joinedColumns(columns, found!)
    expect(columns).toBeDefined()
  }
  const target = join(folder.path, name)
  await joinParquet(paths, columns!, target, never)
  return target
}

test('rows keep their values and their order, over row groups of many pages', async () => {
  const paths: string[] = []
  for (const [file, count] of [200_001, 3, 70_000].entries()) {
    const write = (from: number, rows: number) => [
      int64s('c1', rows, (row) => BigInt(from + row)),
      texts('c2', rows, (row) => (row % 7 === 0 ? undefined : `${file} ${'é'.repeat(row % 20)} ${row}`)),
      vector('c3', { kind: 'bool' }, rows, (builder, row) => {
        if (row % 3 === 0) return
        const at = builder.open(row, 1)
        builder.view.setUint8(at, row % 2)
      }),
    ]
    const { path } = await folder.write(async (writer) => {
      await writer.writeRowGroup(write(0, count))
      await writer.writeRowGroup(write(count, 5))
    })
    paths.push(path)
  }
  const path = await joined(paths, 'many-pages.parquet')
  const rows = (from: string) => `SELECT c1, c2, c3 FROM ${from}`
  const apart = paths.map(
    (each, index) =>
      `SELECT ${index} AS file, file_row_number AS r, * FROM read_parquet('${each}', file_row_number = true)`,
  )
  const ordered = `(SELECT * EXCLUDE (file, r), row_number() OVER (ORDER BY file, r) - 1 AS n FROM (${apart.join(' UNION ALL ')}))`
  const [difference] = await folder.query(
    `SELECT count(*)::VARCHAR, count(j.c1)::VARCHAR, (SELECT count(*)::VARCHAR FROM read_parquet('${path}')) FROM ${ordered} a
     LEFT JOIN read_parquet('${path}', file_row_number = true) j ON j.file_row_number = a.n
       AND j.c1 = a.c1 AND j.c2 IS NOT DISTINCT FROM a.c2 AND j.c3 IS NOT DISTINCT FROM a.c3`,
  )
  expect(difference).toEqual(['270019', '270019', '270019'])
  expect(await folder.query(`${rows(`read_parquet('${path}')`)} WHERE c1 = 70004 AND c2 LIKE '2%'`)).toEqual([
    ['70004', '2 éééé 4', false],
  ])
})

test('a column that a file lacks is NULL in its rows', async () => {
  const first = await folder.write((writer) => writer.writeRowGroup([int64s('c1', 2, (row) => BigInt(row))]))
  const second = await folder.write((writer) =>
    writer.writeRowGroup([texts('c9', 3, (row) => `t${row}`), int64s('c1', 3, (row) => BigInt(10 + row))]),
  )
  const path = await joined([first.path, second.path, first.path], 'lacking.parquet')
  expect(await folder.query(`SELECT c1, c9 FROM read_parquet('${path}')`)).toEqual([
    ['0', null],
    ['1', null],
    ['10', 't0'],
    ['11', 't1'],
    ['12', 't2'],
    ['0', null],
    ['1', null],
  ])
})

test('files of other writers are joined, with dictionaries, statistics and all types', async () => {
  const paths = ['a', 'b'].map((name) => join(folder.path, `other-${name}.parquet`))
  for (const [index, path] of paths.entries()) {
    await folder.query(
      `COPY (SELECT range + ${index * 50_000} AS n, 'v' || range % 10 AS word, range::DECIMAL(38, 4) AS money, range::BLOB AS raw,
         CASE WHEN range % 2 = 0 THEN TIMESTAMP '2026-01-01' + to_seconds(range) END AS t, range / 3 AS f
       FROM range(50000)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 20000)`.replace(
        'range::BLOB',
        'encode(range::VARCHAR)',
      ),
    )
  }
  const path = await joined(paths, 'other.parquet')
  const both = `read_parquet(['${paths.join("','")}'])`
  for (const query of [
    `SELECT count(*)::VARCHAR FROM (FROM ${both} EXCEPT ALL FROM read_parquet('${path}'))`,
    `SELECT count(*)::VARCHAR FROM (FROM read_parquet('${path}') EXCEPT ALL FROM ${both})`,
  ]) {
    expect(await folder.query(query)).toEqual([['0']])
  }
  // Filters use the statistics of the row groups.
  expect(await folder.query(`SELECT word FROM read_parquet('${path}') WHERE n = 73456`)).toEqual([['v6']])
})

test('what does not go together is told', async () => {
  const number = await folder.write((writer) => writer.writeRowGroup([int64s('c1', 1, () => 1n)]))
  const text = await folder.write((writer) => writer.writeRowGroup([texts('c1', 1, () => 'a')]))
  const [a, b] = [await parquetColumns(number.path), await parquetColumns(text.path)]
  expect(joinedColumns(a!, b!)).toBeUndefined()
  const nested = join(folder.path, 'nested.parquet')
  await folder.query(`COPY (SELECT [1, 2] AS list) TO '${nested}' (FORMAT parquet)`)
  expect(await parquetColumns(nested)).toBeUndefined()
})
