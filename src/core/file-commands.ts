/**
 * What is asked of files: by the command line, by jobs, by library users. Reached by `Application.files()`. Nothing here changes
 * a file; what is loaded goes the way of every other source.
 */
import type { CheckRun, FileResult, LoadResult, Verdict } from './file-check.ts'

/** What becomes of rows that cannot be read: of a value without its type, of a row with too few columns. */
export const ON_BAD_ROWS = ['fail', 'quarantine'] as const
export type OnBadRows = (typeof ON_BAD_ROWS)[number]

/** What rows that cannot be read are kept as. */
export const BAD_ROWS_FORMATS = ['tsv', 'parquet'] as const
export type BadRowsFormat = (typeof BAD_ROWS_FORMATS)[number]

export interface FileCheckRequest {
  /** Files, folders, patterns, or names of sets (`monthly.files.sales`, `sales`); empty: every file of every set. */
  readonly paths: readonly string[]
  /**
   * - `fail`: more of them than the set allows fail the file.
   * - `quarantine`: they are kept in a file of their own, and the rest counts.
   */
  readonly onBadRows: OnBadRows
  /** Undefined: as the set says. */
  readonly badRowsFormat?: BadRowsFormat | undefined
  /** The checksum of each file is taken, for the audit. */
  readonly checksum: boolean
  /** Of the whole process. Undefined: 4 GiB, or half of the machine's where it has less than 8. */
  readonly memoryBytes: number | undefined
  /** As it was called, for the audit: `files check data/*.tsv`. */
  readonly command: string
}

/** Times in milliseconds since 1970. */
export type FileProgressEvent =
  | { readonly event: 'files'; readonly atMs: number; readonly files: readonly ListedFile[] }
  | FileProgress
  | { readonly event: 'checked'; readonly atMs: number; readonly result: FileResult }
  | { readonly event: 'loaded'; readonly atMs: number; readonly result: LoadResult }
  | { readonly event: 'notice'; readonly atMs: number; readonly message: string }

/** Of one file; bytes are those of the file as it lies there, of all passes so far. */
export interface FileProgress {
  readonly event: 'file'
  readonly atMs: number
  readonly file: string
  /** `reading`, `looking for duplicates of id`, `loading`. */
  readonly activity: string
  readonly bytes: number
  readonly bytesTotal: number
}

export interface ListedFile {
  readonly file: string
  /** `source.namespace.name`. */
  readonly set: string
  readonly period: string | undefined
  readonly bytes: number
  /** Of all readings that its questions may need. Absent: it is read once. */
  readonly bytesTotal?: number
}

export type FileProgressListener = (event: FileProgressEvent) => void

/** One reading of a file. */
export interface CheckPass {
  /** `scan`, `count`, `unique id`. */
  readonly name: string
  /** What is done in it, in one sentence. */
  readonly what: string
  /** Ids of the checks that it answers. */
  readonly asks: readonly string[]
  /** Of the file as it lies there. */
  readonly bytes: number
  /** Undefined: it is none. */
  readonly sql: string | undefined
  /** `at the same time`, `where something fails`; undefined: always, one after the other. */
  readonly when: string | undefined
}

export interface FilePlan extends ListedFile {
  readonly passes: readonly CheckPass[]
}

export interface ResultMark {
  readonly run: string
  readonly startedMs: number
  readonly command: string
  readonly verdict: Verdict
  readonly files: number
}

/** What a file belongs to, and what could be written into the configuration where that is nothing. */
export interface FileSuggestion {
  readonly file: string
  /** `source.namespace.name`; one where everything is well. */
  readonly sets: readonly string[]
  /** An entry of `tables`, as YAML with its reasons as comments; undefined: a set takes the file. */
  readonly yaml: string | undefined
  /** Name of the table that is proposed for a file before it, and would take this one too. */
  readonly alike?: string
  /** Why none can be proposed, where several files are looked at: it is no text, or empty. */
  readonly problem?: string
  readonly reasons: readonly string[]
}

export interface FileCommands {
  /** Opens the calendars and tries the rules; no file of a set is read. Throws `config_invalid` with all that is wrong. */
  validate(signal: AbortSignal): Promise<void>
  /** Reads the files and judges them. Throws `not_found` and `source_file` for files that nothing or too much matches. */
  check(request: FileCheckRequest, listener: FileProgressListener, signal: AbortSignal): Promise<CheckRun>
  /** What `check` would read, without reading it. */
  plan(request: FileCheckRequest, signal: AbortSignal): Promise<readonly FilePlan[]>
  /** Of files, folders and patterns: which sets take each file, and an entry for one that none takes. Reads a MiB of each. */
  suggest(paths: readonly string[], signal: AbortSignal): Promise<readonly FileSuggestion[]>
  /** The newest first. */
  results(signal: AbortSignal): Promise<readonly ResultMark[]>
  /** `run`: its name, or `latest`. Throws `not_found`. */
  result(run: string, signal: AbortSignal): Promise<CheckRun>
}
