/** All files of a run: read side by side as far as memory allows, judged in their order, kept as one result. */
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism, hostname, totalmem, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { describeError } from '../../core/errors.ts'
import type { CheckResult, CheckRun, FileResult } from '../../core/file-check.ts'
import { RESULT_VERSION } from '../../core/file-check.ts'
import type { BadRowsFormat, FilePlan, FileProgressListener, ListedFile, OnBadRows } from '../../core/file-commands.ts'
import type { FilePeriod, FileSet, FoundFile } from '../../core/file-set.ts'
import { qualifiedTableName, type TableId } from '../../core/table-schema.ts'
import { isUnreadableFile } from '../../file-sets/file-fingerprint.ts'
import { periodOfName } from '../../file-sets/file-pattern.ts'
import type { BusinessCalendar } from '../calendar/business-calendar.ts'
import type { FiscalYearRequest } from '../calendar/fiscal-year.ts'
import { openCalendar } from '../calendar/open-calendar.ts'
import { CheckDatabase } from './check-database.ts'
import { checkFile } from './check-file.ts'
import { planPasses } from './check-plan.ts'
import { dayHistory } from './day-history.ts'
import { expectedDaysOf, readExpectedDays } from './expected-days.ts'
import { FilePasses } from './file-passes.ts'
import { keyRules } from './file-questions.ts'
import { inspectRules, referredFiles } from './inspect-rules.ts'
import { missingPeriods, periodsCheck } from './period-gaps.ts'
import { resourceError } from './resource-error.ts'
import { earlierFiles, runName, writeResult } from './result-store.ts'
import { acrossRules, checkAcross, type ReadableFile, soundColumnsOf, unaskedAcross } from './set-checks.ts'
import { verdictOf, worstVerdict } from './verdict.ts'

const MEMORY_BYTES = 4 * 2 ** 30
/** Two readers at a time keep two cores busy while a packed file is unpacked; more would share the same memory. */
const LANES = 2

export interface NamedCalendar {
  readonly calendar: BusinessCalendar
  readonly fiscal: FiscalYearRequest | undefined
}

export interface CheckRunSetting {
  /** Of the configuration file. */
  readonly folder: string
  /** Absolute: `.simplyload/files`. */
  readonly results: string
  readonly calendars: ReadonlyMap<string, NamedCalendar>
  /** All that are configured; undefined: those of the files. */
  readonly tables?: readonly TableId[]
  readonly configChecksum: string
  readonly toolVersion: string
}

export interface CheckRunRequest {
  readonly files: readonly FoundFile[]
  readonly onBadRows: OnBadRows
  readonly badRowsFormat?: BadRowsFormat | undefined
  readonly checksum: boolean
  readonly memoryBytes: number | undefined
  readonly command: string
}

