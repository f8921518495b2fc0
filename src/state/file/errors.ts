/** What the file system says → what the operator can do. */
import { type ErrorCode, PipelineError } from '../../core/errors.ts'

/** `doing` is a gerund with its object. Errors of ours pass through. */
export function fileStateError(error: unknown, doing: string, path: string): PipelineError {
  if (error instanceof PipelineError) return error
  return new PipelineError(codeOf(error), doing, { cause: error, hint: hintFor(error, path), context: { path } })
}

/**
 * A file that does not hold what was written to it. It is never taken for an empty one: what it recorded as staged may
 * have been confirmed to the source.
 */
export function damaged(path: string, what: string, hint: string): PipelineError {
  return new PipelineError('state_unavailable', `Reading the state ${path}`, {
    cause: new Error(what),
    hint,
    context: { path },
  })
}

export function newerFormat(path: string, format: unknown, known: number): PipelineError {
  return new PipelineError('state_version', `Opening the state ${path}`, {
    cause: new Error(`it has format ${format}; this version knows ${known}`),
    hint: 'Use the newer version of SimplyLoad that wrote it, or another state.path',
    context: { path, known },
  })
}

export function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** What time may mend is tried again. */
function codeOf(error: unknown): ErrorCode {
  const errno = errnoOf(error)
  return errno === 'ENOSPC' || errno === 'EDQUOT' ? 'state_full' : 'state_unavailable'
}

function hintFor(error: unknown, path: string): string {
  switch (errnoOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOENT':
      return `Let this user write ${path} and what is in it, or set state.path to another folder`
    case 'ENOTDIR':
    case 'EEXIST':
      return `A part of ${path} is a file where a folder should be: set state.path to another folder`
    case 'ENOSPC':
    case 'EDQUOT':
      return `Free space on the disk that holds ${path}; nothing is lost`
    case 'EIO':
      return `Examine the disk that holds ${path}; on a network file system, set state.path to a local folder`
    default:
      return `Examine ${path}: does another program change it?`
  }
}
