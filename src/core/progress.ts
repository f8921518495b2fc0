/** What a run tells while it goes: the live display, the JSON lines and library users hear the same events. */
import type { TableState } from './state.ts'

/** `table` is `namespace.name`. Times in milliseconds since 1970. */
export type ProgressEvent =
  | {
      readonly event: 'start'
      readonly run: string
      readonly source: string
      readonly tables: number
      readonly atMs: number
    }
  /** Where each table stands as the run begins; from then on `state` tells what moves. */
  | {
      readonly event: 'tables'
      readonly source: string
      readonly tables: readonly { readonly table: string; readonly state: TableState; readonly reason?: string }[]
      readonly atMs: number
    }
  | {
      readonly event: 'state'
      readonly source: string
      readonly table: string
      readonly state: TableState
      readonly reason?: string
      readonly atMs: number
    }
  | {
      readonly event: 'snapshot'
      readonly source: string
      readonly table: string
      readonly rows: number
      /** Bytes on the source's wire. */
      readonly bytes: number
      readonly chunksDone: number
      readonly chunks: number
      readonly estimatedRows: number
      readonly atMs: number
    }
  /** A table that goes on while all or some of its rows are read again. */
  | {
      readonly event: 'backfill'
      readonly source: string
      readonly table: string
      /** Read so far. */
      readonly rows: number
      /** Of them, those that are at the destination. */
      readonly merged: number
      readonly bytes: number
      readonly chunksDone: number
      readonly chunks: number
      readonly estimatedRows: number
      /** Absent while it goes on. */
      readonly outcome?: 'done' | 'refused'
      /** Rows that were not at the source any more. */
      readonly deleted?: number
      readonly reason?: string
      readonly atMs: number
    }
  | {
      readonly event: 'staged'
      readonly source: string
      readonly changes: number
      /** Those that have changes. */
      readonly tables: readonly string[]
      readonly files: number
      readonly bytes: number
      readonly position: string
      readonly lagBytes: number
      readonly atMs: number
    }
  | {
      readonly event: 'merged'
      readonly source: string
      readonly tables: readonly {
        readonly table: string
        readonly inserted: number
        readonly updated: number
        readonly deleted: number
        readonly quarantined: number
      }[]
      readonly position: string
      /** Newest commit at the source → visible at the destination. Absent where nothing was committed. */
      readonly latencyMs?: number
      readonly durationMs: number
      readonly waitedForLockMs: number
      readonly atMs: number
    }
  | {
      readonly event: 'schema'
      readonly source: string
      readonly table: string
      readonly changes: readonly string[]
      readonly atMs: number
    }
  | {
      readonly event: 'retry'
      readonly source: string
      readonly code: string
      readonly message: string
      readonly attempt: number
      readonly delayMs: number
      readonly atMs: number
    }
  | {
      readonly event: 'error'
      readonly source: string
      readonly table?: string
      readonly code: string
      readonly message: string
      readonly hint?: string
      readonly atMs: number
    }
  | { readonly event: 'notice'; readonly source: string; readonly message: string; readonly atMs: number }
  /** It was asked to stop, and finishes what is in hand. */
  | { readonly event: 'stopping'; readonly source: string; readonly atMs: number }

export type ProgressListener = (event: ProgressEvent) => void

export interface SyncSummary {
  readonly run: string
  readonly outcome: 'ok' | 'partial' | 'failed' | 'interrupted'
  readonly rowsSnapshot: number
  readonly changesStaged: number
  readonly changesMerged: number
  readonly quarantined: number
  readonly durationMs: number
  readonly tables: readonly {
    readonly source: string
    readonly table: string
    readonly state: TableState
    readonly error?: string
  }[]
}
