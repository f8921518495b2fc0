/** DuckDB's errors → ours. DuckDB tells them apart by the beginning of the message only. */
import { PipelineError, type PipelineErrorOptions } from '../../core/errors.ts'

/** Messages of these classes may quote values of rows, so that only their beginning is kept. */
const QUOTES_VALUES = /^(Conversion|Invalid Input|Out of Range|Constraint|Parameter Not Resolved) Error/

const MEMORY_HINT =
  'Give DuckDB more memory with destination.memory (or sync.memory), or smaller batches with sync.batch.rows'

export function isLockError(error: unknown): boolean {
  return /Could not set lock on file|being used by another process/i.test(messageOf(error))
}

/** The process that holds the file, as DuckDB tells it. */
export function lockHolder(error: unknown): number | undefined {
  const match = /PID (\d+)/.exec(messageOf(error))
  return match === null ? undefined : Number(match[1])
}

/** A value could not be converted: the careful way of loading keeps such values out and says which they are. */
export function isConversionError(error: unknown): boolean {
  return /^(Conversion|Invalid Input|Out of Range) Error/.test(messageOf(error))
}

export function isMemoryError(error: unknown): boolean {
  const text = messageOf(error)
  return /^Out of Memory Error|bad_alloc|could not allocate/i.test(text) && !isFull(text)
}

function isFull(text: string): boolean {
  return /No space left on device|File too large|quota exceeded|failed to offload data block/i.test(text)
}

export function isInterruption(error: unknown): boolean {
  return /^INTERRUPT Error/.test(messageOf(error))
}

/** After these the instance must not be used any more. */
export function isBreaking(error: unknown): boolean {
  for (let current = error; current !== undefined; current = current instanceof Error ? current.cause : undefined) {
    if (/^(FATAL|INTERNAL|IO|Out of Memory) Error|database has been invalidated/.test(messageOf(current))) return true
  }
  return false
}

/** Reading a file may have been what failed. */
export function isReadingError(error: unknown): boolean {
  return /^(IO|Invalid Input|Invalid|Serialization|HTTP) Error|parquet|snappy|zstd/i.test(messageOf(error))
}

export function translateError(
  error: unknown,
  message: string,
  context: Readonly<Record<string, string | number | boolean>>,
): PipelineError {
  if (error instanceof PipelineError) return error
  const text = messageOf(error)
  const options: PipelineErrorOptions = { cause: safeCause(error), context }
  if (isLockError(error)) {
    const holder = lockHolder(error)
    return new PipelineError('destination_locked', message, {
      ...options,
      hint: 'Close the program that has the file open; readers can open it between two commits',
      context: { ...context, ...(holder === undefined ? {} : { pid: holder }) },
    })
  }
  if (isFull(text)) {
    return new PipelineError('destination_full', message, {
      ...options,
      hint: 'Free space on the disk of the DuckDB file; nothing was committed, and it is tried again',
    })
  }
  if (isMemoryError(error)) {
    return new PipelineError('destination_memory', message, { ...options, hint: MEMORY_HINT })
  }
  if (/version number|newer version of DuckDB|serialization_compatibility/i.test(text)) {
    return new PipelineError('destination_version', message, {
      ...options,
      hint: 'The file was written by a newer DuckDB; update SimplyLoad',
    })
  }
  if (/not a valid DuckDB database file|wrong (magic|header)/i.test(text)) {
    return new PipelineError('destination_rejected', message, {
      ...options,
      hint: 'destination.path names a file that is no DuckDB database; name another one',
    })
  }
  if (/Permission denied|Read-only file system|Operation not permitted/i.test(text)) {
    return new PipelineError('destination_permission', message, {
      ...options,
      hint: 'The DuckDB file and its folder must be writable',
    })
  }
  if (/write-write conflict|Conflict on (update|tuple)|another transaction has altered/i.test(text)) {
    return new PipelineError('destination_conflict', message, options)
  }
  if (/^(FATAL|IO) Error|database has been invalidated|^Connection Error/.test(text)) {
    return new PipelineError('destination_unreachable', message, options)
  }
  return new PipelineError('destination_rejected', message, options)
}

/** Without what may be values of rows. */
export function safeCause(error: unknown): unknown {
  const text = messageOf(error)
  if (!QUOTES_VALUES.test(text)) return error
  const [beginning = ''] = text.split(/["'\n]|Input:|value /)
  return new Error(beginning.trim())
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
