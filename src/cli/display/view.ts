import type { TableState } from '../../core/state.ts'
import type { Palette } from '../palette.ts'
import { fitted, printable } from '../terminal-text.ts'

/** What a rendering depends on beside the model. */
export interface View {
  /** Columns and lines of the terminal. */
  readonly width: number
  readonly height: number
  readonly nowMs: number
  readonly colors: Palette
  /** `shop: db.example.com:5432/shop → warehouse.duckdb`. */
  readonly route: string
  /** All tables in their order, from this one on; undefined: those that matter now. */
  readonly scroll: number | undefined
}

/** At most `width` columns, without trailing space: so a terminal that is made narrower wraps nothing needlessly. */
export function fitPlain(text: string, width: number): string {
  return fitted(printable(text), Math.max(0, width), 'left').trimEnd()
}

export const STATE_WORDS: Readonly<Record<TableState, string>> = {
  pending: 'pending',
  snapshotting: 'copying',
  catching_up: 'catching up',
  live: 'live',
  paused: 'paused',
  failed: 'failed',
  needs_resync: 'needs resync',
}
