/** What a file is when it is looked at: size, time, compression by its first bytes, checksum. */
import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { isPipelineError, PipelineError } from '../core/errors.ts'
import type { FileCompression, FileIdentity, FoundFile } from '../core/file-set.ts'

const READ_BYTES = 1 << 20

/** Throws as `fileError` does, also for what is no file. */
export async function identifyFile(path: string): Promise<FileIdentity> {
  const stats = await reading(path, () => stat(path))
  if (!stats.isFile()) {
    throw new PipelineError('source_file', `Reading ${path}`, {
      cause: new Error(`it is ${kindOf(stats)}`),
      hint: 'Name a file that lies on a disk: it is read more than once.',
      context: { file: path },
    })
  }
  return { path, bytes: stats.size, modifiedMs: stats.mtimeMs }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  return stats.isFIFO() ? 'a named pipe' : stats.isSocket() ? 'a socket' : 'a device'
}

/** Undefined: it is what it was. Else what differs, as part of a sentence. */
export async function changeOf(file: FileIdentity): Promise<string | undefined> {
  const now = await identifyFile(file.path)
  if (now.bytes !== file.bytes) return `it had ${file.bytes} bytes and has ${now.bytes}`
  if (now.modifiedMs === file.modifiedMs) return undefined
  return `it was written again at ${new Date(now.modifiedMs).toISOString()}`
}

/** By magic numbers (RFC 1952, RFC 8878): what the name says is what somebody meant. An empty file goes by its name. */
export async function compressionOf(path: string): Promise<FileCompression> {
  const bytes = await firstBytes(path, 4)
  if (bytes.length === 0) return path.endsWith('.gz') ? 'gzip' : path.endsWith('.zst') ? 'zstd' : 'none'
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip'
  return bytes.length === 4 && bytes.readUInt32LE() === 0xfd2fb528 ? 'zstd' : 'none'
}

export async function firstBytes(path: string, bytes: number): Promise<Buffer> {
  return await reading(path, async () => {
    await using handle = await open(path)
    const buffer = Buffer.alloc(bytes)
    const { bytesRead } = await handle.read(buffer, 0, bytes, 0)
    return buffer.subarray(0, bytesRead)
  })
}

/** `sha256:` and hex, over the file as it lies there. `onBytes`: how many more were read. */
export async function fileChecksum(
  path: string,
  signal: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  return await reading(path, async () => {
    await using handle = await open(path)
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, null)
      if (bytesRead === 0) return `sha256:${hash.digest('hex')}`
      hash.update(buffer.subarray(0, bytesRead))
      onBytes?.(bytesRead)
    }
  })
}

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fileError(path, error)
  }
}

/** That a file is not there, is none, may not be read, or is not what its set says: a fault of that file alone. */
export function isUnreadable(error: unknown): error is PipelineError {
  return isPipelineError(error, 'source_file') || isPipelineError(error, 'source_permission')
}

/** Of this file, and of no other that is read with it. */
export function isUnreadableFile({ path, name }: FoundFile, error: unknown): error is PipelineError {
  return isUnreadable(error) && (error.context.file === path || error.context.file === name)
}

/** Errors of the file system → ours, with what to do; any other comes back as it is. */
export function fileError(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const options = { cause: error, context: { file: path } }
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new PipelineError('source_file', `Reading ${path}`, {
        ...options,
        cause: new Error('there is no such file or folder'),
        hint: 'Correct the path (in the configuration it starts at its folder), or see whether the file was moved, or is a link that leads nowhere.',
      })
    case 'EACCES':
    case 'EPERM':
      return new PipelineError('source_permission', `Reading ${path}`, {
        ...options,
        cause: new Error('this user may not read it'),
        hint: `Let this user read it: chmod u+r ${path}, and x for each folder above it.`,
      })
    case 'ELOOP':
      return new PipelineError('source_file', `Reading ${path}`, {
        ...options,
        cause: new Error('it is a link that leads back to itself'),
        hint: `See where it leads (ls -l ${path}), and remove it or let it lead to a file.`,
      })
    case 'EIO':
    case 'EMFILE':
    case 'ENAMETOOLONG':
    case 'EISDIR':
    case 'ESTALE':
      return new PipelineError('source_file', `Reading ${path}`, options)
    default:
      return error
  }
}
