/** Reports of results that are kept: found, put beside earlier ones, written, sent. What makes them is loaded when used. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { CheckRun } from '../../core/file-check.ts'
import type {
  EmailSettings,
  FileReports,
  ReportOutcome,
  ReportRequest,
  ReportSettings,
  RunComparison,
  SendOutcome,
} from '../../core/file-report.ts'
import { listResults, readResult } from '../../quality/checks/result-store.ts'
import { compareRuns } from '../../reports/compare-runs.ts'
import { pendingReports } from '../../reports/outbox.ts'
import { type ReportContext, TREND_RUNS, type TrendPoint, trendPoint } from '../../reports/report-data.ts'
import { summarize } from '../../reports/summary.ts'
import { FILES_FOLDER } from './recorded-files.ts'

/** `folder`: where relative paths of the configuration start. */
export function fileReports(folder: string, settings: ReportSettings): FileReports {
  return new KeptReports(join(folder, FILES_FOLDER), settings)
}

class KeptReports implements FileReports {
  readonly #folder: string
  readonly #settings: ReportSettings

  constructor(folder: string, settings: ReportSettings) {
    this.#folder = folder
    this.#settings = settings
  }

  async report(request: ReportRequest, signal: AbortSignal): Promise<ReportOutcome> {
    if (request.email) this.#email()
    const run = await this.#read(request.run)
    const context = await this.#context(run, signal)
    const written = []
    if (request.html !== undefined) {
      const { htmlReport } = await import('../../reports/html-report.ts')
      written.push(await write(request.html, htmlReport(run, context)))
    }
    if (request.pdf !== undefined) {
      const { pdfReport } = await import('../../reports/pdf-report.ts')
      written.push(await write(request.pdf, await pdfReport(run, context)))
    }
    const sends = request.email ? await this.#send(run, context, signal) : []
    const { verdict, headline, sentences } = summarize(run, context.before)
    return { run: run.run, verdict, headline, sentences, written, sends }
  }

  async sendPending(signal: AbortSignal): Promise<readonly SendOutcome[]> {
    if ((await pendingReports(this.#folder)).length === 0) return []
    const { sendPending } = await import('../../reports/outbox.ts')
    return sendPending((run) => this.#pending(run, signal), this.#email(), this.#folder)
  }

  async compare(older: string, newer: string, html: string | undefined, signal: AbortSignal): Promise<RunComparison> {
    const [before, run] = [await this.#read(older), await this.#read(newer)]
    const comparison = compareRuns(before, run)
    if (html !== undefined) {
      const context = await this.#context(run, signal)
      const { htmlReport } = await import('../../reports/html-report.ts')
      await write(html, htmlReport(run, { ...context, before, comparison }))
    }
    return comparison
  }

  #email(): EmailSettings {
    const { email } = this.#settings
    if (email !== undefined) return email
    throw new PipelineError('config_invalid', 'Sending a report', {
      cause: new Error('the configuration does not say through which server, from whom and to whom'),
      hint: 'Set reports.smtp, reports.from and reports.to.',
    })
  }

  async #read(name: string): Promise<CheckRun> {
    if (name !== 'latest') return readResult(this.#folder, name)
    const [latest] = await listResults(this.#folder)
    if (latest !== undefined) return readResult(this.#folder, latest)
    throw new PipelineError('not_found', 'Reading the latest result', {
      cause: new Error(`there is none in ${this.#folder}`),
      hint: 'Check files first: simplyload files check',
    })
  }

  /** Earlier runs of the same sets. One at a time: of all but the last only a few numbers are kept. */
  async #context(run: CheckRun, signal: AbortSignal): Promise<ReportContext> {
    const sets = new Set([...run.files, ...(run.deletions ?? [])].map(({ set }) => set))
    const trend: TrendPoint[] = []
    let before: CheckRun | undefined
    for (const name of await listResults(this.#folder)) {
      signal.throwIfAborted()
      if (trend.length >= TREND_RUNS) break
      if (name === run.run) continue
      const other = await readable(this.#folder, name)
      if (other === undefined || other.startedMs > run.startedMs || !isAbout(other, sets)) continue
      // A run that only removed rows found nothing that counters could be held against.
      if (other.files.length > 0) before ??= other
      trend.unshift(trendPoint(other))
    }
    const comparison = before === undefined || run.files.length === 0 ? undefined : compareRuns(before, run)
    return { before, trend, comparison }
  }

  async #send(run: CheckRun, context: ReportContext, signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const { sendReport } = await import('../../reports/outbox.ts')
    const own = await sendReport(run, context, this.#email(), this.#folder)
    return own.sent ? [own, ...(await this.sendPending(signal))] : [own]
  }

  async #pending(name: string, signal: AbortSignal) {
    const run = await readable(this.#folder, name)
    return run && { run, context: await this.#context(run, signal) }
  }
}

function isAbout(run: CheckRun, sets: ReadonlySet<string>): boolean {
  return run.files.some(({ set }) => sets.has(set)) || (run.deletions ?? []).some(({ set }) => sets.has(set))
}

/** Undefined: it is gone, or cannot be read, and is then no part of any history. */
async function readable(folder: string, name: string): Promise<CheckRun | undefined> {
  try {
    return await readResult(folder, name)
  } catch (error) {
    if (error instanceof PipelineError && (error.code === 'not_found' || error.code.startsWith('state_')))
      return undefined
    throw error
  }
}

/** Whole or not there, so that nobody opens half a report. */
async function write(
  path: string,
  content: string | Buffer,
): Promise<{ readonly path: string; readonly bytes: number }> {
  const target = resolve(path)
  try {
    await mkdir(dirname(target), { recursive: true })
    await writeFile(`${target}.new`, content)
    await rename(`${target}.new`, target)
  } catch (cause) {
    throw new PipelineError('state_permission', `Writing ${path}`, {
      cause,
      hint: 'Name a path that can be written to, on a disk with room.',
    })
  }
  return { path: target, bytes: Buffer.byteLength(content) }
}
