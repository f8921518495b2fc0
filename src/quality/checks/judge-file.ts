/** The file as a whole: could it be read, to its end, in one dialect, and does it have as many rows as it should. */
import type { CheckResult, Coverage, Severity } from '../../core/file-check.ts'
import type { FileSet, FoundFile } from '../../core/file-set.ts'
import { count, counted } from '../../core/quantity.ts'
import type { RecordCount } from '../../file-sets/record-counter.ts'
import { median } from '../anomaly/robust.ts'
import type { DayHistory } from './day-history.ts'
import type { RowQuestion } from './file-questions.ts'
import { judgeCounts, NO_LIMIT, part, unasked } from './judgement.ts'
import { REJECT_KINDS, type RejectKind } from './reject-list.ts'
import type { Samples } from './sample-rows.ts'
import type { FileScan } from './scan-file.ts'
import { typeHint } from './type-hint.ts'

/** Other files that make an opinion of how many rows a file has. */
const FILES_MIN = 3
const USUAL_BETWEEN: readonly [number, number] = [0.5, 2]

interface Told {
  readonly title: string
  readonly failing: (failed: number, records: number) => string
  readonly passing: string
  readonly fix: string
}

const REJECTED: Readonly<Record<RejectKind, Told>> = {
  ragged: {
    title: 'Each record has one value for each column',
    failing: (failed, records) => `${part(failed, records, 'record')} ${have(failed)} too few or too many values`,
    passing: 'Every record does',
    fix: 'Look at the delimiter and at values with delimiters or line ends in them: they need quotes.',
  },
  encoding: {
    title: 'The text is of its encoding',
    failing: (failed, records) =>
      `${part(failed, records, 'record')} ${have(failed)} bytes that the encoding does not have`,
    passing: 'All of it is',
    fix: 'Say how the file is written: `encoding: latin-1` or `utf-16`.',
  },
  quotes: {
    title: 'Quotes are closed',
    failing: (failed, records) =>
      `${part(failed, records, 'record')} ${have(failed)} a quote that is not closed, or something behind the closing one`,
    passing: 'All are',
    fix: 'Look at the first of these records: everything behind a quote that is open belongs to one value.',
  },
  length: {
    title: 'No record is longer than 16 MiB',
    failing: (failed, records) =>
      `${part(failed, records, 'record')} ${failed === 1 ? 'is' : 'are'} longer than 16 MiB`,
    passing: 'None is',
    fix: 'Look at the line ends: is the file one line?',
  },
}

/** `severity`: of rows that cannot be read. */
export function structureChecks(
  file: FoundFile,
  scan: FileScan,
  samples: Samples,
  severity: Severity,
): readonly CheckResult[] {
  if (file.set.format.kind === 'parquet')
    return scan.failure === undefined ? [] : [unreadable(scan.failure, PARQUET_FIX)]
  const records = scan.count?.records ?? scan.parsed + scan.rejects.length
  const checks: CheckResult[] = scan.failure === undefined ? [] : [unreadable(scan.failure)]
  if (scan.failure === undefined) {
    const byKind = Map.groupBy(scan.rejects, ({ kind }) => kind)
    for (const kind of REJECT_KINDS) {
      // Bytes in the header are in no record.
      const isHeader = kind === 'encoding' && scan.count?.invalidAt !== undefined && !byKind.has(kind)
      const failed = isHeader ? 1 : (byKind.get(kind)?.length ?? 0)
      const isPassedOver = byKind.get(kind)?.some((reject) => reject.isPassedOver === true) === true
      const hasQuotes = file.set.format.quote !== undefined
      if (failed === 0 && (kind === 'length' || (kind === 'quotes' && !hasQuotes))) continue
      const { title, failing, passing, fix } = REJECTED[kind]
      checks.push(
        judgeCounts({
          id: `structure.${kind}`,
          kind: 'structure',
          title,
          severity: isPassedOver ? 'CRITICAL' : severity,
          evaluated: records,
          failed,
          limit: isPassedOver ? NO_LIMIT : file.set.badRows,
          failing: isHeader
            ? `Byte ${count(scan.count?.invalidAt ?? 0)} and what follows are not of the encoding`
            : failing(failed, records) + placeOf(kind, scan),
          passing,
          unasked: 'There are no records',
          samples: samples.get(`structure.${kind}`),
          fix,
        }),
      )
    }
  }
  return [...checks, ...bytesChecks(scan)]
}

function placeOf(kind: RejectKind, { count: counts }: FileScan): string {
  const quote = kind === 'quotes' ? counts?.unclosedQuote : undefined
  return quote === undefined ? '' : `; the one in line ${count(quote.line)} is open to the end of the file`
}

