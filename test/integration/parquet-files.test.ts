/** Parquet on both sides: files of a set that DuckDB has written, and bad rows that are kept as Parquet. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { FileResult } from '../../src/core/file-check.ts'
import { identifyFile } from '../../src/file-sets/file-fingerprint.ts'
import { CheckFolder, findings, salesSet } from '../support/checked-file.ts'
import { openParquetFolder } from '../support/parquet-folder.ts'

const HEADER = 'id\tday\tamount\tnote\n'
const ROWS = Array.from(
  { length: 10 },
  (_, index) => `${index + 1}\t2024-03-0${(index % 9) + 1}\t${index}.50\tnote ${index}\n`,
)
const GOOD = HEADER + ROWS.join('')

test.each(['none', 'gzip'] as const)(
  'bad rows of a file (%s) as Parquet are those as TSV, in their order',
  async (packed) => {
    await using folder = await CheckFolder.make()
    await using parquet = await openParquetFolder()
    const text = GOOD.replace('4.50\tnote 4', 'x\tnote "4"').replace('6\t2024-03-06\t5.50\tnote 5', '6')
    const set = salesSet({ badRowsFormat: 'parquet' })
    const file = await folder.write('sales.tsv', packed === 'gzip' ? gzipSync(text) : text, set)
    const kept = async (format?: 'tsv') => {
      const { files } = await folder.check([file], { onBadRows: 'quarantine', badRowsFormat: format })
      const path = `${folder.path}/${files[0]?.badRows?.path}`
      const from = format === 'tsv' ? `read_csv('${path}', delim = '\\t', quote = '"')` : `read_parquet('${path}')`
      return await parquet.query(`SELECT line, byte_offset, reason, record FROM ${from}`)
    }
    const rows = await kept()
    expect(rows).toEqual([
      ['6', String(text.indexOf('5\t2024-03-05')), 'amount is no decimal(12,2)', '5\t2024-03-05\tx\tnote "4"'],
      ['7', String(text.indexOf('6\n')), 'too few or too many values', '6'],
    ])
    expect(await kept('tsv')).toEqual(rows)
  },
)

const AS_WRITTEN = `SELECT i::BIGINT AS id, DATE '2024-03-01' + i::INTEGER AS day, (i * 1.5)::DECIMAL(12,2) AS amount, 'x' AS note
  FROM range(10) t(i)`

async function checkParquet(select: string, set = SET) {
  await using folder = await CheckFolder.make()
  await using parquet = await openParquetFolder()
  const file = await folder.write('sales.parquet', '', set)
  await parquet.query(`COPY (${select}) TO '${file.path}' (FORMAT parquet)`)
  const { files } = await folder.check([{ ...file, ...(await identifyFile(file.path)) }])
  return files[0] as FileResult
}

const SET = salesSet({ format: { kind: 'parquet' }, path: 'sales_{yyyy}-{mm}.parquet', key: ['id'] })

test('a Parquet file as configured has no finding, and its rows are held against its own count', async () => {
  const result = await checkParquet(AS_WRITTEN)
  expect(findings(result)).toEqual([])
  expect(result.coverage).toMatchObject({ records: 10, parsed: 10, rejected: 0, complete: true })
})

test('a Parquet file that was cut is said to be none, and nothing is said of its columns', async () => {
  await using folder = await CheckFolder.make()
  const { files } = await folder.check([await folder.write('sales.parquet', 'PAR1 and no more of it', SET)])
  expect(files[0]?.reasons[0]).toContain('It cannot be read')
  expect(files[0]?.reasons[1]).toContain('The file could not be read: 3 questions were not evaluated')
})

test.each([
  ['columns in another order', `SELECT note, id, amount, day FROM (${AS_WRITTEN})`, []],
  ['a column too many', `SELECT *, 1 AS more FROM (${AS_WRITTEN})`, ['structure.columns fail 1/4']],
  [
    'wider and narrower numbers',
    `SELECT * REPLACE (id::INTEGER AS id, amount::DOUBLE AS amount) FROM (${AS_WRITTEN})`,
    [],
  ],
  [
    'a number that would be rounded',
    `SELECT * REPLACE (amount::DOUBLE / 7 AS amount) FROM (${AS_WRITTEN})`,
    ['structure.type.amount fail 8/10'],
  ],
  [
    'text in place of types',
    `SELECT * REPLACE (CASE id WHEN 3 THEN 'three' ELSE id::VARCHAR END AS id) FROM (${AS_WRITTEN})`,
    ['structure.type.id fail 1/10'],
  ],
  ['a key that comes twice', `SELECT * REPLACE (id // 2 AS id) FROM (${AS_WRITTEN})`, ['rule.key fail 5/10']],
])('Parquet with %s', async (_, select, expected) => {
  expect(findings(await checkParquet(select))).toEqual(expected)
})
