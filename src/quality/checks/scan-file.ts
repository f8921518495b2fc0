/**
 * The first pass over a file, and mostly the only one: DuckDB parses it and answers every question that a row can answer by
 * itself, while another reader counts the records.
 */

import type { CheckRule } from '../../core/file-check.ts'
import type { FileSet } from '../../core/file-set.ts'
import type { RecordCount } from '../../file-sets/record-counter.ts'
import { quoteText } from '../../file-sets/value-cast.ts'
import { DUCKDB_RULES } from '../rules/rule-dialect.ts'
import { type BrokenRule, brokenConditions } from './broken-conditions.ts'
import { buildDayScan, type DayScan, readScannedDay, type ScannedDay } from './day-scan.ts'
import { attempt, type FilePasses, type OpenPass } from './file-passes.ts'
import { type FileQuestions, questionsOf } from './file-questions.ts'
import type { TypedRelation } from './file-relation.ts'
import { longRecords, withLongRecords } from './long-records.ts'
import { type RejectList, readRejects } from './reject-list.ts'
import { type ColumnComparison, compareColumns } from './structure-check.ts'

/** Severity of what cannot be loaded: less where it is kept apart. */
export type BadSeverity = 'CRITICAL' | 'WARNING'

export interface FileScan {
  readonly reader: FilePasses
  /** Undefined: the file does not name its columns. */
  readonly columns: ColumnComparison | undefined
  readonly questions: FileQuestions
  readonly days: readonly ScannedDay[]
  readonly sumNames: readonly string[]
  readonly sql: string
  readonly parsed: number
  readonly rejects: RejectList
  readonly count: RecordCount | undefined
  /** By the file's own word; only of Parquet. */
  readonly parquetRows: number | undefined
  /** What the reader could not go on for, as it says; undefined: it read to the end. */
  readonly failure: string | undefined
  /** Conditions that were left out, because they cannot be computed for all rows. */
  readonly broken: readonly BrokenRule[]
}

export async function scanFile(reader: FilePasses, setting: ScanSetting, signal: AbortSignal): Promise<FileScan> {
  const scan = await scanAll(reader, setting, reader.file.set, signal)
  const conditions = reader.file.set.rules.filter(({ question }) => question.kind === 'condition')
  if (scan.failure === undefined || conditions.length === 0) return scan
  const without = await scanAll(reader, setting, withoutRules(reader.file.set, conditions), signal)
  if (without.failure !== undefined) return scan
  const broken = await brokenConditions(reader, conditions, signal)
  if (broken.length === 0) return scan
  const left = broken.map(({ rule }) => rule)
  const isAll = left.length === conditions.length
  return { ...(isAll ? without : await scanAll(reader, setting, withoutRules(reader.file.set, left), signal)), broken }
}

function withoutRules(set: FileSet, rules: readonly CheckRule[]): FileSet {
  return { ...set, rules: set.rules.filter((rule) => !rules.includes(rule)) }
}

async function scanAll(reader: FilePasses, setting: ScanSetting, set: FileSet, signal: AbortSignal): Promise<FileScan> {
  const scan = await scanOnce(reader, setting, { set, allColumns: false }, signal)
  // DuckDB looks at the encoding of columns that somebody asks for. Where the other reader has seen bytes that the encoding does
  // not have, all are asked for, so that each such record is found.
  const isBroken = scan.count?.invalidAt !== undefined && scan.failure === undefined
  return isBroken ? await scanOnce(reader, setting, { set, allColumns: true }, signal) : scan
}

export interface ScanSetting {
  readonly checksum: boolean
  readonly badSeverity: BadSeverity
}

async function scanOnce(
  reader: FilePasses,
  { checksum, badSeverity }: ScanSetting,
  { set, allColumns }: { readonly set: FileSet; readonly allColumns: boolean },
  signal: AbortSignal,
): Promise<FileScan> {
  const columns = columnsOf(reader)
  return await reader.pass({ counted: true, checksum }, signal, async (pass) => {
    const { questions, scan } = plannedScan(set, pass.relation, badSeverity, allColumns)
    const answer = await pass.rows(scan.sql)
    const count = await pass.count()
    const base = {
      reader,
      columns,
      questions,
      sql: scan.sql,
      count,
      broken: [],
      parquetRows: await parquetRows(reader, pass, signal),
    }
    const sumNames = scan.sums.map(({ name }) => name)
    if ('failure' in answer) return { ...base, sumNames, days: [], parsed: 0, rejects: [], failure: answer.failure }
    const days = answer.rows.map((row) => readScannedDay(scan, row))
    const parsed = days.reduce((sum, { rows }) => sum + rows, 0)
    const read = await readRejects(pass)
    const long = count === undefined ? [] : await longRecords(reader.file, count, signal)
    const open = (count?.records ?? 0) - parsed - read.length
    const rejects = withLongRecords(read, long, { shift: reader.offsetShift, open })
    return { ...base, sumNames, days, parsed, rejects, failure: undefined }
  })
}

/** The statement, and what it asks. */
export function plannedScan(
  set: FileSet,
  { prologue, columns }: TypedRelation,
  badSeverity: BadSeverity,
  allColumns = false,
): { readonly questions: FileQuestions; readonly scan: DayScan } {
  const decimalSeparator = set.format.kind === 'parquet' ? '.' : set.format.decimalSeparator
  const questions = questionsOf(set, { dialect: DUCKDB_RULES, columns, decimalSeparator, badSeverity })
  const day = set.dateColumn === undefined ? undefined : columns.get(set.dateColumn)?.value
  const scan = buildDayScan({
    dialect: DUCKDB_RULES,
    prologue,
    from: 'file',
    day: day === undefined ? undefined : `CAST(${day} AS DATE) - DATE '1970-01-01'`,
    counters: questions.rows,
    also: allColumns ? [...columns.values()].map(({ raw, value }) => `count(${raw ?? value})`) : [],
    sums: set.sums.flatMap((name) => {
      const value = columns.get(name)?.value
      return value === undefined ? [] : [{ name, value }]
    }),
  })
  return { questions, scan }
}

function columnsOf({ file, prologue, parquetColumns }: FilePasses): ColumnComparison | undefined {
  if (parquetColumns === undefined) {
    return prologue?.header === undefined ? undefined : compareColumns(prologue.header, file.set.columns)
  }
  // It could not be opened.
  if (parquetColumns.size === 0) return undefined
  // Columns of Parquet are found by name: their order means nothing.
  const compared = compareColumns([...parquetColumns.keys()], file.set.columns)
  return { ...compared, findings: compared.findings.filter(({ kind }) => kind !== 'reordered') }
}

async function parquetRows(
  { file }: FilePasses,
  { session }: OpenPass,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (file.set.format.kind === 'delimited') return undefined
  const sql = `SELECT num_rows FROM parquet_file_metadata(${quoteText(file.path)})`
  const answer = await attempt(session.rows(sql), signal)
  return 'rows' in answer ? Number(answer.rows[0]?.[0] ?? 0) : undefined
}
