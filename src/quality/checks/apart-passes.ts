/**
 * Questions that compare rows, each in a pass of its own: keys that repeat, values that another file must have, queries of people.
 * What is kept in memory is one small row for each key; the rest lies on the disk where there are many.
 */
import type { BadRowSample, CheckResult, CheckRule } from '../../core/file-check.ts'
import { counted } from '../../core/quantity.ts'
import { quoteName, quotePath, quoteText } from '../../file-sets/value-cast.ts'
import type { ApartRule } from '../rules/rule-sql.ts'
import type { Answer, FilePasses } from './file-passes.ts'
import { ruleTitle } from './file-questions.ts'
import { ROW_NUMBER, type TypedRelation } from './file-relation.ts'
import { judgeCounts, part, unasked } from './judgement.ts'
import { SAMPLES_MAX } from './sample-rows.ts'

export interface ApartAnswer {
  readonly result: CheckResult
  /** Rows to be looked up in the file: their number, and what is said of each. */
  readonly rows: readonly {
    readonly number: number
    readonly reason: string
    readonly values: BadRowSample['values']
  }[]
}

export interface ApartSetting {
  readonly reader: FilePasses
  /** Rows of the file. */
  readonly parsed: number
  /** Columns of which the scan has found each text to be a value; empty where it has refused a record. */
  readonly sound: ReadonlySet<string>
  /** Absolute path of a file that a rule refers to. */
  readonly resolve: (file: string) => string
  readonly signal: AbortSignal
}

export function apartId({ name }: CheckRule): string {
  return `rule.${name}`
}

/** The statement that decides; samples are asked for where it finds something. */
export function apartSql({ rule }: ApartRule, prologue: string, resolve: (file: string) => string): string {
  const { question } = rule
  switch (question.kind) {
    case 'unique':
      return uniqueSql(prologue, question.columns)
    case 'references':
      return `${prologue.trimEnd()}, known AS (SELECT DISTINCT CAST(${quoteName(question.fileColumn)} AS VARCHAR) AS value FROM ${referred(resolve(question.file))})
SELECT count(*), count(*) FILTER (known.value IS NULL)
FROM (SELECT CAST(${quoteName(question.column)} AS VARCHAR) AS value FROM file) AS asked LEFT JOIN known USING (value)
WHERE asked.value IS NOT NULL`
    case 'query':
      return `${prologue}SELECT count(*) FROM (\n${question.sql}\n)`
    default:
      throw new Error(`a ${question.kind} rule has no pass of its own`)
  }
}

/** Rows, keys, keys that are there more than once, rows of those. NULL is equal to nothing. */
export function uniqueSql(prologue: string, columns: readonly string[], from = 'file'): string {
  const keys = columns.map(quoteName)
  const present = keys.map((key) => `${key} IS NOT NULL`).join(' AND ')
  return `${prologue}SELECT sum(n)::BIGINT, count(*), count(*) FILTER (n > 1), sum(n) FILTER (n > 1)::BIGINT
FROM (SELECT count(*) AS n FROM ${from} WHERE ${present} GROUP BY ${keys.join(', ')})`
}

