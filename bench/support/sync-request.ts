/** What the harness and the process that runs the product say to each other. */
import type { WriteMode } from '../../src/core/destination.ts'
import type { ProgressEvent, SyncSummary } from '../../src/core/progress.ts'
import type { ReadingMode } from '../../src/core/source.ts'

export interface SyncRequest {
  readonly url: string
  /** `namespace.name`. */
  readonly tables: readonly string[]
  /** Of all tables. Default: `merge`. */
  readonly write?: WriteMode
  /** Default: what the product chooses. */
  readonly mode?: ReadingMode
  /** Between two polls, as in the configuration. Default: `interval`. */
  readonly pollInterval?: string
  /** Stage, state and destination live here, so that a copy of it goes on where it stood. */
  readonly folder: string
  /** `discard`: takes everything, keeps nothing. */
  readonly destination: 'discard' | 'duckdb'
  /** As in the configuration, in place of the DuckDB file. */
  readonly configured?: Readonly<Record<string, unknown>>
  readonly once: boolean
  /** Connections that read the snapshot. */
  readonly connections: number
  readonly interval: string
  readonly memory: string
  /** Statements on the destination and the operational state are counted. */
  readonly counted: boolean
}

export type SyncMessage =
  /** Everything is loaded and waits for `go`: starting Node is not part of any figure. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly event: ProgressEvent; readonly rssPeakMiB: number }
  /** The destination let go of its file: what was committed before is visible to every other process. */
  | { readonly kind: 'visible'; readonly loadedMs: number; readonly atMs: number }
  /** The answer to `count`. */
  | { readonly kind: 'counts'; readonly statements: readonly CountedStatement[] }
  /** The answer to `poll`. */
  | { readonly kind: 'polled'; readonly poll: PollResult }
  | { readonly kind: 'done'; readonly result: SyncResult }

export interface SyncOrder {
  readonly kind: 'go' | 'stop' | 'count' | 'poll'
}

/** One poll, from when it was asked for until its rows lay in recorded stage files. */
export interface PollResult {
  readonly seconds: number
  readonly changes: number
}

/** Seconds since `go`. */
export interface SyncResult {
  readonly summary: SyncSummary
  readonly error: string | undefined
  /** All rows of the snapshot lie in recorded stage files. */
  readonly snapshotStagedSeconds: number | undefined
  /** The last changes were recorded. */
  readonly changesStagedSeconds: number | undefined
  /** The last merge was committed. */
  readonly mergedSeconds: number | undefined
  /** The run was over and everything was closed. */
  readonly seconds: number
  readonly cpuSeconds: number
  readonly rssPeakMiB: number
}

/** Since the process began. */
export interface CountedStatement {
  readonly where: 'duckdb' | 'sqlite'
  readonly sql: string
  readonly count: number
}
