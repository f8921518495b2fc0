/**
 * What a person asks of a sync: written by a command, beside a running sync or while none runs, and taken up by the one
 * that runs or by the next.
 *
 * ```
 * asked ──accepted──▶ going on ──▶ done
 *   └──────────────────────────▶ refused, with the reason
 * ```
 * A request that was accepted and not finished when the run ends is taken up again by the next run.
 */
import type { TableId } from './table-schema.ts'

export type ControlAction =
  /** Changes are staged on, and not merged, until `resume`. */
  | { readonly kind: 'pause' }
  /** Also for a table that failed: it is tried again. */
  | { readonly kind: 'resume' }
  /** Read again whole into a new table, which takes the place of the old one when it is complete. */
  | { readonly kind: 'resync' }
  /** What is staged of it is merged now, whatever its freshness. */
  | { readonly kind: 'merge' }
  /** The configuration file has the table now. */
  | { readonly kind: 'add' }
  /** Read again, all or a range, into the table that is there. */
  | { readonly kind: 'backfill'; readonly range?: WrittenRange }
  /** Rows of which something is in quarantine are read again, into the table that is there. Keys as in `RowKeys`. */
  | { readonly kind: 'replay'; readonly keys: readonly string[] }

/** A range as a person writes it: texts that the column's type reads, both ends included. */
export interface WrittenRange {
  /** Absent: the first column of the key. */
  readonly column?: string
  readonly from?: string
  readonly to?: string
}

export interface ControlRequest {
  /** Unique; at most 100 characters. */
  readonly id: string
  readonly table: TableId
  readonly action: ControlAction
  /** Milliseconds since 1970. */
  readonly askedMs: number
}

export interface ControlAnswer {
  readonly outcome: 'accepted' | 'done' | 'refused'
  /** Why it was refused; else what a person should know. */
  readonly message?: string
  readonly atMs: number
}

export interface ControlRecord {
  readonly request: ControlRequest
  /** The latest one; absent while no sync has taken the request up. */
  readonly answer?: ControlAnswer
}

export function isOpen({ answer }: ControlRecord): boolean {
  return answer === undefined || answer.outcome === 'accepted'
}