export async function runApart(apart: ApartRule, setting: ApartSetting): Promise<ApartAnswer> {
  const { rule } = apart
  const { reader, resolve, parsed } = setting
  const described = {
    id: apartId(rule),
    kind: 'rule' as const,
    title: ruleTitle(rule),
    severity: rule.severity,
    limit: rule.limit,
    why: rule.why,
    fix: rule.fix,
  }
  if (rule.question.kind === 'query') return await runQuery(rule, described, setting)
  const sql = apartSql(apart, reader.planned().prologue, resolve)
  const ask = (sound: ReadonlySet<string>) => askApart(apart, setting, sound)
  const answer = (await ask(setting.sound)) ?? (await ask(new Set())) ?? { failure: 'records were refused' }
  if ('failure' in answer) return { result: unasked({ ...described, sql }, capitalized(answer.failure)), rows: [] }
  const numbers = (answer.rows[0] ?? []).map(numberOf)
  if (rule.question.kind === 'unique') {
    const [rows = 0, , repeated = 0, repeatedRows = 0] = numbers
    const { columns } = rule.question
    const failed = repeatedRows - repeated
    const failing = `${counted(repeated, 'value')} of ${columns.join(', ')} ${repeated === 1 ? 'is' : 'are'} there more than once: ${counted(failed, 'row')} too many`
    const passing = `No two of ${counted(rows, 'row')} have the same`
    const unaskedText = parsed === 0 ? 'There are no rows' : 'No row has a value'
    const result = judgeCounts({ ...described, sql, evaluated: rows, failed, failing, passing, unasked: unaskedText })
    return { result, rows: failed === 0 ? [] : await repeatedRowsOf(columns, setting) }
  }
  if (rule.question.kind !== 'references') throw new Error(`a ${rule.question.kind} rule has no pass of its own`)
  const [evaluated = 0, failed = 0] = numbers
  const { column, file, fileColumn } = rule.question
  const failing = `${part(failed, evaluated, 'value')} of ${column} ${failed === 1 ? 'is' : 'are'} not in ${fileColumn} of ${file}`
  const passing = `All ${counted(evaluated, 'value')} are there`
  const result = judgeCounts({ ...described, sql, evaluated, failed, failing, passing, unasked: 'No row has a value' })
  return { result, rows: failed === 0 ? [] : await orphans(rule.question, setting) }
}

/** Undefined: DuckDB's reader has refused what the scan has taken for numbers, such as ` 7`. */
async function askApart(
  apart: ApartRule,
  { reader, signal, resolve }: ApartSetting,
  sound: ReadonlySet<string>,
): Promise<Answer | undefined> {
  return await reader.pass({ sound }, signal, async ({ session, statement, relation, rows }) => {
    const answer = await rows(apartSql(apart, relation.prologue, resolve))
    if (sound.size === 0 || statement.rejected === undefined) return answer
    if ('failure' in answer) return undefined
    const [refused] = await session.row(`SELECT count(*) FROM (${statement.rejected})`)
    return numberOf(refused) === 0 ? answer : undefined
  })
}

type Described = Pick<CheckResult, 'id' | 'kind' | 'title' | 'severity' | 'limit' | 'why' | 'fix'>

/** A query may name `file` more than once, which a pipe does not take: then the rows are kept for it, on the disk where they are many. */
async function runQuery(rule: CheckRule, described: Described, setting: ApartSetting): Promise<ApartAnswer> {
  if (rule.question.kind !== 'query') throw new Error('it is no query')
  const { reader, signal, parsed } = setting
  const { sql } = rule.question
  const names = reader.planned().columns.keys()
  const list = [...names].map(quoteName).join(', ')
  const found = await reader.pass({}, signal, async ({ session, relation, rows }) => {
    const make = `${relation.prologue}SELECT ${list} FROM file`
    if (reader.isPiped) {
      const kept = await rows(`CREATE TEMP TABLE kept_rows AS ${make}`)
      if ('failure' in kept) return kept
    } else {
      await session.run(`CREATE TEMP VIEW kept_rows AS ${make}`)
    }
    const prologue = 'WITH file AS (FROM kept_rows)\n'
    const answer = await rows(`${prologue}SELECT count(*) FROM (\n${sql}\n)`)
    if ('failure' in answer) return answer
    const failed = numberOf(answer.rows[0]?.[0])
    if (failed === 0) return { failed, samples: [] }
    const shown = await session.rows(
      `${prologue}SELECT to_json(bad)::VARCHAR FROM (\n${sql}\n) AS bad LIMIT ${SAMPLES_MAX}`,
    )
    return { failed, samples: shown.map(([text]) => querySample(rule, sql, String(text), reader)) }
  })
  if ('failure' in found) return { result: unasked({ ...described, sql }, capitalized(found.failure)), rows: [] }
  const { failed, samples } = found
  const failing = `The query returned ${counted(failed, 'row')}`
  const passing = `The query returned no row, of ${counted(parsed, 'row')}`
  return { result: judgeCounts({ ...described, sql, evaluated: parsed, failed, failing, passing, samples }), rows: [] }
}

