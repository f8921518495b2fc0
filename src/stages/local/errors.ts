/** What the file system says → what the operator can do. */
import { PipelineError } from '../../core/errors.ts'

/** The `code` of a Node.js system error: `ENOENT`, `ENOSPC`. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** `doing` is a gerund with its object; `path` is absolute. */
export function stageError(error: unknown, doing: string, path: string): PipelineError {
  if (error instanceof PipelineError) return error
  const code = systemErrorCode(error) ?? 'unknown'
  const details = { cause: error, context: { path, errno: code } }
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new PipelineError('stage_full', doing, {
        ...details,
        hint: `Free space on the disk that holds ${path}, or set stage.path to a larger one. Nothing is lost: the source keeps what is not staged.`,
      })
    case 'EFBIG':
      return new PipelineError('stage_full', doing, {
        ...details,
        hint: `Raise the file size limit of this process, or lower sync.batch.bytes`,
      })
    case 'EACCES':
    case 'EPERM':
      return new PipelineError('stage_unavailable', doing, {
        ...details,
        hint: `Let ${thisUser()} read and write ${path}`,
      })
    case 'EROFS':
      return new PipelineError('stage_unavailable', doing, {
        ...details,
        hint: `The file system of ${path} is mounted read-only: set stage.path to a folder that can be written`,
      })
    case 'ENOTDIR':
    case 'EEXIST':
      return new PipelineError('stage_unavailable', doing, {
        ...details,
        hint: `stage.path must be a folder, and a part of ${path} is a file`,
      })
    case 'EMFILE':
    case 'ENFILE':
      return new PipelineError('stage_unavailable', doing, {
        ...details,
        hint: 'Raise the limit of open files (ulimit -n)',
      })
    default:
      return new PipelineError('stage_unavailable', doing, { ...details, hint: `Examine the disk that holds ${path}` })
  }
}

function thisUser(): string {
  const uid = process.getuid?.()
  return uid === undefined ? 'the user of this process' : `the user with id ${uid}`
}
