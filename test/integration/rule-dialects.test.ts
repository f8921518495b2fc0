/** Rules after the load: the same ones, of the same rows, in DuckDB and in Snowflake, with the same counts. */
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { CheckResult, RuleQuestion } from '../../src/core/file-check.ts'
import { openSnowflakeDestination } from '../../src/destinations/snowflake/destination.ts'
import { type AskDestination, checkLoaded } from '../../src/quality/checks/loaded-checks.ts'
import { DUCKDB_RULES, type RuleDialect, SNOWFLAKE_RULES } from '../../src/quality/rules/rule-dialect.ts'
import { startTwin, type Twin } from '../../src/snowflake-twin/twin.ts'
import { twinConfig } from '../contract/snowflake-fixture.ts'
import { salesSet } from '../support/checked-file.ts'
import { fileColumns } from '../support/file-set.ts'

const COLUMNS = fileColumns({
  id: 'int64',
  amount: 'decimal(12,2)',
  share: 'float64',
  good: 'bool',
  note: 'text',
  day: 'date',
  clock: 'time',
  seen: 'timestamp',
  moment: 'timestamptz',
})
/** As Snowflake reads it: a backslash is written twice. */
const ROWS = `
  (1, 10.50, 0.25, TRUE, 'ab', '2024-03-01', '08:00:00', '2024-03-01 08:00:00', '2024-03-01 08:00:00+00'),
  (1, -1.00, 0.5, FALSE, 'AB', '2024-02-29', '08:00:00.5', '2024-03-01 08:00:00.25', '2024-03-01 08:00:00.5+00'),
  (3, 99.99, 1e300, NULL, 'é''s \\\\', '2024-03-31', '23:59:59.999999', '2024-12-31 23:59:59.999999', '2024-12-31 23:59:59+00'),
  (4, NULL, NULL, TRUE, '', '2024-04-01', '00:00:00', '1999-12-31 00:00:00', '1999-12-31 00:00:00+00'),
  (NULL, 0.00, -3, FALSE, NULL, NULL, NULL, NULL, NULL)`
/** What is asked, and what a person counts who looks at the rows. */
const QUESTIONS: readonly (readonly [RuleQuestion, string])[] = [
  [{ kind: 'not_null', columns: ['id', 'note'] }, '1/5'],
  [{ kind: 'range', column: 'id', min: '2', max: '3' }, '3/4'],
  [{ kind: 'range', column: 'amount', min: '0', max: '99.98' }, '2/4'],
  [{ kind: 'range', column: 'share', min: '0', max: '1.5' }, '2/4'],
  [{ kind: 'range', column: 'day', min: '2024-03-01', max: '2024-03-31' }, '2/4'],
  [{ kind: 'range', column: 'clock', max: '23:59:59.99' }, '1/4'],
  [{ kind: 'range', column: 'seen', min: '2024-03-01 08:00:00.2' }, '2/4'],
  [{ kind: 'range', column: 'moment', min: '2024-03-01 08:00:00.4+00', max: '2024-03-02 00:00:00+00' }, '3/4'],
  [{ kind: 'pattern', column: 'note', pattern: '[a-z]+' }, '3/4'],
  [{ kind: 'pattern', column: 'note', pattern: "\\w*|é's \\\\" }, '0/4'],
  [{ kind: 'pattern', column: 'id', pattern: '[12]' }, '2/4'],
  [{ kind: 'pattern', column: 'amount', pattern: '-?\\d+\\.\\d0' }, '1/4'],
  [{ kind: 'pattern', column: 'good', pattern: 'true' }, '2/4'],
  [{ kind: 'pattern', column: 'day', pattern: '2024-03-\\d{2}' }, '2/4'],
  [{ kind: 'pattern', column: 'clock', pattern: '\\d\\d:\\d\\d:\\d\\d' }, '2/4'],
  [{ kind: 'pattern', column: 'seen', pattern: '.*:00' }, '2/4'],
  [{ kind: 'pattern', column: 'moment', pattern: '.*:\\d\\d[+]00' }, '1/4'],
  [{ kind: 'length', column: 'note', min: 1, max: 4 }, '2/4'],
  [{ kind: 'length', column: 'seen', max: 19 }, '2/4'],
  [{ kind: 'values', column: 'note', values: ['ab', "é's \\"] }, '2/4'],
  [{ kind: 'values', column: 'amount', values: ['10.5', '0'] }, '2/4'],
  [{ kind: 'values', column: 'good', values: ['true'] }, '2/4'],
  [{ kind: 'condition', sql: "amount >= 0 AND note <> 'AB'" }, '1/3'],
  [{ kind: 'query', sql: 'SELECT id FROM file GROUP BY id HAVING count(*) > 1' }, '1/5'],
  [{ kind: 'unique', columns: ['id'], across: 'set' }, '1/4'],
  [{ kind: 'unique', columns: ['id', 'note'], across: 'set' }, '0/4'],
]
const RULES = QUESTIONS.map(([question], index) => ({
  name: `r${index}`,
  question,
  severity: 'CRITICAL' as const,
  limit: {},
}))
const SET = salesSet({ columns: COLUMNS, dateColumn: 'day', rules: RULES })

