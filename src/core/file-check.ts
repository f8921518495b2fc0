/**
 * What is asked of files and what came out: rules, and the result of a check. The result is JSON, has a version, and is all
 * that reports are made of. Days are `yyyy-mm-dd`, times milliseconds since 1970.
 */

export const SEVERITIES = ['CRITICAL', 'WARNING', 'INFO'] as const
export type Severity = (typeof SEVERITIES)[number]

/** How many rows may fail before a rule does. Both absent: none. With both, the smaller one counts. */
export interface RowLimit {
  readonly rows?: number | undefined
  /** Of the rows that were evaluated, 0 to 1. */
  readonly share?: number | undefined
}

/** What a rule asks. Columns by name; SQL in the dialect of DuckDB, with columns by name and the rows of the file as `file`. */
export type RuleQuestion =
  | { readonly kind: 'not_null'; readonly columns: readonly string[] }
  /** Numbers or dates, both ends included, as written in the file. */
  | {
      readonly kind: 'range'
      readonly column: string
      readonly min?: string | undefined
      readonly max?: string | undefined
    }
  /** RE2, the whole value. */
  | { readonly kind: 'pattern'; readonly column: string; readonly pattern: string }
  | {
      readonly kind: 'length'
      readonly column: string
      readonly min?: number | undefined
      readonly max?: number | undefined
    }
  | { readonly kind: 'values'; readonly column: string; readonly values: readonly string[] }
  /** Values of a column of another file. */
  | { readonly kind: 'references'; readonly column: string; readonly file: string; readonly fileColumn: string }
  | { readonly kind: 'unique'; readonly columns: readonly string[]; readonly across: 'file' | 'set' }
  /** True for good rows. NULL is neither good nor bad. */
  | { readonly kind: 'condition'; readonly sql: string }
  /** Returns bad rows, or one row per bad thing. */
  | { readonly kind: 'query'; readonly sql: string }

export interface CheckRule {
  /** Unique within the set. */
  readonly name: string
  readonly question: RuleQuestion
  readonly severity: Severity
  readonly limit: RowLimit
  /** What it means for the business when it fails, for reports. */
  readonly why?: string | undefined
  readonly fix?: string | undefined
}

/** `not_evaluated` is never a pass: it says what was missing. */
export type CheckOutcome = 'pass' | 'fail' | 'not_evaluated'

/**
 * - `structure`: the file against the configuration: columns, dialect, encoding, ragged rows, what could not be parsed.
 * - `rule`: a rule of the configuration.
 * - `completeness`, `anomaly`: days.
 * - `volume`: rows against the configured range and against earlier files.
 * - `coverage`: records counted independently against records read.
 */
export type CheckKind = 'structure' | 'rule' | 'completeness' | 'anomaly' | 'volume' | 'coverage'

export interface BadRowSample {
  /** From 1, of the record's first line in the unpacked file; undefined where it is not known. */
  readonly line: number | undefined
  /** Of the record's first byte in the unpacked file. */
  readonly byteOffset: number | undefined
  /** By column, as text, NULL kept; sensitive ones as `***`. Cut at 500 characters. */
  readonly values: Readonly<Record<string, string | null>>
  readonly reason: string
  /** By the date column; absent where the row has none that can be read. */
  readonly day?: string | undefined
}

/** One thing that was asked. */
export interface CheckResult {
  /** Stable within a file: `structure.columns`, `rule.amount_positive`. */
  readonly id: string
  readonly kind: CheckKind
  readonly title: string
  readonly severity: Severity
  readonly outcome: CheckOutcome
  /** What was found, in one sentence with figures. */
  readonly message: string
  /** Rows, or days, that the question was asked of. 0 is `not_evaluated`. */
  readonly evaluated: number
  readonly failed: number
  readonly limit: RowLimit
  /** The SQL behind it, as it ran; undefined where there is none. */
  readonly sql: string | undefined
  readonly why: string | undefined
  readonly fix: string | undefined
  readonly samples: readonly BadRowSample[]
  /** Days that it is about. */
  readonly days: readonly string[]
  /** Files that it is about, where it was asked of several. */
  readonly files?: readonly string[] | undefined
}

