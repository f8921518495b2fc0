/** Files that are written for a test and checked as `files check` does it: real files, real DuckDB. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { CheckResult, CheckRun, FileResult } from '../../src/core/file-check.ts'
import type { FilePeriod, FileSet, FoundFile } from '../../src/core/file-set.ts'
import { compressionOf, identifyFile } from '../../src/file-sets/file-fingerprint.ts'
import { monthEnd, monthStart } from '../../src/quality/calendar/civil-date.ts'
import { type CalendarRequest, openCalendar } from '../../src/quality/calendar/open-calendar.ts'
import { type CheckRunRequest, runChecks } from '../../src/quality/checks/check-run.ts'
import { fileColumns, fileSet } from './file-set.ts'

/** A set of `id`, `day`, `amount` and `note` as TSV. */
export function salesSet(more: Partial<FileSet> = {}): FileSet {
  const columns = fileColumns({ id: 'bigint', day: 'date', amount: 'decimal(12,2)', note: 'text' })
  return fileSet({ path: 'sales_{yyyy}-{mm}.tsv', columns, dateColumn: 'day', ...more })
}

export function month(year: number, number: number): FilePeriod {
  const name = `${year}-${String(number).padStart(2, '0')}`
  return { name, from: monthStart(year, number), through: monthEnd(year, number) }
}

export class CheckFolder implements AsyncDisposable {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  static async make(): Promise<CheckFolder> {
    return new CheckFolder(await mkdtemp(join(tmpdir(), 'simplyload-check-')))
  }

  async write(name: string, content: string | Uint8Array, set: FileSet, period?: FilePeriod): Promise<FoundFile> {
    const path = join(this.path, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
    return { ...(await identifyFile(path)), set, name, compression: await compressionOf(path), period }
  }

  async check(
    files: readonly FoundFile[],
    {
      calendar,
      signal = new AbortController().signal,
      onEvent = () => undefined,
      ...more
    }: Partial<CheckRunRequest> & {
      readonly calendar?: CalendarRequest
      readonly signal?: AbortSignal
      readonly onEvent?: Parameters<typeof runChecks>[2]
    } = {},
  ): Promise<CheckRun> {
    const opened = calendar === undefined ? undefined : await openCalendar(calendar)
    const calendars = new Map(opened === undefined ? [] : [['business', { calendar: opened, fiscal: undefined }]])
    const setting = {
      folder: this.path,
      results: resolve(this.path, '.simplyload/files'),
      calendars,
      configChecksum: 'sha256:0',
      toolVersion: '0.0.0',
    }
    const request = {
      files,
      onBadRows: 'fail',
      checksum: false,
      memoryBytes: 2 ** 30,
      command: 'files check',
      ...more,
    } as const
    return await runChecks(request, setting, onEvent, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}

/** Writes one file, checks it, and takes it away. */
export async function checkOne(
  content: string | Uint8Array,
  set: FileSet = salesSet(),
  {
    name = 'sales.tsv',
    period,
    ...more
  }: Parameters<CheckFolder['check']>[1] & { readonly name?: string; readonly period?: FilePeriod } = {},
): Promise<FileResult> {
  await using folder = await CheckFolder.make()
  const run = await folder.check([await folder.write(name, content, set, period)], more)
  return run.files[0] as FileResult
}

export function checkOf(result: { readonly checks: readonly CheckResult[] }, id: string): CheckResult | undefined {
  return result.checks.find((check) => check.id === id)
}

/** What is not well: `structure.ragged fail 1/934`, in the order of the checks; INFO left out. */
export function findings(result: { readonly checks: readonly CheckResult[] }): readonly string[] {
  return result.checks
    .filter(({ outcome, severity }) => outcome !== 'pass' && severity !== 'INFO')
    .map(({ id, outcome, failed, evaluated }) => `${id} ${outcome} ${failed}/${evaluated}`)
}