export async function runChecks(
  request: CheckRunRequest,
  setting: CheckRunSetting,
  listener: FileProgressListener,
  signal: AbortSignal,
): Promise<CheckRun> {
  const startedMs = Date.now()
  const run = runName(startedMs, randomUUID().slice(0, 6))
  const scratch = join(setting.results, 'work', run)
  const memory = new MemoryWatch()
  try {
    await mkdir(scratch, { recursive: true })
    await using database = await openDatabase(request, setting, scratch)
    for (const set of setsOf(request.files)) {
      using session = await database.session(signal)
      await inspectRules(set, session, (file) => resolve(setting.folder, file))
    }
    const list = request.files.map((file) => ({ ...listed(file), bytesTotal: file.bytes * readings(file.set) }))
    listener({ event: 'files', atMs: Date.now(), files: list })
    const earlier = await earlierFiles(setting.results, signal)
    const running = { database, scratch, listener, earlier }
    const files = await checkFiles(request, setting, { ...running, run }, signal)
    const sets = await checkSets(request, setting, running, files, signal)
    const result: CheckRun = {
      version: RESULT_VERSION,
      run,
      command: request.command,
      startedMs,
      endedMs: Date.now(),
      user: userInfo().username,
      host: hostname(),
      toolVersion: setting.toolVersion,
      configChecksum: setting.configChecksum,
      calendar: [...setting.calendars.values()].map(({ calendar }) => calendar.description),
      verdict: worstVerdict([...files.map(({ verdict }) => verdict), ...sets.map(({ checks }) => verdictOf(checks))]),
      files,
      sets,
      loads: [],
      peakRssMiB: memory.peakMiB(),
    }
    await writeResult(setting.results, result)
    return result
  } catch (error) {
    throw resourceError(error, setting.results)
  } finally {
    memory[Symbol.dispose]()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What would be read, pass by pass. Rules are tried as before a check. */
export async function planChecks(
  request: CheckRunRequest,
  setting: CheckRunSetting,
  signal: AbortSignal,
): Promise<readonly FilePlan[]> {
  const scratch = join(setting.results, 'work', `plan-${randomUUID()}`)
  await mkdir(scratch, { recursive: true })
  try {
    await using database = await openDatabase(request, setting, scratch)
    const plans: FilePlan[] = []
    for (const set of setsOf(request.files)) {
      using session = await database.session(signal)
      await inspectRules(set, session, (file) => resolve(setting.folder, file))
      const files = request.files.filter((file) => file.set === set)
      for (const file of files) {
        const passes = await FilePasses.open(file, { database, folder: scratch, onBytes: () => undefined }, signal)
        plans.push({
          ...listed(file),
          passes: planPasses(passes, files.length, (name) => resolve(setting.folder, name)),
        })
      }
    }
    return plans
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

interface RunningCheck {
  readonly database: CheckDatabase
  readonly scratch: string
  readonly listener: FileProgressListener
  /** Of earlier runs, the newest first. */
  readonly earlier: readonly FileResult[]
}

async function checkFiles(
  { files, onBadRows, badRowsFormat, checksum }: CheckRunRequest,
  { folder, results, calendars, tables }: CheckRunSetting,
  { database, scratch, run, listener, earlier }: RunningCheck & { readonly run: string },
  signal: AbortSignal,
): Promise<readonly FileResult[]> {
  const everyDay = await openCalendar({ weekend: [], expect: 'every_day' })
  const expected = await readExpectedDays(folder, tables ?? files.map(({ set }) => set.table))
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const judged: Promise<FileResult>[] = []
  const lanes = new Lanes(Math.min(LANES, availableParallelism()))
  for (const [index, file] of files.entries()) {
    const named = file.set.calendar === undefined ? undefined : calendars.get(file.set.calendar)
    const name = qualifiedTableName(file.set.table)
    let bytes = 0
    let activity = ''
    const bytesTotal = file.bytes * readings(file.set)
    const tell = () =>
      listener({
        event: 'file',
        atMs: Date.now(),
        file: file.name,
        activity,
        bytes: Math.min(bytes, bytesTotal),
        bytesTotal,
      })
    const work = lanes.run(async () => {
      either.throwIfAborted()
      return await checkFile(
        file,
        {
          database,
          onBadRows,
          badRowsFormat: badRowsFormat ?? file.set.badRowsFormat ?? 'tsv',
          checksum,
          pipeFolder: scratch,
          badFolder: join(results, 'bad', run),
          folder,
          calendar: named?.calendar,
          everyDay,
          fiscal: named?.fiscal,
          // Files before it in this run are the newest that is known.
          history: async () => {
            const before = await Promise.all(judged.slice(0, index))
            return dayHistory(name, file.name, [...before.toReversed(), ...earlier])
          },
          expected: expectedDaysOf(file.set.table, expected),
          resolve: (path) => (isAbsolute(path) ? path : resolve(folder, path)),
          onActivity: (next) => {
            activity = next
            tell()
          },
          onBytes: (more) => {
            bytes += more
            tell()
          },
        },
        either,
      )
    })
    const told = work.then((result) => {
      listener({ event: 'checked', atMs: Date.now(), result })
      return result
    })
    // One that fails ends the others; whoever waits for all of them hears of the first.
    told.catch((error: unknown) => stop.abort(error))
    judged.push(told)
  }
  try {
    return await Promise.all(judged)
  } finally {
    await Promise.allSettled(judged)
  }
}

async function checkSets(
  { files }: CheckRunRequest,
  { calendars }: CheckRunSetting,
  { database, scratch, listener, earlier }: RunningCheck,
  results: readonly FileResult[],
  signal: AbortSignal,
): Promise<CheckRun['sets']> {
  const sets: CheckRun['sets'][number][] = []
  for (const set of setsOf(files)) {
    const own = files.filter((file) => file.set === set)
    const name = qualifiedTableName(set.table)
    const periods = own.flatMap(({ period }) => period ?? [])
    const calendar = set.calendar === undefined ? undefined : calendars.get(set.calendar)?.calendar
    const known = periodsOf(name, earlier)
    const missing = missingPeriods(periods, known, calendar)
    const checks: CheckResult[] = []
    const gaps = own.length + known.length > 1 ? periodsCheck(periods, missing) : undefined
    if (gaps !== undefined) checks.push(gaps)
    const readable = own.flatMap((file) => {
      const result = results.find((each) => each.file === file.name)
      return result !== undefined && result.coverage.parsed > 0 ? [{ file, sound: soundColumnsOf(result) }] : []
    })
    for (const rule of readable.length > 1 ? acrossRules(set) : []) {
      const opened: ReadableFile[] = []
      try {
        for (const { file, sound } of readable) {
          let bytes = 0
          const activity = 'comparing keys of all files'
          const onBytes = (more: number): void => {
            bytes += more
            listener({ event: 'file', atMs: Date.now(), file: file.name, activity, bytes, bytesTotal: file.bytes })
          }
          opened.push({ passes: await FilePasses.open(file, { database, folder: scratch, onBytes }, signal), sound })
        }
        using session = await database.session(signal)
        checks.push(await checkAcross(rule, opened, session, signal))
      } catch (error) {
        // It could be read a moment ago.
        if (!readable.some(({ file }) => isUnreadableFile(file, error))) throw error
        checks.push(unaskedAcross(rule, describeError(error)))
      }
    }
    sets.push({ set: name, checks, missingPeriods: missing })
  }
  return sets
}

async function openDatabase(
  { files, memoryBytes }: CheckRunRequest,
  { folder }: CheckRunSetting,
  scratch: string,
): Promise<CheckDatabase> {
  const referred = referredFiles(setsOf(files), (file) => resolve(folder, file))
  return await CheckDatabase.open({
    memoryBytes: memoryBytes ?? Math.min(MEMORY_BYTES, totalmem() / 2),
    threads: availableParallelism(),
    folder: scratch,
    paths: [...files.map(({ path }) => path), ...referred],
  })
}

/** For which there was a file that could be read to its end. */
function periodsOf(set: string, earlier: readonly FileResult[]): readonly FilePeriod[] {
  const names = earlier.flatMap((file) => (file.set === set && file.coverage.complete ? (file.period ?? []) : []))
  return [...new Set(names)].map(periodOfName).filter((period) => typeof period !== 'string')
}

/** How often a file is read whole: once, and once more for each question that compares rows. */
function readings(set: FileSet): number {
  const apart = ['unique', 'references', 'query']
  return 1 + [...keyRules(set), ...set.rules].filter(({ question }) => apart.includes(question.kind)).length
}

function setsOf(files: readonly FoundFile[]): readonly FileSet[] {
  return [...new Set(files.map(({ set }) => set))]
}

export function listed({ name, set, period, bytes }: FoundFile): ListedFile {
  return { file: name, set: qualifiedTableName(set.table), period: period?.name, bytes }
}

/** So many at a time, in the order in which they came. */
class Lanes {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(lanes: number) {
    this.#free = lanes
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

/** The largest resident set so far, native memory included. */
class MemoryWatch implements Disposable {
  #peak = process.memoryUsage.rss()
  readonly #timer = setInterval(() => {
    this.#peak = Math.max(this.#peak, process.memoryUsage.rss())
  }, 250)

  peakMiB(): number {
    return Math.round(Math.max(this.#peak, process.memoryUsage.rss()) / 2 ** 20)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
