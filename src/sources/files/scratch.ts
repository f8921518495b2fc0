/** The folder for files on their way: parts of files, and stage files until the stage takes them. */
import { mkdir, rm } from 'node:fs/promises'
import { PipelineError } from '../../core/errors.ts'

/** Empty: what a killed run left goes. One run at a time has it. */
export async function emptyScratch(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw scratchError(error, folder)
  }
}

/** What the disk says, or DuckDB of it, while a file there is written. */
export function scratchError(error: unknown, path: string): unknown {
  const text = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT' || /No space left on device|quota exceeded/i.test(text)) {
    return new PipelineError('stage_full', `Writing ${path}`, {
      cause: error,
      hint: 'Free space on that disk: loading takes about two parts of a file (512 MiB) and its stage files there. It goes on where it was.',
      context: { path },
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new PipelineError('stage_unavailable', `Writing ${path}`, {
      cause: error,
      hint: 'Let this user write there',
      context: { path },
    })
  }
  return error
}
