/** Folders whose existence, and whose list of files, survive a loss of power. */
import { mkdir, open, rmdir, stat } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { systemErrorCode } from './errors.ts'

/**
 * Makes `folder` and the folders above it, durably. Step by step, as the recursive `mkdir` of Node.js never returns
 * below /proc and hides that a file system is read-only.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === 'ENOENT' && dirname(folder) !== folder) {
      await makeFolder(dirname(folder))
      await mkdir(folder).catch(ignoreExisting)
    } else if (!(await isFolder(folder))) throw error
    else return
  }
  // A folder is an entry in the one above it.
  await syncFolder(dirname(folder))
}

function ignoreExisting(error: unknown): void {
  if (systemErrorCode(error) !== 'EEXIST') throw error
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

export async function syncFolder(folder: string): Promise<void> {
  // Windows has no fsync of folders, and makes their entries durable by itself.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes `folder` and those above it, below `root`, as far as they are empty. */
export async function removeEmptyFolders(root: string, folder: string): Promise<void> {
  for (let current = folder; current.startsWith(root + sep); current = dirname(current)) {
    try {
      await rmdir(current)
    } catch (error) {
      const code = systemErrorCode(error)
      // In use, or gone already.
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EBUSY') return
      if (code !== 'ENOENT') throw error
    }
  }
}