/** What another reader has seen in the bytes. */
function bytesChecks({ count: counts }: FileScan): readonly CheckResult[] {
  if (counts === undefined) return []
  const { lf, crlf, cr } = counts.lineEnds
  const kinds = [['LF', lf] as const, ['CRLF', crlf] as const, ['CR', cr] as const].filter(([, lines]) => lines > 0)
  const lines = lf + crlf + cr
  const told = kinds.map(([name, number]) => `${count(number)} with ${name}`).join(', ')
  return [
    judgeCounts({
      id: 'structure.line_ends',
      kind: 'structure',
      title: 'Lines end in one way',
      severity: 'CRITICAL',
      evaluated: lines,
      failed: kinds.length > 1 ? lines - Math.max(lf, crlf, cr) : 0,
      failing: `Lines end in ${kinds.length} ways: ${told}`,
      passing: told === '' ? 'There are no lines' : `All ${told}`,
      unasked: 'There are no lines',
      fix: 'The file was put together from others, or changed by an editor: have it made anew.',
    }),
    judgeCounts({
      id: 'structure.nul',
      kind: 'structure',
      title: 'No byte is 0',
      severity: 'CRITICAL',
      evaluated: counts.records,
      failed: counts.firstNul === undefined ? 0 : 1,
      failing: `There are bytes 0, the first at byte ${count(counts.firstNul ?? 0)}`,
      passing: 'None is',
      unasked: 'There are no records',
      fix: 'Such bytes stand where a disk was full or a transfer broke off: have the file sent again.',
    }),
  ]
}

const READ_FIX = 'Compare delimiter, quotes and encoding of the configuration with the file.'
const PARQUET_FIX = 'Have the file made or sent again: it is no Parquet file, or not all of one.'

export function unreadable(failure: string, fix = READ_FIX): CheckResult {
  return judgeCounts({
    id: 'structure.read',
    kind: 'structure',
    title: 'The file can be read',
    severity: 'CRITICAL',
    evaluated: 1,
    failed: 1,
    failing: `It cannot be read: ${failure.replace(/\.$/, '')}`,
    passing: '',
    fix,
  })
}

export function coverageOf(file: FoundFile, scan: FileScan, changed: string | undefined): Coverage {
  const rejected = scan.rejects.length
  const records = scan.count?.records ?? scan.parquetRows ?? 0
  return {
    bytes: scan.count?.bytes ?? file.bytes,
    unpackedBytes: scan.count?.unpackedBytes,
    records,
    parsed: scan.parsed,
    rejected,
    complete: scan.failure === undefined && scan.count?.incomplete === undefined && changed === undefined,
  }
}

export function coverageCheck(scan: FileScan, coverage: Coverage, changed: string | undefined): CheckResult {
  const { records, parsed, rejected } = coverage
  const told = `${counted(records, 'record')} by another count, ${count(parsed)} parsed, ${count(rejected)} rejected`
  const described = {
    id: 'coverage.records',
    kind: 'coverage' as const,
    title: 'Every record of the file was read',
    severity: 'CRITICAL' as const,
    fix: 'Have the file sent again, whole, and check it when nobody writes to it.',
  }
  const incomplete = changed ?? scan.count?.incomplete
  const differ = Math.abs(records - parsed - rejected)
  const failing =
    incomplete === undefined
      ? `The counts differ: ${told}. Where quotes or line ends are wrong, readers take the records apart in different ways`
      : `The file was not read as a whole: ${incomplete}; ${told}`
  const failed = incomplete === undefined ? differ : Math.max(1, differ)
  if (scan.failure !== undefined && incomplete === undefined) {
    return unasked(described, `The file could not be read; it has ${counted(records, 'record')} by another count`)
  }
  return judgeCounts({
    ...described,
    evaluated: incomplete === undefined ? records : Math.max(1, records),
    failed,
    failing,
    passing: told,
    unasked: 'The file has no records',
  })
}

export function volumeChecks(
  file: FoundFile,
  scan: FileScan,
  records: number,
  history: DayHistory,
): readonly CheckResult[] {
  const { min, max } = file.set.rows ?? {}
  const wanted = [
    ...(min === undefined ? [] : [`at least ${count(min)}`]),
    ...(max === undefined ? [] : [`at most ${count(max)}`]),
  ]
  const isOff = (min !== undefined && records < min) || (max !== undefined && records > max)
  const hasHeader = scan.reader.prologue?.header !== undefined
  const empty = emptiness(file, scan.count) ?? `There is ${hasHeader ? 'a header and no record' : 'no record'}`
  const described = {
    id: 'volume.rows',
    kind: 'volume' as const,
    title: wanted.length === 0 ? 'The file has rows' : `The file has ${wanted.join(' and ')} rows`,
    severity: 'CRITICAL' as const,
    fix: 'Ask whoever makes the file; if it is right, change `rows` of the table.',
  }
  const own =
    records === 0
      ? { ...unasked(described, empty), outcome: isOff ? ('fail' as const) : ('not_evaluated' as const) }
      : judgeCounts({
          ...described,
          evaluated: records,
          failed: isOff ? records : 0,
          failing: `It has ${counted(records, 'row')}; ${wanted.join(' and ')} were to come`,
          passing: `It has ${counted(records, 'row')}`,
        })
  return scan.failure === undefined ? [own, historyCheck(records, history)] : [own]
}