let twin: Twin
beforeAll(async () => {
  twin = await startTwin({ threads: 1 })
})
afterAll(() => twin[Symbol.asyncDispose]())

async function counts(dialect: RuleDialect, from: string, ask: AskDestination): Promise<readonly string[]> {
  // As if the same rows had come before, but for one.
  const others = `${from} WHERE "id" <> 3`
  const checks = await checkLoaded({ set: SET, dialect, from, others, column: (name) => `"${name}"`, rows: 5 }, ask)
  const shared = checks
    .filter(({ id }) => id.endsWith('.others'))
    .map(({ failed, evaluated }) => `${failed}/${evaluated}`)
  expect(shared).toEqual(['3/5', '3/5'])
  expect(checks.filter(({ outcome }) => outcome === 'not_evaluated').map(why)).toEqual([])
  const of = (index: number) => checks.find(({ id }) => id === `loaded.rule.r${index}`)
  return QUESTIONS.map((_, index) => `${of(index)?.failed}/${of(index)?.evaluated}`)
}

const why = ({ id, message }: CheckResult) => `${id}: ${message}`

test('rules of every kind, of every type', async () => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const types = ['BIGINT', 'DECIMAL(12,2)', 'DOUBLE', 'BOOLEAN', 'VARCHAR', 'DATE', 'TIME', 'TIMESTAMP', 'TIMESTAMPTZ']
  const named = COLUMNS.map(({ name }) => `"${name}"`).join(', ')
  await connection.run(`SET TimeZone = 'UTC'`)
  await connection.run(
    `CREATE TABLE t AS SELECT ${types.map((type, index) => `CAST(c${index} AS ${type}) AS "${COLUMNS[index]?.name}"`).join(', ')}
     FROM (VALUES ${ROWS.replaceAll('\\\\', '\\')}) v(${types.map((_, index) => `c${index}`).join(', ')})`,
  )
  const duckdb = await counts(DUCKDB_RULES, 't', async (sql) => (await connection.runAndReadAll(sql)).getRowsJS())
  connection.closeSync()
  instance.closeSync()

  const snowflake = 'NUMBER(19,0) NUMBER(12,2) FLOAT BOOLEAN VARCHAR DATE TIME(6) TIMESTAMP_NTZ(6) TIMESTAMP_TZ(6)'
  await twin.sql(`CREATE DATABASE RULES; CREATE SCHEMA RULES."files";
    CREATE TABLE RULES."files"."t" (${snowflake
      .split(' ')
      .map((type, index) => `"${COLUMNS[index]?.name}" ${type}`)
      .join(', ')});
    INSERT INTO RULES."files"."t" (${named}) SELECT * FROM VALUES ${ROWS}`)
  const config = twinConfig(twin, 'RULES')
  await using destination = openSnowflakeDestination({
    config,
    folder: '.',
    run: 'test',
    fetch: () => Promise.reject(new Error('Nothing is staged here')),
    clock: systemClock,
  })
  const twinned = await counts(SNOWFLAKE_RULES, '"files"."t"', async (sql) => {
    const { rows } = await destination.query(sql, new AbortController().signal)
    return await Array.fromAsync(rows)
  })
  const expected = QUESTIONS.map(([, count]) => count)
  expect(duckdb).toEqual(expected)
  expect(twinned).toEqual(expected)
})
