/**
 * The same rules once more, after the load and inside the destination: what was loaded is asked there, so that the warehouse does the
 * reading. Nothing is by day, and what another file would be needed for is not evaluated.
 */
import type { CheckResult, CheckRule } from '../../core/file-check.ts'
import type { FileSet } from '../../core/file-set.ts'
import { counted } from '../../core/quantity.ts'
import type { RuleDialect } from '../rules/rule-dialect.ts'
import { apartId } from './apart-passes.ts'
import { buildDayScan, readScannedDay } from './day-scan.ts'
import { type QuestionColumn, questionsOf, ruleTitle } from './file-questions.ts'
import { judgeQuestion } from './judge-file.ts'
import { judgeCounts, unasked } from './judgement.ts'

export interface LoadedRequest {
  readonly set: FileSet
  readonly dialect: RuleDialect
  /** What stands after FROM: the final table with the condition that leaves the rows of the file. */
  readonly from: string
  /** The same for all other rows of the table; undefined: nobody asks about them. */
  readonly others?: string | undefined
  /** The column at the destination as SQL; undefined: it is not loaded. */
  readonly column: (name: string) => string | undefined
  /** Rows that were loaded; undefined: rows of one key became one. */
  readonly rows: number | undefined
}

/** Rows as lists of values, numbers as numbers, bigint or text. */
export type AskDestination = (sql: string) => Promise<readonly (readonly unknown[])[]>

/** Ids begin with `loaded.`. A question that the destination does not understand is not evaluated, and says why. */
export async function checkLoaded(request: LoadedRequest, ask: AskDestination): Promise<readonly CheckResult[]> {
  const { set, dialect } = request
  const columns = new Map<string, QuestionColumn>()
  for (const { name, type, format, sourceType, nullable } of set.columns) {
    if (request.column(name) === undefined) continue
    const value = dialect.identifier(name)
    columns.set(name, { name, type, format, value, raw: undefined, typeText: sourceType, nullable })
  }
  const prologue = prologueOf(request, columns)
  const scope = { dialect, columns, decimalSeparator: '.', badSeverity: 'CRITICAL' } as const
  const questions = questionsOf(set, scope)
  const checks: CheckResult[] = []
  // Together first; one at a time where the destination refuses them, so that one it cannot ask hides no other.
  const whole = await scan(questions.rows)
  const parts = whole === undefined ? questions.rows.map((row) => [row]) : [questions.rows]
  checks.push(...(await rowsCheck()))
  for (const part of parts) {
    const answer = whole ?? (await scan(part))
    for (const [index, question] of part.entries()) {
      if (answer === undefined || 'failure' in answer) {
        const { id, title, severity, rule } = question
        checks.push(
          unasked(
            { id, kind: rule === undefined ? 'structure' : 'rule', title, severity },
            `The destination says: ${answer?.failure ?? 'nothing'}`,
          ),
        )
        continue
      }
      const limit = question.rule?.limit ?? set.badRows
      const context = { set, limit, rows: answer.day.rows, samples: new Map(), sql: answer.sql, unread: false }
      checks.push(judgeQuestion(question, answer.day.evaluated[index] ?? 0, answer.day.failed[index] ?? 0, context))
    }
  }
  for (const { rule } of questions.apart) checks.push(await apartCheck(rule), ...(await othersCheck(rule)))
  for (const { rule, missing } of questions.lost) {
    checks.push(unasked(described(rule), `The destination has no column ${missing.join(', ')}`))
  }
  return checks.map((check) => ({ ...check, id: `loaded.${check.id}` }))

  async function scan(rows: typeof questions.rows) {
    const built = buildDayScan({ dialect, prologue, from: 'file', day: undefined, counters: rows, sums: [] })
    try {
      const [row = []] = await ask(built.sql)
      return { day: readScannedDay(built, row), sql: built.sql }
    } catch (error) {
      return rows.length > 1 ? undefined : { failure: firstLine(error) }
    }
  }

  async function rowsCheck(): Promise<readonly CheckResult[]> {
    if (request.rows === undefined) return []
    const sql = `${prologue}SELECT count(*) FROM file`
    const [row = []] = await ask(sql)
    const found = Number(row[0] ?? 0)
    const failing = `The destination has ${counted(found, 'row')} of the ${counted(request.rows, 'row')} that were loaded`
    const passing = `All ${counted(found, 'row')} are there`
    const base = {
      id: 'rows',
      kind: 'coverage',
      title: 'The rows that were loaded are there',
      severity: 'CRITICAL',
    } as const
    return [
      judgeCounts({ ...base, evaluated: request.rows, failed: Math.abs(found - request.rows), failing, passing, sql }),
    ]
  }

  /** Files of one run were compared when they were checked, and those before them were not. */
  async function othersCheck(rule: CheckRule): Promise<readonly CheckResult[]> {
    const { question } = rule
    if (question.kind !== 'unique' || question.across !== 'set' || request.others === undefined) return []
    const keys = question.columns.join(', ')
    const sql = sharedSql(request, prologue, question.columns, request.others)
    const base = {
      ...described(rule),
      id: `${apartId(rule)}.others`,
      title: `${keys} is in no other file of the table`,
      sql,
    }
    try {
      const [row = []] = await ask(sql)
      const [evaluated = 0, failed = 0] = row.map((value) => Number(value ?? 0))
      const failing = `${counted(failed, 'row')} of it ${failed === 1 ? 'has' : 'have'} the ${keys} of rows that came with other files`
      const fix =
        rule.fix ?? 'Look whether it was delivered before under another name: files delete --period takes its rows out.'
      return [
        judgeCounts({ ...base, evaluated, failed, failing, passing: `${counted(evaluated, 'row')}, none is`, fix }),
      ]
    } catch (error) {
      return [unasked(base, `The destination says: ${firstLine(error)}`)]
    }
  }

  async function apartCheck(rule: CheckRule): Promise<CheckResult> {
    const { question } = rule
    if (question.kind === 'references') return unasked(described(rule), `${question.file} is not at the destination`)
    const sql =
      question.kind === 'unique'
        ? uniqueLoadedSql(prologue, question.columns, dialect)
        : `${prologue}SELECT (SELECT count(*) FROM file), count(*) FROM (\n${question.kind === 'query' ? question.sql : ''}\n) AS bad`
    try {
      const [row = []] = await ask(sql)
      const [evaluated = 0, failed = 0] = row.map((value) => Number(value ?? 0))
      const failing =
        question.kind === 'unique'
          ? `${counted(failed, 'row')} too many have the same ${question.columns.join(', ')}`
          : `The query returned ${counted(failed, 'row')}`
      return judgeCounts({
        ...described(rule),
        sql,
        evaluated,
        failed,
        failing,
        passing: `${counted(evaluated, 'row')}, none fails`,
      })
    } catch (error) {
      return unasked({ ...described(rule), sql }, `The destination says: ${firstLine(error)}`)
    }
  }
}