/** Undefined: there is some text. */
function emptiness({ bytes }: FoundFile, counts: RecordCount | undefined): string | undefined {
  if (bytes === 0) return 'The file is empty'
  if (counts === undefined || counts.incomplete !== undefined) return undefined
  if (counts.unpackedBytes === 0) return 'The file is empty once it is unpacked'
  const markBytes = counts.bom === 'utf-8' ? 3 : counts.bom === 'utf-16' ? 2 : 0
  return counts.unpackedBytes === markBytes ? 'The file is empty but for a byte order mark' : undefined
}

function historyCheck(records: number, { fileRecords }: DayHistory): CheckResult {
  const described = {
    id: 'volume.history',
    kind: 'volume' as const,
    title: 'The file has about as many rows as others',
    fix: 'Ask whoever makes the file whether it is whole.',
  }
  if (fileRecords.length < FILES_MIN) {
    const known = fileRecords.length === 0 ? 'No other file' : `Only ${counted(fileRecords.length, 'other file')}`
    return unasked({ ...described, severity: 'INFO' }, `${known} of the set was checked; ${FILES_MIN} make an opinion`)
  }
  const usual = median(fileRecords)
  const share = records / Math.max(1, usual)
  const [low, high] = USUAL_BETWEEN
  const told = `${counted(records, 'row')}; ${count(usual)} are usual in ${counted(fileRecords.length, 'other file')}`
  return judgeCounts({
    ...described,
    severity: 'WARNING',
    evaluated: Math.max(records, 1),
    failed: share < low || share > high ? Math.max(records, 1) : 0,
    failing: `It has ${told}`,
    passing: `It has ${told}`,
  })
}

/** Types, missing values and rules, summed over the days. */
export function questionChecks(file: FoundFile, scan: FileScan, samples: Samples): readonly CheckResult[] {
  return scan.questions.rows.map((question, index) => {
    const evaluated = scan.days.reduce((sum, day) => sum + (day.evaluated[index] ?? 0), 0)
    const failed = scan.days.reduce((sum, day) => sum + (day.failed[index] ?? 0), 0)
    return judgeQuestion(question, evaluated, failed, {
      set: file.set,
      limit: question.rule?.limit ?? file.set.badRows,
      rows: scan.parsed,
      samples,
      sql: scan.sql,
      unread: scan.failure !== undefined,
    })
  })
}

export interface QuestionContext {
  readonly set: FileSet
  readonly limit: CheckResult['limit']
  /** That there are at all. */
  readonly rows: number
  readonly samples: Samples
  readonly sql: string
  readonly unread: boolean
}

export function judgeQuestion(
  question: RowQuestion,
  evaluated: number,
  failed: number,
  { set, limit, rows, samples, sql, unread }: QuestionContext,
): CheckResult {
  const { id, rule, about, column, title, reason } = question
  const found = samples.get(id)
  const what =
    about === 'null' || rule?.question.kind === 'not_null' || rule?.question.kind === 'condition' ? 'row' : 'value'
  const hint =
    about === 'type'
      ? typeHint(
          found?.flatMap(({ values }) => values[column ?? ''] ?? []) ?? [],
          reason.slice(`${column} is no `.length),
          set.columns.find(({ name }) => name === column) ?? { name: column ?? '' },
        )
      : undefined
  const days = found?.flatMap(({ day }) => day ?? []) ?? []
  return judgeCounts({
    id,
    kind: rule === undefined ? 'structure' : 'rule',
    title,
    // That an optional column has no value in a whole file is no fault.
    severity: about === 'type' && evaluated === 0 && rows > 0 ? 'INFO' : question.severity,
    evaluated,
    failed,
    limit,
    failing:
      failingText(question, part(failed, evaluated, what), failed) + (hint === undefined ? '' : `; ${hint.looks}`),
    passing: `${counted(evaluated, what)}, none fails`,
    unasked: unread ? 'The file could not be read' : rows === 0 ? 'There are no rows' : 'No row has a value',
    sql,
    why: rule?.why,
    fix: rule?.fix ?? hint?.fix,
    samples: found,
    days: [...new Set(days)],
  })
}

function failingText({ about, column, reason, rule }: RowQuestion, told: string, failed: number): string {
  if (about === 'type')
    return `${told} of ${reason.replace(`${column} is`, `${column} ${failed === 1 ? 'is' : 'are'}`)}`
  return rule === undefined
    ? `${told}: ${reason}`
    : `${told} ${failed === 1 ? 'fails' : 'fail'} ${rule.name}: ${reason}`
}

function have(number: number): string {
  return number === 1 ? 'has' : 'have'
}
