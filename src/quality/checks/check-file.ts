/** One file: its passes, one after the other, and what is made of them. */

import { join } from 'node:path'
import type { PipelineError } from '../../core/errors.ts'
import type { CheckResult, FileResult } from '../../core/file-check.ts'
import type { BadRowsFormat, OnBadRows } from '../../core/file-commands.ts'
import type { FoundFile } from '../../core/file-set.ts'
import { counted } from '../../core/quantity.ts'
import { qualifiedTableName } from '../../core/table-schema.ts'
import { changeOf, isUnreadableFile } from '../../file-sets/file-fingerprint.ts'
import type { BusinessCalendar } from '../calendar/business-calendar.ts'
import type { FiscalYearRequest } from '../calendar/fiscal-year.ts'
import { type ApartAnswer, apartId, runApart } from './apart-passes.ts'
import { keepBadRows } from './bad-rows.ts'
import type { CheckDatabase } from './check-database.ts'
import type { DayHistory, ExpectedDays } from './day-history.ts'
import { FilePasses } from './file-passes.ts'
import { ruleTitle } from './file-questions.ts'
import { judgeDays } from './judge-days.ts'
import { coverageCheck, coverageOf, questionChecks, structureChecks, unreadable, volumeChecks } from './judge-file.ts'
import { unasked } from './judgement.ts'
import { placed, placesOf, type Samples, sampleRows } from './sample-rows.ts'
import { type FileScan, scanFile } from './scan-file.ts'
import { columnsCheck } from './structure-check.ts'
import { reasonsOf, verdictOf } from './verdict.ts'

export interface FileCheckSetting {
  readonly database: CheckDatabase
  readonly onBadRows: OnBadRows
  readonly badRowsFormat: BadRowsFormat
  readonly checksum: boolean
  /** Absolute. For pipes, which the database may read; for bad rows. */
  readonly pipeFolder: string
  readonly badFolder: string
  /** Of the configuration file: what paths are relative to. */
  readonly folder: string
  readonly calendar: BusinessCalendar | undefined
  readonly everyDay: BusinessCalendar
  readonly fiscal: FiscalYearRequest | undefined
  /** Asked for when the file is read: files before it may still be judged. */
  readonly history: () => Promise<DayHistory>
  readonly expected: ExpectedDays
  /** Absolute path of a file that a rule refers to. */
  readonly resolve: (file: string) => string
  readonly onActivity: (activity: string) => void
  /** Bytes of the file that have been read, in whichever pass. */
  readonly onBytes: (bytes: number) => void
}

/** Days of a file that could not be read are not missing: nobody knows. */
const NO_DAYS = { checks: [], days: [] }

/** A file that cannot be read is its own failure: others of the run are checked. */
export async function checkFile(file: FoundFile, setting: FileCheckSetting, signal: AbortSignal): Promise<FileResult> {
  const startedMs = performance.now()
  try {
    return await checkReadable(file, setting, startedMs, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!isUnreadableFile(file, error)) throw error
    return unreadableFile(file, error, performance.now() - startedMs)
  }
}

async function checkReadable(
  file: FoundFile,
  setting: FileCheckSetting,
  startedMs: number,
  signal: AbortSignal,
): Promise<FileResult> {
  const badSeverity = setting.onBadRows === 'quarantine' ? 'WARNING' : 'CRITICAL'
  setting.onActivity('reading')
  const { database, pipeFolder, onBytes } = setting
  const reader = await FilePasses.open(file, { database, folder: pipeFolder, onBytes }, signal)
  const scan = await scanFile(reader, { checksum: setting.checksum, badSeverity }, signal)
  const apart = await runApartPasses(scan, setting, signal)
  const samples = await samplesOf(scan, apart, setting, signal)
  const changed = await changeOf(file).catch((error: unknown) =>
    error instanceof Error ? error.message : 'it is gone',
  )
  const coverage = coverageOf(file, scan, changed)
  const history = await setting.history()
  const days =
    scan.failure !== undefined
      ? NO_DAYS
      : judgeDays({
          set: file.set,
          period: file.period,
          days: scan.days,
          badSeverity,
          counterIds: scan.questions.rows.map(({ id }) => id),
          sumNames: scan.sumNames,
          calendar: setting.calendar,
          everyDay: setting.everyDay,
          fiscal: setting.fiscal,
          history,
          expected: setting.expected,
        })
  const checks: readonly CheckResult[] = [
    coverageCheck(scan, coverage, changed),
    ...(scan.columns === undefined ? [] : [columnsCheck(scan.columns, file.set.columns.length)]),
    ...structureChecks(file, scan, samples, badSeverity),
    ...questionChecks(file, scan, samples),
    ...scan.questions.lost.map(({ rule, missing }) =>
      unasked(
        {
          id: apartId(rule),
          kind: 'rule',
          title: ruleTitle(rule),
          severity: rule.severity,
          why: rule.why,
          fix: rule.fix,
        },
        `The file has no column ${missing.join(', ')}`,
      ),
    ),
    ...scan.broken.map(({ rule, failure }) => {
      const { severity, why, fix } = rule
      const described = { id: apartId(rule), kind: 'rule', title: ruleTitle(rule), severity, why, fix } as const
      return unasked(described, `It cannot be computed for each row: ${failure}`)
    }),
    ...apart.map(({ result }) => ({ ...result, samples: samples.get(result.id) ?? result.samples })),
    ...volumeChecks(file, scan, coverage.records, history),
    ...days.checks,
  ]
  const badRows = await badRowsOf(file, scan, checks, setting, signal)
  return {
    set: qualifiedTableName(file.set.table),
    file: file.name,
    bytes: file.bytes,
    modifiedMs: file.modifiedMs,
    checksum: scan.count?.checksum,
    period: file.period?.name,
    verdict: verdictOf(checks),
    reasons: reasonsOf(checks),
    coverage,
    checks,
    days: days.days,
    badRows,
    durationMs: Math.round(performance.now() - startedMs),
  }
}

