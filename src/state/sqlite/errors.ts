import { PipelineError } from '../../core/errors.ts'

const BUSY = 5
const READ_ONLY = 8
const CORRUPT = 11
const FULL = 13
const CANNOT_OPEN = 14
const NOT_A_DATABASE = 26

/** `node:sqlite` gives SQLite's result code as `errcode`; its low byte is the primary one. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}

export function isBusy(error: unknown): boolean {
  return resultCode(error) === BUSY
}

/** What SQLite says → what the operator can do. Errors of ours pass through. */
export function stateError(error: unknown, action: string, path: string): PipelineError {
  if (error instanceof PipelineError) return error
  const context = { path }
  const unavailable = (hint: string) => new PipelineError('state_unavailable', action, { cause: error, hint, context })
  switch (resultCode(error)) {
    case READ_ONLY:
    case CANNOT_OPEN:
      return unavailable(`Make the folder of ${path} exist and writable for this user, or set state.path`)
    case CORRUPT:
    case NOT_A_DATABASE:
      return unavailable(
        `${path} is damaged or no SQLite file. Move it away: tables then go on from the destination's checkpoints where the slot allows`,
      )
    case FULL:
      return unavailable(`Free space on the disk of ${path}; nothing is lost`)
    default:
      return unavailable(`Look at ${path}: is its disk healthy, and does no other program change it?`)
  }
}
