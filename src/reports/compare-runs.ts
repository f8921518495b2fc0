/**
 * Two runs side by side: which findings appeared, which are gone, which have other figures. Checks are paired by their set,
 * their id and their file: the same file where both runs have it; where a set has one file left on each side, those two,
 * since the month before is what a month is compared with.
 */
import type { CheckResult, CheckRun, DayResult, FileResult } from '../core/file-check.ts'
import { SEVERITIES } from '../core/file-check.ts'
import type { DayChange, FileChange, FindingChange, FindingState, RunComparison, RunMark } from '../core/file-report.ts'

interface FilePair {
  readonly set: string
  readonly older: FileResult | undefined
  readonly newer: FileResult | undefined
}

export function compareRuns(older: CheckRun, newer: CheckRun): RunComparison {
  const pairs = pairFiles(older.files, newer.files)
  const sets = new Set([...older.sets, ...newer.sets].map(({ set }) => set))
  const findings = [
    // Of a file that was not checked again nothing is known; that it is gone is told of the file.
    ...pairs.flatMap(({ set, older: was, newer: is }) =>
      is === undefined ? [] : compareFindings(set, is.file, was?.checks, is.checks),
    ),
    ...[...sets].flatMap((set) => {
      const is = setChecks(newer, set)
      return is === undefined ? [] : compareFindings(set, undefined, setChecks(older, set), is)
    }),
  ]
  return {
    older: mark(older),
    newer: mark(newer),
    findings: findings.sort(worstFirst),
    files: pairs.map(fileChange),
    days: pairs.flatMap(compareDays),
    configChanged: older.configChecksum !== newer.configChecksum,
  }
}

function mark({ run, startedMs, verdict }: CheckRun): RunMark {
  return { run, startedMs, verdict }
}

function setChecks(run: CheckRun, set: string): readonly CheckResult[] | undefined {
  return run.sets.find((entry) => entry.set === set)?.checks
}

function pairFiles(older: readonly FileResult[], newer: readonly FileResult[]): readonly FilePair[] {
  const key = ({ set, file }: FileResult): string => JSON.stringify([set, file])
  const before = new Map(older.map((file) => [key(file), file]))
  const after = new Set(newer.map(key))
  const gone = Map.groupBy(
    older.filter((file) => !after.has(key(file))),
    ({ set }) => set,
  )
  const added = Map.groupBy(
    newer.filter((file) => !before.has(key(file))),
    ({ set }) => set,
  )
  const lone = (files: readonly FileResult[] | undefined): FileResult | undefined =>
    files?.length === 1 ? files[0] : undefined
  const paired = newer.map((file): FilePair => {
    const match = before.get(key(file)) ?? (lone(added.get(file.set)) === file ? lone(gone.get(file.set)) : undefined)
    return { set: file.set, older: match, newer: file }
  })
  const taken = new Set(paired.map((pair) => pair.older))
  const rest = older
    .filter((file) => !taken.has(file))
    .map((file) => ({ set: file.set, older: file, newer: undefined }))
  return [...paired, ...rest]
}

function fileChange({ set, older, newer }: FilePair): FileChange {
  const file = newer?.file ?? older?.file ?? ''
  const side = (result: FileResult | undefined) =>
    result && { verdict: result.verdict, records: result.coverage.records, bytes: result.bytes }
  return {
    change: older === undefined ? 'appeared' : newer === undefined ? 'gone' : isSame(older, newer) ? 'same' : 'changed',
    set,
    file,
    against: older !== undefined && older.file !== file ? older.file : undefined,
    older: side(older),
    newer: side(newer),
  }
}

function isSame(older: FileResult, newer: FileResult): boolean {
  if (older.checksum !== undefined && newer.checksum !== undefined) return older.checksum === newer.checksum
  return older.bytes === newer.bytes && older.modifiedMs === newer.modifiedMs
}

function compareFindings(
  set: string,
  file: string | undefined,
  older: readonly CheckResult[] = [],
  newer: readonly CheckResult[] = [],
): readonly FindingChange[] {
  const before = new Map(older.map((check) => [check.id, check]))
  const after = new Map(newer.map((check) => [check.id, check]))
  const ids = new Set([...after.keys(), ...before.keys()])
  return [...ids].flatMap((id): readonly FindingChange[] => {
    const [was, is] = [before.get(id), after.get(id)]
    const check = is ?? was
    const change = findingChange(was, is)
    if (check === undefined || change === undefined) return []
    const { kind, title, severity } = check
    return [{ change, set, file, id, kind, title, severity, older: state(id, was), newer: state(id, is) }]
  })
}

/** Only told of where they fail. */
const TOLD_AS_FAILURES: readonly string[] = ['structure.read', 'structure.quotes', 'structure.length']
const NOTHING_FOUND: FindingState = {
  outcome: 'pass',
  evaluated: 0,
  failed: 0,
  message: 'Nothing of the kind was found',
}

/** Undefined: nothing to tell. A question that was asked and is not any more is told, also where it had passed: fewer questions are news. */
function findingChange(was: CheckResult | undefined, is: CheckResult | undefined): FindingChange['change'] | undefined {
  const wasFinding = was !== undefined && was.outcome !== 'pass'
  const isFinding = is !== undefined && is.outcome !== 'pass'
  if (isFinding && !wasFinding) return 'appeared'
  if (was !== undefined && is === undefined) {
    if (TOLD_AS_FAILURES.includes(was.id)) return wasFinding ? 'gone' : undefined
    // Those of a load are asked by loads alone.
    const isMissed = wasFinding ? was.outcome !== 'not_evaluated' : !was.id.startsWith('loaded.')
    return isMissed ? 'not_asked' : undefined
  }
  if (!isFinding) return wasFinding ? 'gone' : undefined
  return was?.outcome !== is?.outcome || was?.failed !== is?.failed ? 'changed' : undefined
}

function state(id: string, check: CheckResult | undefined): FindingState | undefined {
  if (check === undefined) return TOLD_AS_FAILURES.includes(id) ? NOTHING_FOUND : undefined
  return { outcome: check.outcome, evaluated: check.evaluated, failed: check.failed, message: check.message }
}

/** Days of files of one name: those of another month are other days. */
function compareDays({ set, older, newer }: FilePair): readonly DayChange[] {
  if (older === undefined || newer === undefined || older.file !== newer.file) return []
  // Of a file that could not be read no day is known.
  if (older.days.length === 0 || newer.days.length === 0) return []
  const before = new Map(older.days.map((day) => [day.day, day]))
  const after = new Map(newer.days.map((day) => [day.day, day]))
  const side = (day: DayResult | undefined) => day && { status: day.status, rows: day.rows }
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .filter((day) => {
      const [was, is] = [before.get(day), after.get(day)]
      return was?.status !== is?.status || was?.rows !== is?.rows
    })
    .map((day) => ({ set, day, older: side(before.get(day)), newer: side(after.get(day)) }))
}

const CHANGES: readonly FindingChange['change'][] = ['appeared', 'changed', 'gone', 'not_asked']

function worstFirst(a: FindingChange, b: FindingChange): number {
  return (
    CHANGES.indexOf(a.change) - CHANGES.indexOf(b.change) ||
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    (b.newer?.failed ?? 0) - (a.newer?.failed ?? 0) ||
    (a.id < b.id ? -1 : Number(a.id > b.id))
  )
}
