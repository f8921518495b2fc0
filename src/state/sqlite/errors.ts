/** What SQLite and the file system say → what the operator can do. */
import { type ErrorCode, PipelineError } from '../../core/errors.ts'

// https://www.sqlite.org/rescode.html
const PERMISSION = 3
const BUSY = 5
const READ_ONLY = 8
const IO = 10
const CORRUPT = 11
const FULL = 13
const CANNOT_OPEN = 14
const AUTHORIZATION = 23
const NOT_A_DATABASE = 26

/** `node:sqlite` gives SQLite's result code as `errcode`; its low byte is the primary one. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}

/** `doing` is a gerund with its object. Errors of ours pass through. */
export function stateError(error: unknown, doing: string, path: string): PipelineError {
  if (error instanceof PipelineError) return error
  return new PipelineError(codeOf(error), doing, { cause: error, hint: hintFor(error, path), context: { path } })
}

/** What time may mend is tried again. */
function codeOf(error: unknown): ErrorCode {
  switch (resultCode(error) ?? errnoOf(error)) {
    case BUSY:
      return 'state_unreachable'
    case FULL:
    case 'ENOSPC':
    case 'EDQUOT':
      return 'state_full'
    default:
      return 'state_unavailable'
  }
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function hintFor(error: unknown, path: string): string {
  switch (resultCode(error) ?? errnoOf(error)) {
    case PERMISSION:
    case READ_ONLY:
    case CANNOT_OPEN:
    case AUTHORIZATION:
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOENT':
      return `Let this user write ${path} and the folder that it is in, or set state.path to another file`
    case 'ENOTDIR':
    case 'EEXIST':
      return `A part of ${path} is a file where a folder should be: set state.path to another file`
    case CORRUPT:
    case NOT_A_DATABASE:
      return `${path} is damaged or not a state file. Move it away: tables then go on from the destination's checkpoints where the source still has their changes, and are copied anew where not`
    case FULL:
    case 'ENOSPC':
    case 'EDQUOT':
      return `Free space on the disk that holds ${path}; nothing is lost`
    case BUSY:
      return `Close the program that keeps ${path} locked (a shell of SQLite, a backup)`
    case IO:
      return `Examine the disk that holds ${path}; on a network file system, set state.path to a local file`
    default:
      return `Examine ${path}: does another program change it?`
  }
}
