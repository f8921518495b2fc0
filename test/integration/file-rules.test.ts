/** Every kind of rule, each with rows that it lets pass and rows that it does not; limits, severities, and what cannot be asked. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeError } from '../../src/core/errors.ts'
import type { CheckRule, RuleQuestion } from '../../src/core/file-check.ts'
import { CheckFolder, checkOf, checkOne, findings, salesSet } from '../support/checked-file.ts'
import { fileColumns } from '../support/file-set.ts'

/** 100 rows: ids 1 to 100, amounts 0.00 to 99.00, notes `a` to `j`, each tenth without one. */
const ROWS = Array.from({ length: 100 }, (_, index) => {
  const note = index % 10 === 9 ? '' : 'abcdefghij'[index % 10]
  return `${index + 1}\t2024-03-${String((index % 28) + 1).padStart(2, '0')}\t${index}.00\t${note}\n`
})
const TEXT = `id\tday\tamount\tnote\n${ROWS.join('')}`

function ruled(question: RuleQuestion, more: Partial<CheckRule> = {}) {
  return salesSet({ rules: [{ name: 'mine', question, severity: 'CRITICAL', limit: {}, ...more }] })
}

async function asked(question: RuleQuestion, more: Partial<CheckRule> = {}) {
  const result = await checkOne(TEXT, ruled(question, more))
  const { outcome, evaluated, failed, message } = checkOf(result, 'rule.mine') ?? {}
  return { verdict: result.verdict, outcome, evaluated, failed, message }
}

test.for<[string, RuleQuestion, number, number]>([
  ['a value that must be there', { kind: 'not_null', columns: ['note'] }, 100, 10],
  ['numbers within a range', { kind: 'range', column: 'amount', min: '5', max: '89.5' }, 100, 15],
  ['days within a range', { kind: 'range', column: 'day', min: '2024-03-03' }, 100, 8],
  ['a pattern of the whole value', { kind: 'pattern', column: 'note', pattern: '[a-e]' }, 90, 40],
  ['a pattern of a number', { kind: 'pattern', column: 'amount', pattern: '.\\..*' }, 100, 90],
  ['a length', { kind: 'length', column: 'note', min: 2 }, 90, 90],
  ['a list', { kind: 'values', column: 'note', values: ['a', 'b'] }, 90, 70],
  ['a list of numbers', { kind: 'values', column: 'amount', values: ['1', '2.0'] }, 100, 98],
  ['a key', { kind: 'unique', columns: ['note'], across: 'file' }, 90, 81],
  ['a key of two columns', { kind: 'unique', columns: ['id', 'note'], across: 'file' }, 90, 0],
  ['a condition', { kind: 'condition', sql: "note <> 'a' OR amount > 50" }, 95, 6],
  ['a query', { kind: 'query', sql: 'SELECT note FROM file GROUP BY note HAVING count(*) > 5' }, 100, 10],
])('%s', async ([, question, evaluated, failed]) => {
  const found = await asked(question)
  expect(found).toMatchObject({ evaluated, failed, outcome: failed > 0 ? 'fail' : 'pass' })
})

test('keys are numbers, however each is written', async () => {
  const ids = ['1', '1.0', '2', '+2', '3', '30e-1', ' 4', '4', '5']
  const text = `id\tday\tamount\tnote\n${ids.map((id) => `${id}\t2024-03-01\t1.00\ta\n`).join('')}`
  const result = await checkOne(text, ruled({ kind: 'unique', columns: ['id'], across: 'file' }))
  expect(checkOf(result, 'rule.mine')).toMatchObject({ evaluated: 9, failed: 4 })
})

test('values are looked up in another file, as text', async () => {
  await using folder = await CheckFolder.make()
  await writeFile(join(folder.path, 'notes.csv'), 'code,name\na,one\nb,two\nc,three\n')
  const check = async (file: string, fileColumn: string) => {
    const set = ruled({ kind: 'references', column: 'note', file, fileColumn })
    return (await folder.check([await folder.write('sales.tsv', TEXT, set)])).files[0]
  }
  const result = await check('notes.csv', 'code')
  expect(findings(result!)).toEqual(['rule.mine fail 60/90'])
  expect(checkOf(result!, 'rule.mine')?.samples[0]).toMatchObject({ line: 5, values: { id: '4', note: 'd' } })
  const problem = async (file: string, column: string) => describeError(await check(file, column).catch((e) => e))
  expect(await problem('nowhere.csv', 'code')).toContain('there is no file nowhere.csv')
  expect(await problem('notes.csv', 'kode')).toContain('notes.csv has no column kode; it has code, name')
})

test('a limit is a number of rows, a share of them, or the smaller one of both', async () => {
  const question: RuleQuestion = { kind: 'condition', sql: 'amount >= 29' }
  const outcome = async (limit: CheckRule['limit']) => (await asked(question, { limit })).outcome
  expect(await asked(question)).toMatchObject({ evaluated: 100, failed: 29, outcome: 'fail' })
  expect([await outcome({ rows: 28 }), await outcome({ rows: 29 })]).toEqual(['fail', 'pass'])
  // 0.29 of 100 is less than 29 in binary.
  expect([await outcome({ share: 0.28 }), await outcome({ share: 0.29 })]).toEqual(['fail', 'pass'])
  expect(await outcome({ rows: 100, share: 0.1 })).toBe('fail')
  const { message } = await asked(question, { limit: { share: 0.29 } })
  expect(message).toContain('; up to 29% of the rows may')
})

test('severity decides what becomes of the file', async () => {
  const question: RuleQuestion = { kind: 'condition', sql: 'amount > 0' }
  const verdict = async (severity: CheckRule['severity']) => (await asked(question, { severity })).verdict
  expect([await verdict('CRITICAL'), await verdict('WARNING'), await verdict('INFO')]).toEqual([
    'fail',
    'warning',
    'pass',
  ])
})

test('what was asked of nothing is no pass', async () => {
  const nothing: RuleQuestion = { kind: 'condition', sql: 'NULLIF(amount, amount) > 0' }
  expect(await asked(nothing)).toMatchObject({ verdict: 'fail', outcome: 'not_evaluated', evaluated: 0 })
  expect(await asked(nothing, { severity: 'WARNING' })).toMatchObject({ verdict: 'warning', outcome: 'not_evaluated' })
})

test('a condition that cannot be computed for a row hides no other question and tells no sensitive value', async () => {
  const columns = fileColumns({ id: 'bigint', day: 'date', amount: 'decimal(12,2)', note: 'text' }).map((column) => ({
    ...column,
    sensitive: column.name === 'note',
  }))
  const rule = (name: string, sql: string): CheckRule => ({
    name,
    question: { kind: 'condition', sql },
    severity: 'WARNING',
    limit: {},
  })
  const rules = [
    rule('positive', 'amount > 0'),
    rule('number', 'CAST(note AS INTEGER) > 0'),
    rule('small', 'amount < 99'),
  ]
  const result = await checkOne(TEXT.replace('\ta\n', '\tSECRET\n'), salesSet({ columns, rules }))
  expect(findings(result)).toEqual([
    'rule.positive fail 1/100',
    'rule.small fail 1/100',
    'rule.number not_evaluated 0/0',
  ])
  expect(checkOf(result, 'rule.number')?.message).toContain('It cannot be computed for each row: Could not convert')
  expect(JSON.stringify(result)).not.toContain('SECRET')
  expect(result.coverage).toMatchObject({ records: 100, parsed: 100, complete: true })
})