export interface DayResult {
  readonly day: string
  readonly rows: number
  /** By name of the column. Exact decimal text. */
  readonly sums: Readonly<Record<string, string>>
  /** What the calendar says: `weekday`, `Saturday`, `Good Friday`. */
  readonly name: string
  readonly expected: boolean
  readonly status: 'ok' | 'missing' | 'partial' | 'unexpected' | 'duplicate' | 'anomaly' | 'learning' | 'closed'
  /** What was expected of the rows, where anything was. */
  readonly band?: { readonly expected: number; readonly lower: number; readonly upper: number } | undefined
  /** Ids of the checks that failed with rows of this day, with how many. */
  readonly failed: Readonly<Record<string, number>>
  /** Why a person has called it expected. */
  readonly marked?: string | undefined
}

/** Records in the file = parsed + rejected, or the check of coverage fails. */
export interface Coverage {
  readonly bytes: number
  /** After decompression; undefined for Parquet. */
  readonly unpackedBytes: number | undefined
  /** Counted by another reader than the one that parsed. */
  readonly records: number
  readonly parsed: number
  readonly rejected: number
  /** The end of the file was reached, and it did not change meanwhile. */
  readonly complete: boolean
}

export type Verdict = 'pass' | 'warning' | 'fail'

export interface FileResult {
  /** `source.namespace.name` of the set. */
  readonly set: string
  /** Relative to the configuration. */
  readonly file: string
  readonly bytes: number
  readonly modifiedMs: number
  /** `sha256:` and hex, over the file as it lies there; undefined where it was not asked for. */
  readonly checksum: string | undefined
  readonly period: string | undefined
  /** `fail`: a CRITICAL check failed or was not evaluated. `warning`: a WARNING one. */
  readonly verdict: Verdict
  /** Three sentences at most, the worst first. */
  readonly reasons: readonly string[]
  readonly coverage: Coverage
  readonly checks: readonly CheckResult[]
  readonly days: readonly DayResult[]
  /** Rows kept apart, exact; undefined: none were asked for. */
  readonly badRows: { readonly rows: number; readonly path: string } | undefined
  readonly durationMs: number
}

/** What became of a file after its check. */
export interface LoadResult {
  readonly file: string
  readonly outcome: 'loaded' | 'already_loaded' | 'refused' | 'failed'
  readonly rows: number
  readonly position: string | undefined
  readonly message: string | undefined
}

/** Rows of a period that were removed from the destination. */
export interface PeriodDeletion {
  /** `source.namespace.name` of the set. */
  readonly set: string
  /** `2024-03`. */
  readonly period: string
  readonly rows: number
  readonly outcome: 'deleted' | 'failed'
  readonly message: string | undefined
}

/** 2: statements stand once in the file. */
export const RESULT_VERSION = 2

/** One run of `files check`, `files load` or `files delete`: the one thing that reports are made of. */
export interface CheckRun {
  readonly version: typeof RESULT_VERSION
  readonly run: string
  readonly command: string
  readonly startedMs: number
  readonly endedMs: number
  /** For the audit: who, where, with what. */
  readonly user: string
  readonly host: string
  readonly toolVersion: string
  /** `sha256:` and hex over the configuration file. */
  readonly configChecksum: string
  readonly calendar: readonly string[]
  readonly verdict: Verdict
  readonly files: readonly FileResult[]
  /** Checks over all files of a set: duplicates across files, months that are missing. */
  readonly sets: readonly {
    readonly set: string
    readonly checks: readonly CheckResult[]
    readonly missingPeriods: readonly string[]
  }[]
  readonly loads: readonly LoadResult[]
  /** Of `files delete`. */
  readonly deletions?: readonly PeriodDeletion[] | undefined
  readonly peakRssMiB: number
}
