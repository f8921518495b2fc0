import { expect, test } from 'vitest'
import { checkOne, salesSet } from '../../../test/support/checked-file.ts'
import { describeError } from '../../core/errors.ts'
import type { RuleQuestion } from '../../core/file-check.ts'

const TEXT = 'id\tday\tamount\tnote\n1\t2024-03-01\t1.00\tx\n'

async function refusal(question: RuleQuestion): Promise<string> {
  const set = salesSet({ rules: [{ name: 'mine', question, severity: 'CRITICAL', limit: {} }] })
  try {
    const result = await checkOne(TEXT, set)
    return `asked: ${result.verdict}`
  } catch (error) {
    return describeError(error)
  }
}

const condition = (sql: string) => refusal({ kind: 'condition', sql })
const query = (sql: string) => refusal({ kind: 'query', sql })

test('what would change data or read something else is refused', async () => {
  expect(await query('DROP TABLE file')).toContain('line 1, column 1: it begins with DROP: a rule only reads')
  expect(await query('SELECT 1; DELETE FROM file')).toMatch(/only reads|more than one statement/)
  expect(await query("SELECT * FROM file, read_csv('/etc/passwd')")).toContain('it may not call read_csv()')
  expect(await query("SELECT * FROM '/etc/passwd'")).toContain('it may not read "/etc/passwd"')
  expect(await query('SELECT * FROM duckdb_settings()')).toContain('it may not call duckdb_settings()')
  expect(await condition('true) FROM file; DROP TABLE file; SELECT (true')).toMatch(/failed: /)
  expect(await condition('amount > (SELECT max(amount) FROM file)')).toContain('a subquery looks at more than one row')
})

test('wrong SQL is told with its place', async () => {
  expect(await condition('amount >\n  AND id')).toContain('line 2, column 3')
  expect(await condition('amuont > 0')).toContain(
    'line 1, column 1: there is no column "amuont"; did you mean "amount"?',
  )
  expect(await condition('amount + 1')).toContain('must be true or false')
  expect(await query('SELECT * FROM file WHERE nope = 1')).toContain('line 1, column 26')
  expect(await refusal({ kind: 'pattern', column: 'note', pattern: '(' })).toContain(
    'Reading the rule mine of monthly.files.sales',
  )
  expect(await refusal({ kind: 'range', column: 'amount', min: 'ten' })).toContain('ten')
})

test('what looks at several rows, or at none, is refused', async () => {
  for (const sql of ['amount < avg(amount)', 'count(*) > 3'])
    expect(await condition(sql)).toContain('an aggregate looks at more than one row')
  expect(await query('SELECT 1')).toContain('it does not read `file`, so it asks nothing of the rows')
  expect(await query('WITH file AS (SELECT 1) SELECT * FROM file')).toContain('it calls a part of its own `file`')
})

test('a condition is whole by itself, whatever is put around it', async () => {
  expect(await condition('amount <')).toContain('line 1, column 9: it ends too early')
  expect(await condition('amount > 0) OR (1 = 1')).toContain('line 1, column 11: syntax error')
  expect(await condition('nofunction(amount) > 1')).toContain('line 1, column 1: there is no function nofunction()')
})

test('right SQL is asked', async () => {
  expect(await condition('amount > 0 -- of course')).toBe('asked: pass')
  expect(await query("WITH late AS (SELECT * FROM file WHERE day > DATE '2030-01-01') SELECT * FROM late, file")).toBe(
    'asked: pass',
  )
  expect(await query('SELECT id FROM file GROUP BY id HAVING count(*) > 1')).toBe('asked: pass')
})
