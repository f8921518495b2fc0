/**
 * Rules are tried before a file is read: each is parsed, and bound to a table of one empty row with the columns of its set, so that what is
 * wrong with it is told at once, with its place, and not after an hour.
 */
import { PipelineError } from '../../core/errors.ts'
import type { CheckRule } from '../../core/file-check.ts'
import type { FileSet } from '../../core/file-set.ts'
import { qualifiedTableName } from '../../core/table-schema.ts'
import { duckDbType, quoteName, quoteText } from '../../file-sets/value-cast.ts'
import {
  bindingProblem,
  describeProblem,
  inspectCondition,
  inspectQuery,
  type SerializeSql,
  type SqlProblem,
} from '../rules/custom-sql.ts'
import { DUCKDB_RULES } from '../rules/rule-dialect.ts'
import { compileRule, type RuleScope } from '../rules/rule-sql.ts'
import type { CheckSession } from './check-database.ts'

/** Throws `config_invalid` for the first rule that cannot be asked. */
export async function inspectRules(set: FileSet, session: CheckSession): Promise<void> {
  const serialize: SerializeSql = async (sql) =>
    String((await session.row(`SELECT json_serialize_sql(${quoteText(sql)})`))[0])
  const names = set.columns.map(({ name }) => name)
  const columns = set.columns.map(({ name, type }) => `${quoteName(name)} ${duckDbType(type)}`)
  await session.run(`CREATE OR REPLACE TEMP TABLE file (${columns.join(', ')})`)
  // Values that are none of their type are noticed where there is a row to compare them with.
  await session.run(`INSERT INTO file (${quoteName(set.columns[0]?.name ?? '')}) VALUES (NULL)`)
  const scope: RuleScope = {
    dialect: DUCKDB_RULES,
    columns: new Map(
      set.columns.map(({ name, type, format }) => [name, { name, type, format, value: quoteName(name) }]),
    ),
    decimalSeparator: set.format.kind === 'parquet' ? '.' : set.format.decimalSeparator,
  }
  for (const rule of set.rules) {
    const problem = await problemOf(rule, { serialize, session, scope, names })
    if (problem === undefined) continue
    throw new PipelineError('config_invalid', `Reading the rule ${rule.name} of ${qualifiedTableName(set.table)}`, {
      cause: new Error(describeProblem(problem)),
      hint: hintOf(rule),
      context: { rule: rule.name, ...(problem.place === undefined ? {} : problem.place) },
    })
  }
  await session.run('DROP TABLE file')
}

interface Inspection {
  readonly serialize: SerializeSql
  readonly session: CheckSession
  readonly scope: RuleScope
  readonly names: readonly string[]
}

async function problemOf(
  rule: CheckRule,
  { serialize, session, scope, names }: Inspection,
): Promise<SqlProblem | undefined> {
  const { question } = rule
  if (question.kind === 'condition') {
    const problem = await inspectCondition(question.sql, serialize)
    if (problem !== undefined) return problem
    return await bound(question.sql, names, async () => {
      const [type] = await session.row(`SELECT column_type FROM (DESCRIBE SELECT (\n${question.sql}\n) FROM file)`)
      if (type !== 'BOOLEAN' && type !== '"NULL"')
        throw new Error(`it is ${String(type)}, and no condition: it must be true or false`)
      await session.rows(`SELECT count(*) FILTER (NOT (\n${question.sql}\n)) FROM file`)
    })
  }
  if (question.kind === 'query') {
    const problem = await inspectQuery(question.sql, serialize)
    if (problem !== undefined) return problem
    return await bound(question.sql, names, () => session.rows(`SELECT count(*) FROM (\n${question.sql}\n)`))
  }
  const compiled = compileRule(rule, scope)
  if (compiled.kind !== 'row') return undefined
  return await bound('', names, () => session.rows(`SELECT ${compiled.evaluated}, ${compiled.failed} FROM file`))
}

async function bound(
  sql: string,
  names: readonly string[],
  work: () => Promise<unknown>,
): Promise<SqlProblem | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return bindingProblem(sql, error, names)
  }
}

function hintOf({ question }: CheckRule): string {
  switch (question.kind) {
    case 'condition':
      return 'Write an expression of DuckDB over the columns that is true for good rows: `amount > 0`.'
    case 'query':
      return 'Write one SELECT of DuckDB from `file` that returns bad rows: `SELECT * FROM file WHERE …`.'
    default:
      return 'Correct the value; it is written as in the file.'
  }
}