/** A few keys that repeat, with the rows that have them. */
async function repeatedRowsOf(columns: readonly string[], setting: ApartSetting): Promise<ApartAnswer['rows']> {
  const { reader, signal } = setting
  const keys = columns.map(quoteName)
  const present = keys.map((key) => `${key} IS NOT NULL`).join(' AND ')
  const few = await reader.pass({}, signal, ({ relation, session }) =>
    session.rows(
      `${relation.prologue}SELECT to_json([${keys.map((key) => `CAST(${key} AS VARCHAR)`).join(', ')}])::VARCHAR
FROM file WHERE ${present} GROUP BY ${keys.join(', ')} HAVING count(*) > 1 LIMIT ${SAMPLES_MAX}`,
    ),
  )
  const list = few.map(([text]) => quoteText(String(text))).join(', ')
  const where = `${present} AND to_json([${keys.map((key) => `CAST(${key} AS VARCHAR)`).join(', ')}])::VARCHAR IN (${list})`
  return await numbered(setting, `file WHERE ${where}`, `${columns.join(', ')} is there more than once`)
}

async function orphans(
  question: Extract<CheckRule['question'], { readonly kind: 'references' }>,
  setting: ApartSetting,
): Promise<ApartAnswer['rows']> {
  const known = `(SELECT CAST(${quoteName(question.fileColumn)} AS VARCHAR) AS value FROM ${referred(setting.resolve(question.file))}) AS known`
  const column = quoteName(question.column)
  const from = `file ANTI JOIN ${known} ON CAST(file.${column} AS VARCHAR) = known.value WHERE file.${column} IS NOT NULL`
  return await numbered(setting, from, `${question.column} is not in ${question.file}`)
}

async function numbered({ reader, signal }: ApartSetting, from: string, reason: string): Promise<ApartAnswer['rows']> {
  return await reader.pass({ numbered: true }, signal, async ({ session, relation }) => {
    const row = quoteName(ROW_NUMBER)
    const shown = shownColumns(relation, reader)
    const list = [`file.${row}`, ...shown.map(({ sql }) => sql)].join(', ')
    const rows = await session.rows(
      `${relation.prologue}SELECT ${list} FROM ${from} ORDER BY 1 LIMIT ${SAMPLES_MAX * 2}`,
    )
    return rows.map(([at, ...cells]) => ({
      number: Number(at),
      reason,
      values: Object.fromEntries(shown.map(({ name }, index) => [name, textOf(cells[index])])),
    }))
  })
}

function shownColumns({ columns }: TypedRelation, { file }: FilePasses) {
  return [...columns.values()].map(({ name, raw, value }) => {
    const isSensitive = file.set.columns.some((column) => column.name === name && column.sensitive)
    const text = `left(CAST(file.${raw ?? value} AS VARCHAR), 500)`
    return { name, sql: isSensitive ? `CASE WHEN ${text} IS NOT NULL THEN '***' END` : text }
  })
}

/** What a person's query returns has columns of its own: a sensitive value may stand in one that is called otherwise. */
function querySample(rule: CheckRule, sql: string, text: string, { file }: FilePasses): BadRowSample {
  const record = JSON.parse(text) as Readonly<Record<string, unknown>>
  const sensitive = file.set.columns.filter((column) => column.sensitive).map(({ name }) => name)
  const mayHide = sensitive.length > 0 && (sql.includes('*') || sensitive.some((name) => sql.includes(name)))
  const known = new Set(file.set.columns.map(({ name }) => name))
  const values = Object.entries(record).map(([name, value]) => {
    const hidden = sensitive.includes(name) || (mayHide && !known.has(name))
    return [name, value !== null && hidden ? '***' : textOf(value)] as const
  })
  const reason = `the query ${rule.name} returns it`
  return { line: undefined, byteOffset: undefined, values: Object.fromEntries(values), reason }
}

/** Another file, read as its name says; all as text, for it is compared as text. */
export function referred(path: string): string {
  return /\.parquet$/i.test(path)
    ? `read_parquet(${quotePath(path)}, hive_partitioning = false)`
    : `read_csv(${quotePath(path)}, header = true, all_varchar = true, hive_partitioning = false)`
}

function numberOf(value: unknown): number {
  return value === null || value === undefined ? 0 : Number(value)
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null
  return (typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)).slice(
    0,
    500,
  )
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
