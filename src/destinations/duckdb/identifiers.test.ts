import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteIdentifier, quoteLiteral, timestampLiteral } from './identifiers.ts'

test('any text survives as a literal, and any name as an identifier', async () => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'))
  await fc.assert(
    fc.asyncProperty(name, name, async (text, identifier) => {
      const reader = await connection.runAndReadAll(`SELECT ${quoteLiteral(text)} AS ${quoteIdentifier(identifier)}`)
      expect(reader.columnNames()).toEqual([identifier])
      expect(reader.getRows()).toEqual([[text]])
    }),
    { numRuns: 200 },
  )
  connection.closeSync()
  instance.closeSync()
})

test('times are written in UTC with milliseconds', () => {
  expect(timestampLiteral(Date.UTC(2026, 10, 20, 1, 2, 3, 4))).toBe("TIMESTAMPTZ '2026-11-20 01:02:03.004+00'")
})
