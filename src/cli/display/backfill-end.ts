import type { ProgressEvent } from '../../core/progress.ts'
import { counted } from '../../core/quantity.ts'

/** How a backfill ended, in a line. */
export function backfillEnd(event: Extract<ProgressEvent, { event: 'backfill' }>): string {
  if (event.outcome === 'refused') return `backfill given up: ${event.reason ?? 'see status'}`
  const deleted = event.deleted === undefined || event.deleted === 0 ? '' : `, ${counted(event.deleted, 'row')} deleted`
  return `backfill done, ${counted(event.rows, 'row')} read again${deleted}`
}
