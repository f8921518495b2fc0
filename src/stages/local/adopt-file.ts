/** A file that another program of this machine has written becomes a stage file, where it can without being copied. */
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { StageWriter, StoredContent } from '../../core/stage.ts'
import { stageError, systemErrorCode } from './errors.ts'
import { makeFolder, syncFolder } from './folder.ts'

const MAKE_FOLDER_ATTEMPTS_MAX = 10
const READ_BYTES = 1 << 20

/** `path`, `file`: absolute. `create`: opens a writer of that path, for a file that is on another disk. */
export async function adoptFile(
  path: string,
  file: string,
  create: () => Promise<StageWriter>,
  signal: AbortSignal,
): Promise<StoredContent> {
  try {
    await syncFile(file)
    const { size } = await stat(file)
    if (await moved(file, path, signal)) {
      await syncFolder(dirname(path))
      return { bytes: size }
    }
  } catch (error) {
    signal.throwIfAborted()
    throw stageError(error, `Taking over ${path}`, path)
  }
  return copyFile(file, await create())
}

/** Whole and durable under the writer's path; then `file` is removed. */
async function copyFile(file: string, writer: StageWriter): Promise<StoredContent> {
  try {
    for await (const bytes of createReadStream(file, { highWaterMark: READ_BYTES })) await writer.write(bytes as Buffer)
    const content = await writer.commit()
    await rm(file, { force: true })
    return content
  } catch (error) {
    await writer.abort()
    throw stageError(error, `Copying ${file}`, file)
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** False where it lies on another file system. */
async function moved(file: string, path: string, signal: AbortSignal): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    await makeFolder(dirname(path))
    try {
      await rename(file, path)
      return true
    } catch (error) {
      const code = systemErrorCode(error)
      if (code === 'EXDEV') return false
      // Retention removes folders as they become empty, perhaps between our two calls.
      if (code !== 'ENOENT' || attempt === MAKE_FOLDER_ATTEMPTS_MAX) throw error
    }
  }
}
