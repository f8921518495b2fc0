/** Parquet on both sides: files of a set that DuckDB has written, and bad rows that are kept as Parquet. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { CheckFolder, checkOf, columnsOf, findings, salesSet } from '../support/checked-file.ts'
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