/** Rows, and those whose key is among those of `others`. */
function sharedSql({ dialect, column }: LoadedRequest, prologue: string, columns: readonly string[], others: string) {
  const own = columns.map(dialect.identifier).join(', ')
  const theirs = columns.map((name) => column(name) ?? 'NULL').join(', ')
  return `${prologue}SELECT (SELECT count(*) FROM file), count(*) FROM file WHERE (${own}) IN (SELECT ${theirs} FROM ${others})`
}

/** Rows, and those beyond the first of each key. */
export function uniqueLoadedSql(prologue: string, columns: readonly string[], dialect: RuleDialect): string {
  const keys = columns.map(dialect.identifier)
  const present = keys.map((key) => `${key} IS NOT NULL`).join(' AND ')
  return `${prologue}SELECT sum(n), sum(n - 1) FROM (SELECT count(*) AS n FROM file WHERE ${present} GROUP BY ${keys.join(', ')}) AS grouped`
}

/** Columns under the names of the set. A person's SQL writes them without quotes, which Snowflake reads as capitals: it has both. */
function prologueOf(
  { from, column, dialect, set }: LoadedRequest,
  columns: ReadonlyMap<string, QuestionColumn>,
): string {
  const own = set.rules.some(({ question }) => question.kind === 'condition' || question.kind === 'query')
  const list = [...columns.values()].flatMap(({ name }) => {
    const value = column(name)
    const isPlain = /^[A-Za-z_][\w$]*$/.test(name) && name !== name.toUpperCase()
    const asWritten = dialect.name === 'snowflake' && own && isPlain ? [`${value} AS ${name}`] : []
    return [`${value} AS ${dialect.identifier(name)}`, ...asWritten]
  })
  return `WITH file AS (SELECT ${list.join(', ') || '1 AS nothing'} FROM ${from})\n`
}

function described(rule: CheckRule) {
  return {
    id: apartId(rule),
    kind: 'rule' as const,
    title: ruleTitle(rule),
    severity: rule.severity,
    limit: rule.limit,
    why: rule.why,
    fix: rule.fix,
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