/** Nothing of it could be read. */
function unreadableFile(file: FoundFile, error: PipelineError, durationMs: number): FileResult {
  const why = error.cause instanceof Error ? error.cause.message : error.message
  const checks = [unreadable(why, error.hint)]
  const { name, bytes, modifiedMs, period, set } = file
  return {
    set: qualifiedTableName(set.table),
    file: name,
    bytes,
    modifiedMs,
    checksum: undefined,
    period: period?.name,
    verdict: verdictOf(checks),
    reasons: reasonsOf(checks),
    coverage: { bytes, unpackedBytes: undefined, records: 0, parsed: 0, rejected: 0, complete: false },
    checks,
    days: [],
    badRows: undefined,
    durationMs: Math.round(durationMs),
  }
}

async function runApartPasses(
  scan: FileScan,
  { resolve, onActivity }: FileCheckSetting,
  signal: AbortSignal,
): Promise<readonly ApartAnswer[]> {
  const answers: ApartAnswer[] = []
  const sound = soundColumns(scan)
  for (const apart of scan.questions.apart) {
    const { rule } = apart
    if (scan.parsed === 0) {
      const described = { id: apartId(rule), kind: 'rule', title: ruleTitle(rule), severity: rule.severity } as const
      const message = scan.failure === undefined ? 'There are no rows' : 'The file could not be read'
      answers.push({ result: unasked({ ...described, why: rule.why, fix: rule.fix }, message), rows: [] })
      continue
    }
    onActivity(apart.kind === 'unique' ? 'looking for duplicates' : `asking ${rule.name}`)
    answers.push(await runApart(apart, { reader: scan.reader, parsed: scan.parsed, sound, resolve, signal }))
  }
  return answers
}

function soundColumns({ questions, days, rejects }: FileScan): ReadonlySet<string> {
  const sound = questions.rows.flatMap(({ about, column }, index) => {
    return about === 'type' && column !== undefined && days.every(({ failed }) => failed[index] === 0) ? [column] : []
  })
  return new Set(rejects.length === 0 ? sound : [])
}

async function samplesOf(
  { reader, questions, days, rejects, failure }: FileScan,
  apart: readonly ApartAnswer[],
  { onActivity }: FileCheckSetting,
  signal: AbortSignal,
): Promise<Samples> {
  if (failure !== undefined) return new Map()
  const asked = questions.rows.map(({ id, condition, reason }, index) => ({
    id,
    condition,
    reason,
    failed: days.reduce((sum, day) => sum + (day.failed[index] ?? 0), 0),
  }))
  if (asked.some(({ failed }) => failed > 0) || rejects.length > 0) onActivity('looking at rows that fail')
  const samples = new Map(await sampleRows(reader, asked, rejects, signal))
  const numbers = apart.flatMap(({ rows }) => rows.map(({ number }) => number))
  if (numbers.length === 0) return samples
  const places = await placesOf(reader, numbers, rejects, [], signal)
  for (const { result, rows } of apart) {
    if (rows.length === 0) continue
    const found = rows.map(({ number, reason, values }) => ({
      ...placed(reader, places.rows.get(number)),
      values,
      reason,
    }))
    samples.set(result.id, found)
  }
  return samples
}

/** Kept where the file is taken without them; a file that is refused keeps them itself. */
async function badRowsOf(
  file: FoundFile,
  scan: FileScan,
  checks: readonly CheckResult[],
  { onBadRows, badRowsFormat: format, database, pipeFolder, badFolder, folder, onActivity }: FileCheckSetting,
  signal: AbortSignal,
): Promise<FileResult['badRows']> {
  const asked = new Set(scan.questions.rows.flatMap(({ id, makesBad }) => (makesBad ? [id] : [])))
  const isBad = ({ id, failed }: CheckResult) =>
    failed > 0 && (asked.has(id) || /^structure\.(ragged|encoding|quotes|length)/.test(id))
  const bad = checks.filter(isBad)
  const refused = onBadRows === 'fail' && bad.some(({ outcome }) => outcome === 'fail')
  if (bad.length === 0 || refused || scan.failure !== undefined) return undefined
  onActivity(`keeping ${counted(bad.length, 'kind')} of bad rows`)
  const path = join(badFolder, `${file.name.replaceAll(/[^\w.-]+/g, '_')}.bad.${format}`)
  return await keepBadRows(scan, { path, format, database, scratch: pipeFolder, folder }, signal)
}
