import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { checkOf, findings, salesSet } from '../../../test/support/checked-file.ts'
import type { CheckRule } from '../../core/file-check.ts'
import { DUCKDB_RULES, SNOWFLAKE_RULES } from '../rules/rule-dialect.ts'
import { checkLoaded } from './loaded-checks.ts'

const base = { severity: 'CRITICAL', limit: {} } as const
const RULES: readonly CheckRule[] = [
  { ...base, name: 'key_unique', question: { kind: 'unique', columns: ['id'], across: 'set' } },
  { ...base, name: 'small', question: { kind: 'range', column: 'amount', max: '100' } },
  { ...base, name: 'word', question: { kind: 'pattern', column: 'note', pattern: "[a-z']+" } },
  { ...base, name: 'positive', question: { kind: 'condition', sql: 'amount > 0' } },
  { ...base, name: 'odd', question: { kind: 'query', sql: 'SELECT id FROM file WHERE id % 2 = 1' } },
  { ...base, name: 'known', question: { kind: 'references', column: 'note', file: 'notes.csv', fileColumn: 'note' } },
]
const set = salesSet({ key: ['id'], rules: RULES })

test('rules are asked again of what was loaded, and of nothing else in the table', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`CREATE TABLE sales AS SELECT * FROM (VALUES
    (1, DATE '2024-03-01', 5.00, 'a', 7), (1, DATE '2024-03-01', -5.00, 'B', 7), (2, DATE '2024-03-02', 500.00, 'c', 7),
    (3, DATE '2024-03-02', NULL, NULL, 8), (2, DATE '2024-02-02', 1.00, 'd', 8)) AS t(id, day, amount, note, position)`)
  const checks = await checkLoaded(
    {
      set,
      dialect: DUCKDB_RULES,
      from: 'sales WHERE position = 7',
      others: 'sales WHERE position <> 7',
      column: (name) => `"${name}"`,
      rows: 3,
    },
    async (sql) => (await connection.runAndReadAll(sql)).getRowsJS(),
  )
  expect(findings({ checks })).toEqual([
    'loaded.rule.small fail 1/3',
    'loaded.rule.word fail 1/3',
    'loaded.rule.positive fail 1/3',
    'loaded.rule.key_unique fail 1/3',
    'loaded.rule.key_unique.others fail 1/3',
    'loaded.rule.odd fail 2/3',
    'loaded.rule.known not_evaluated 0/0',
  ])
  expect(checkOf({ checks }, 'loaded.rows')).toMatchObject({ outcome: 'pass', evaluated: 3 })
  connection.closeSync()
  instance.closeSync()
})

test('for Snowflake the same questions are written in its words', async () => {
  const asked: string[] = []
  await checkLoaded(
    {
      set,
      dialect: SNOWFLAKE_RULES,
      from: '"FILES"."SALES"',
      column: (name) => `"${name.toUpperCase()}"`,
      rows: undefined,
    },
    async (sql) => {
      asked.push(sql)
      return []
    },
  )
  expect(asked[0]).toContain('"AMOUNT" AS "amount", "AMOUNT" AS amount')
  expect(asked[0]).toContain('COUNT_IF("amount" > CAST(\'100\' AS NUMBER(12,2)))')
  expect(asked[0]).toContain(`COUNT_IF(NOT REGEXP_LIKE("note", '[a-z'']+'))`)
  expect(asked.join('\n')).not.toContain('FILTER')
})

test('a question that the destination does not understand hides no other', async () => {
  const checks = await checkLoaded(
    { set, dialect: SNOWFLAKE_RULES, from: 'sales', column: (name) => name, rows: undefined },
    async (sql) => {
      if (sql.includes('REGEXP_LIKE')) throw new Error('unknown function REGEXP_LIKE')
      return [[0, 3, 3, 0, 3, 0]]
    },
  )
  const of = (id: string) => checkOf({ checks }, id)?.outcome
  expect(of('loaded.rule.word')).toBe('not_evaluated')
  expect(of('loaded.rule.small')).toBe('pass')
})
