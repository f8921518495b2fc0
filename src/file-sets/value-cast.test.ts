import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { fileColumns } from '../../test/support/file-set.ts'
import { valueOfText } from './value-cast.ts'

/** Whole numbers to DuckDB, and none in a file: marks, beside an exponent too, which gives as many digits as there are letters. */
const MARKED = [
  '1_0e3',
  '-1_0e3',
  '1_2e4',
  '0x1F',
  '0xFFFFF',
  '-0xFFFFF',
  '0b11',
  '9.5',
  '99.5',
  '-9.5',
  '1.5e0',
  '12_',
  '1e0_3',
]

test('a whole number is exact, whatever a double holds of it, and none where it has decimals', async () => {
  const [column] = fileColumns({ id: 'int64' })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const read = async (text: string) => {
    const select = `SELECT ${valueOfText('raw', column!, '.')}::VARCHAR AS value FROM (SELECT '${text}' AS raw)`
    return (await connection.runAndReadAll(select)).getRowObjectsJson()[0]?.value
  }
  // 2^52 - 1, 2^52 + 1, 2^53 + 1, the largest: no double has their decimals.
  for (const text of ['4503599627370495', '4503599627370497', '9007199254740993', '9223372036854775807']) {
    expect(await read(text)).toBe(text)
    expect(await read(`-${text}.0`)).toBe(`-${text}`)
    expect(await read(`${text}.5`)).toBeNull()
    expect(await read(`-${text}.25`)).toBeNull()
  }
  for (const text of [
    '1.00000000000000000001',
    '0.99999999999999999999',
    '1e-400',
    '1.5',
    '1e-1',
    '1_000',
    'x',
    '.',
    ...MARKED,
  ]) {
    expect(await read(text)).toBeNull()
  }
  for (const text of ['0', '-0', ' 0', '00', '+7', '7.', '7.000000000000000000000', '7e0', '7000e-3'])
    expect(await read(text)).toBe(/7/.test(text) ? '7' : '0')
  const powers = Array.from({ length: 18 }, (_, zeros) => 10n ** BigInt(zeros))
  for (const whole of powers.flatMap((power) => [power, power - 1n, power + 1n, power * 7n, -power, 1n - power])) {
    expect(await read(String(whole))).toBe(String(whole))
  }
  connection.closeSync()
  instance.closeSync()
})
