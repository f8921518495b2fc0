import { describeError, type ErrorCode, isPipelineError } from './errors.ts'

/** One line of `doctor`. */
export interface Finding {
  /** What was examined: `wal_level`, `replication privilege`, `public.orders: select`. */
  readonly subject: string
  /** `note`: works, but worth knowing. */
  readonly level: 'ok' | 'note' | 'warning' | 'error'
  readonly message: string
  /** SQL or command that mends it, verbatim. */
  readonly fix?: string
  /** Of an error: what a sync would end with. Absent: an error of whatever was examined. */
  readonly code?: ErrorCode
}

/** What has failed while it was examined. `reason`: in place of the whole chain of causes. */
export function failedFinding(subject: string, error: unknown, reason: unknown = error): Finding {
  const { code, hint } = isPipelineError(error) ? error : { code: undefined, hint: undefined }
  return {
    subject,
    level: 'error',
    message: describeError(reason),
    ...(hint === undefined ? {} : { fix: hint }),
    ...(code === undefined ? {} : { code }),
  }
}
