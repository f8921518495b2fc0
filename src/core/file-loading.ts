/** What is asked of loading files and of what was loaded: by the command line, by jobs, by library users. */
import type { CheckRun } from './file-check.ts'
import type { FileCheckRequest, FileProgressListener } from './file-commands.ts'
import type { ProgressListener } from './progress.ts'

export interface FileLoadRequest extends FileCheckRequest {
  /** Files that were loaded before come again: they replace their period, or are merged by their key. */
  readonly again: boolean
}

/** Who is told of a load: of its check, then of its rows on their way. */
export interface FileLoadListener {
  readonly check: FileProgressListener
  /** Files that passed, on their way into the table: `files`, then how far each is, then `loaded`. */
  readonly load?: FileProgressListener | undefined
  readonly sync: ProgressListener
}

/** Narrows to sets, by `source.namespace.name`, `namespace.name` or `name`; empty: all. */
export interface SetSelection {
  readonly source?: string | undefined
  readonly tables: readonly string[]
}

export interface PeriodSelection extends SetSelection {
  /** `2024`, `2024-Q1`, `2024-03`, `2024-03-05`. */
  readonly period: string
}

/** Rows of one table that a deletion would take. */
export interface PeriodRows {
  /** `source.namespace.name` of the set. */
  readonly set: string
  /** `namespace.name` on the destination. */
  readonly target: string
  readonly period: string
  /** `yyyy-mm-dd`, both included. */
  readonly firstDay: string
  readonly lastDay: string
  readonly rows: number
}

/**
 * - `new`: not loaded. `current`: loaded in part, it goes on. `loaded`. `changed`: another one now than was loaded.
 * - `removed`: its period was deleted. `gone`: loaded, and not there any more.
 */
export type FileState = 'new' | 'current' | 'loaded' | 'changed' | 'removed' | 'gone'

export interface FileStatus {
  readonly file: string
  readonly period: string | undefined
  readonly state: FileState
  /** Loaded so far. */
  readonly rows: number
  readonly quarantined: number
  /** 0 to 1. */
  readonly share: number
  /** When it was loaded; milliseconds since 1970. */
  readonly loadedMs: number | undefined
  /** Why it was not loaded the last time that it was asked for, or how it changed. */
  readonly problem: string | undefined
}

export interface SetStatus {
  readonly set: string
  readonly target: string
  readonly write: string
  /** By period and name. */
  readonly files: readonly FileStatus[]
  /** Names of periods all of whose files are loaded, of one that is in progress, and of those that failed last. */
  readonly completed: readonly string[]
  readonly current: string | undefined
  readonly failed: readonly string[]
  /** Why nothing gets into the table, with what to do; undefined: it does. */
  readonly problem: string | undefined
}

export interface FileLoading {
  /** Checks the files and loads what passes. The result says of each what became of it. */
  load(request: FileLoadRequest, listener: FileLoadListener, signal: AbortSignal): Promise<CheckRun>
  /** Changes nothing. Throws `not_found` for a set that there is not, `config_invalid` for one without a date column. */
  countPeriod(selection: PeriodSelection, signal: AbortSignal): Promise<readonly PeriodRows[]>
  /** In one transaction for each source, kept as a result for the audit. */
  deletePeriod(
    selection: PeriodSelection,
    command: string,
    listener: ProgressListener,
    signal: AbortSignal,
  ): Promise<CheckRun>
  status(selection: SetSelection, signal: AbortSignal): Promise<readonly SetStatus[]>
}
