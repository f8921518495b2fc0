/** What is made of the results of file checks: reports, how they are sent, and what differs between two runs. */
import type { CheckKind, CheckOutcome, Severity, Verdict } from './file-check.ts'

export type ReportAttachment = 'html' | 'pdf'

export interface SmtpServer {
  readonly host: string
  readonly port: number
  /** `implicit`: TLS from the first byte. `starttls`: TLS is demanded before anything is said. `none`: plain text. */
  readonly tls: 'implicit' | 'starttls' | 'none'
  readonly user: string | undefined
  readonly password: string | undefined
}

/** `reports:` of the configuration. */
export interface ReportSettings {
  /** Undefined: none are sent. */
  readonly email: EmailSettings | undefined
}

export interface EmailSettings {
  readonly smtp: SmtpServer
  readonly from: string
  readonly to: readonly string[]
  /** Beside the findings as CSV, which are always attached. */
  readonly attach: readonly ReportAttachment[]
}

export interface RunMark {
  readonly run: string
  readonly startedMs: number
  readonly verdict: Verdict
}

export interface FindingState {
  readonly outcome: CheckOutcome
  readonly evaluated: number
  readonly failed: number
  readonly message: string
}

/** A check that fails or was not evaluated in one of two runs, and is otherwise in the other. */
export interface FindingChange {
  /**
   * - `appeared`, `gone`: as a finding. - `changed`: a finding in both, with other figures.
   * - `not_asked`: asked in the older run alone, so that nothing is known of it now.
   */
  readonly change: 'appeared' | 'gone' | 'changed' | 'not_asked'
  readonly set: string
  /** Of the newer run where it is there; undefined for checks over all files of a set. */
  readonly file: string | undefined
  readonly id: string
  readonly kind: CheckKind
  readonly title: string
  readonly severity: Severity
  /** Undefined: the check was not made then. */
  readonly older: FindingState | undefined
  readonly newer: FindingState | undefined
}

export interface FileChange {
  /** `changed`: its bytes are others. `same`: by checksum where both have one, else by size and time. */
  readonly change: 'appeared' | 'gone' | 'changed' | 'same'
  readonly set: string
  readonly file: string
  /** The file of the older run that it is compared with, where its name is another: the month before. */
  readonly against: string | undefined
  readonly older: { readonly verdict: Verdict; readonly records: number; readonly bytes: number } | undefined
  readonly newer: { readonly verdict: Verdict; readonly records: number; readonly bytes: number } | undefined
}

/** Days that both runs have, or whose status is another. Files of the same name only. */
export interface DayChange {
  readonly set: string
  readonly day: string
  readonly older: { readonly status: string; readonly rows: number } | undefined
  readonly newer: { readonly status: string; readonly rows: number } | undefined
}

export interface RunComparison {
  readonly older: RunMark
  readonly newer: RunMark
  /** Worst first. */
  readonly findings: readonly FindingChange[]
  readonly files: readonly FileChange[]
  readonly days: readonly DayChange[]
  /** The two runs were made with configurations that differ. */
  readonly configChanged: boolean
}

export interface ReportRequest {
  /** Name of the run, or `latest`. */
  readonly run: string
  /** Paths to write to; relative to the working directory. */
  readonly html: string | undefined
  readonly pdf: string | undefined
  readonly email: boolean
}

export interface SendOutcome {
  readonly run: string
  readonly sent: boolean
  /** Why it was not sent. It is kept beside the results, and sent with the next one. */
  readonly problem: string | undefined
}

export interface ReportOutcome {
  readonly run: string
  readonly verdict: Verdict
  readonly headline: string
  readonly sentences: readonly string[]
  /** Absolute paths of what was written, with their size. */
  readonly written: readonly { readonly path: string; readonly bytes: number }[]
  /** Of this report, and of those that were waiting. */
  readonly sends: readonly SendOutcome[]
}

/** Reached by `Application.fileReports()`. Throws `not_found` for runs that there are not. */
export interface FileReports {
  /** A report that cannot be sent is in the outcome; one that cannot be written throws. */
  report(request: ReportRequest, signal: AbortSignal): Promise<ReportOutcome>
  /** Sends what waits, the oldest first. Empty: nothing waits. */
  sendPending(signal: AbortSignal): Promise<readonly SendOutcome[]>
  /** `html`: path of a report of the newer run with this comparison in it. */
  compare(older: string, newer: string, html: string | undefined, signal: AbortSignal): Promise<RunComparison>
}
