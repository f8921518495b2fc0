/**
 * Rules are tried before a file is read: each is parsed, and bound to a table of one empty row with the columns of its set, so that what is
 * wrong with it is told at once, with its place, and not after an hour.
 */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
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
  isAggregateError,
  type SerializeSql,
  type SqlProblem,
} from '../rules/custom-sql.ts'
import { DUCKDB_RULES } from '../rules/rule-dialect.ts'
import { compileRule, type RuleScope } from '../rules/rule-sql.ts'
import { referred } from './apart-passes.ts'
import type { CheckSession } from './check-database.ts'

const COLUMNS_TOLD = 20

/** A rule that cannot be asked. */
export interface RuleProblem {
  readonly set: FileSet
  readonly rule: CheckRule
  readonly problem: SqlProblem
}

/** Throws `config_invalid` with every rule that cannot be asked. `resolve`: as for `findRuleProblems`. */
export async function inspectRules(
  set: FileSet,
  session: CheckSession,
  resolve: (file: string) => string,
): Promise<void> {
  const problems = await findRuleProblems(set, session, resolve)
  if (problems.length > 0) throw ruleError(problems)
}

/** `locate`: where a rule is written, as `file:line:column`. */
export function ruleError(
  problems: readonly RuleProblem[],
  locate: (problem: RuleProblem) => string | undefined = () => undefined,
): PipelineError {
  const [first, ...others] = problems
  if (first === undefined) throw new PipelineError('internal', 'Telling rules without a problem')
  const place = (each: RuleProblem) => {
    const at = locate(each)
    return at === undefined ? '' : `${at}: `
  }
  const { rule, set, problem } = first
  const context = { rule: rule.name, ...(problem.place === undefined ? {} : problem.place) }
  if (others.length === 0) {
    return new PipelineError('config_invalid', `Reading the rule ${rule.name} of ${qualifiedTableName(set.table)}`, {
      cause: new Error(place(first) + describeProblem(problem)),
      hint: hintOf(rule),
      context,
    })
  }
  const lines = problems.map(
    (each) =>
      `${place(each)}${each.rule.name} of ${qualifiedTableName(each.set.table)}: ${describeProblem(each.problem)}`,
  )
  return new PipelineError('config_invalid', `Reading ${problems.length} rules`, {
    cause: new Error(lines.join('\n')),
    hint: [...new Set(problems.map((each) => hintOf(each.rule)))].join(' '),
    context,
  })
}

/** `resolve`: absolute path of a file that a rule refers to; it must be among those that the session may open. */
export async function findRuleProblems(
  set: FileSet,
  session: CheckSession,
  resolve: (file: string) => string,
): Promise<readonly RuleProblem[]> {
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
  const problems: RuleProblem[] = []
  for (const rule of set.rules) {
    const problem = await problemOf(rule, { serialize, session, scope, names, resolve })
    if (problem !== undefined) problems.push({ set, rule, problem })
  }
  await session.run('DROP TABLE file')
  return problems
}

/** Absolute paths of other files that rules compare with. */
export function referredFiles(sets: readonly FileSet[], resolve: (file: string) => string): readonly string[] {
  return sets.flatMap(({ rules }) =>
    rules.flatMap(({ question }) => (question.kind === 'references' ? [resolve(question.file)] : [])),
  )
}

interface Inspection {
  readonly serialize: SerializeSql
  readonly session: CheckSession
  readonly scope: RuleScope
  readonly names: readonly string[]
  readonly resolve: (file: string) => string
}

async function problemOf(rule: CheckRule, inspection: Inspection): Promise<SqlProblem | undefined> {
  const { serialize, session, scope, names } = inspection
  const { question } = rule
  switch (question.kind) {
    case 'condition':
      return (await inspectCondition(question.sql, serialize)) ?? (await conditionProblem(question.sql, inspection))
    case 'query': {
      const problem = await inspectQuery(question.sql, serialize)
      if (problem !== undefined) return problem
      return await problemIn(session.rows(`SELECT count(*) FROM (\n${question.sql}\n)`), question.sql, names)
    }
    case 'references':
      return await referenceProblem(question, inspection)
    default: {
      const compiled = compileRule(rule, scope)
      if (compiled.kind !== 'row') return undefined
      return await problemIn(session.rows(`SELECT ${compiled.evaluated}, ${compiled.failed} FROM file`), '', names)
    }
  }
}

async function conditionProblem(sql: string, { session, names }: Inspection): Promise<SqlProblem | undefined> {
  try {
    const [type] = await session.row(`SELECT column_type FROM (DESCRIBE SELECT (\n${sql}\n) FROM file)`)
    if (type !== 'BOOLEAN' && type !== '"NULL"') {
      return { message: `it is ${String(type)}, and no condition: it must be true or false`, place: undefined }
    }
    await session.rows(`SELECT count(*) FILTER (NOT (\n${sql}\n)) FROM file`)
    return undefined
  } catch (error) {
    if (!isAggregateError(error)) return bindingProblem(sql, error, names)
    return {
      message: 'an aggregate looks at more than one row: write a query that returns the bad rows',
      place: undefined,
    }
  }
}

/** Told before anything is read: not after the hour that a large file takes. */
async function referenceProblem(
  { file, fileColumn }: Extract<CheckRule['question'], { readonly kind: 'references' }>,
  { session, resolve }: Inspection,
): Promise<SqlProblem | undefined> {
  const path = resolve(file)
  try {
    await access(path, constants.R_OK)
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return { message: isGone ? `there is no file ${file}` : `${file} may not be read`, place: undefined }
  }
  try {
    const described = await session.rows(`DESCRIBE FROM ${referred(path)}`)
    const columns = described.map(([name]) => String(name))
    if (columns.some((name) => name.toLowerCase() === fileColumn.toLowerCase())) return undefined
    const told = columns.length > COLUMNS_TOLD ? [...columns.slice(0, COLUMNS_TOLD), '…'] : columns
    return { message: `${file} has no column ${fileColumn}; it has ${told.join(', ')}`, place: undefined }
  } catch (error) {
    const { message } = bindingProblem('', error, [])
    return { message: `${file} cannot be read: ${message}`, place: undefined }
  }
}

async function problemIn(
  work: Promise<unknown>,
  sql: string,
  names: readonly string[],
): Promise<SqlProblem | undefined> {
  try {
    await work
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
    case 'pattern':
      return 'Write a regular expression of RE2 that the whole value matches: `[A-Z]{2}-[0-9]+`.'
    case 'references':
      return 'Correct `references`: a CSV or Parquet file, relative to the configuration, and one of its columns.'
    default:
      return 'Correct the value; it is written as in the file.'
  }
}
