/**
 * Reports that are to be sent, as small files beside the results: `<run>.mail.json`. A file is written before the first
 * attempt and removed after the last, so that neither a server that is down nor a killed process loses a report. One that was
 * sent when the process died is sent again, with the same message id.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CheckRun } from '../core/file-check.ts'
import type { EmailSettings, SendOutcome } from '../core/file-report.ts'
import type { ReportContext } from './report-data.ts'

const ENDING = '.mail.json'

export interface PendingReport {
  readonly run: string
  readonly queuedMs: number
  readonly attempts: number
  /** Of the last attempt. */
  readonly problem: string | undefined
}

/** Undefined: the result is gone, and with it what was to be sent. */
export type ReadReport = (
  run: string,
) => Promise<{ readonly run: CheckRun; readonly context: ReportContext } | undefined>

/** `folder`: where results are kept. A report that cannot be sent stays pending. */
export async function sendReport(
  run: CheckRun,
  context: ReportContext,
  settings: EmailSettings,
  folder: string,
): Promise<SendOutcome> {
  const before = (await pendingReports(folder)).find((pending) => pending.run === run.run)
  const pending = before ?? { run: run.run, queuedMs: Date.now(), attempts: 0, problem: undefined }
  await write(folder, pending)
  return attempt(run, context, settings, folder, pending)
}

/** Everything that is pending, oldest first; stops at the first that cannot be sent, since the server is the same. */
export async function sendPending(
  read: ReadReport,
  settings: EmailSettings,
  folder: string,
): Promise<readonly SendOutcome[]> {
  const outcomes: SendOutcome[] = []
  for (const pending of await pendingReports(folder)) {
    const report = await read(pending.run)
    if (report === undefined) {
      await rm(path(folder, pending.run), { force: true })
      outcomes.push({ run: pending.run, sent: false, problem: 'its result is gone' })
      continue
    }
    const outcome = await attempt(report.run, report.context, settings, folder, pending)
    outcomes.push(outcome)
    if (!outcome.sent) break
  }
  return outcomes
}

export async function pendingReports(folder: string): Promise<readonly PendingReport[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = names.filter((name) => name.endsWith(ENDING))
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.map((text) => JSON.parse(text) as PendingReport).sort((a, b) => a.queuedMs - b.queuedMs)
}

async function attempt(
  run: CheckRun,
  context: ReportContext,
  settings: EmailSettings,
  folder: string,
  pending: PendingReport,
): Promise<SendOutcome> {
  try {
    const [{ reportEmail }, { sendEmail }] = await Promise.all([import('./report-email.ts'), import('./smtp.ts')])
    await sendEmail(await reportEmail(run, context, settings.attach), settings)
  } catch (error) {
    const problem = told(error)
    await write(folder, { ...pending, attempts: pending.attempts + 1, problem })
    return { run: run.run, sent: false, problem }
  }
  await rm(path(folder, run.run), { force: true })
  return { run: run.run, sent: true, problem: undefined }
}

function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

async function write(folder: string, pending: PendingReport): Promise<void> {
  await mkdir(folder, { recursive: true })
  const target = path(folder, pending.run)
  await writeFile(`${target}.new`, `${JSON.stringify(pending)}\n`)
  await rename(`${target}.new`, target)
}

function path(folder: string, run: string): string {
  return join(folder, `${run}${ENDING}`)
}
