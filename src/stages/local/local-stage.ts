/** A stage in a folder. Other processes may read it, sweep it and remove files from it at any time. */
import type { Dirent, Stats } from 'node:fs'
import { access, constants, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { invariant } from '../../core/invariant.ts'
import {
  filesInPlace,
  type LocalFiles,
  type Stage,
  type StageCompression,
  type StageObject,
  type StageWriter,
  type StoredContent,
} from '../../core/stage.ts'
import { adoptFile } from './adopt-file.ts'
import { stageError, systemErrorCode } from './errors.ts'
import { makeFolder, removeEmptyFolders } from './folder.ts'
import { LocalWriter } from './local-writer.ts'

// Lower case only: two paths that differ are two files also where the file system folds case.
const PATH_PART = /^(?!\.\.?$)[a-z0-9._!%=@+-]{1,255}$/
const PARTIAL = /\.partial-\d+-[0-9a-f]+$/

/**
 * `folder`: absolute, or relative to the working directory. Made where it is missing. `compression`: `full` where the
 * destination is not on this machine.
 */
export async function openLocalStage(folder: string, compression: StageCompression = 'light'): Promise<Stage> {
  const root = resolve(folder)
  try {
    await makeFolder(root)
    await access(root, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw stageError(error, `Opening the stage ${root}`, root)
  }
  return new LocalStage(root, compression)
}

class LocalStage implements Stage {
  readonly shared = false
  readonly compression: StageCompression
  readonly #root: string
  readonly #writers = new Set<LocalWriter>()

  constructor(root: string, compression: StageCompression) {
    this.#root = root
    this.compression = compression
  }

  async create(path: string, signal: AbortSignal): Promise<StageWriter> {
    const writer: LocalWriter = await LocalWriter.open(this.location(path), signal, () => {
      this.#writers.delete(writer)
    })
    this.#writers.add(writer)
    return writer
  }

  adopt(path: string, file: string, signal: AbortSignal): Promise<StoredContent> {
    return adoptFile(this.location(path), file, () => this.create(path, signal), signal)
  }

  location(path: string): string {
    const parts = path.split('/')
    invariant(
      parts.every((part) => PATH_PART.test(part)) && !PARTIAL.test(path),
      'a stage path consists of encoded names between slashes',
    )
    return join(this.#root, ...parts)
  }

  async fetch(): Promise<LocalFiles> {
    return filesInPlace((path) => this.location(path))
  }

  async read(path: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const location = this.location(path)
    try {
      return await readFile(location, { signal })
    } catch (error) {
      signal.throwIfAborted()
      if (isAbsence(error)) return undefined
      throw stageError(error, `Reading ${location}`, location)
    }
  }

  async stat(path: string): Promise<StageObject | undefined> {
    const location = this.location(path)
    try {
      const found = await statIfPresent(location)
      return found?.isFile() ? { path, bytes: found.size, modifiedMs: found.mtimeMs } : undefined
    } catch (error) {
      throw stageError(error, `Examining ${location}`, location)
    }
  }

  async *list(prefix: string): AsyncIterable<StageObject> {
    const prefixPath = prefix.replace(/\/$/, '')
    const start = prefixPath === '' ? this.#root : this.location(prefixPath)
    try {
      for await (const { path, bytes, modifiedMs } of walk(start, prefixPath, (name) => !PARTIAL.test(name))) {
        yield { path, bytes, modifiedMs }
      }
    } catch (error) {
      throw stageError(error, `Listing ${start}`, start)
    }
  }

  async remove(path: string): Promise<void> {
    const location = this.location(path)
    try {
      await rm(location, { force: true })
      await removeEmptyFolders(this.#root, dirname(location))
    } catch (error) {
      throw stageError(error, `Removing ${location}`, location)
    }
  }

  async sweep(beforeMs: number): Promise<number> {
    const mine = new Set([...this.#writers].map((writer) => writer.partialPath))
    let removed = 0
    try {
      for await (const { location, modifiedMs } of walk(this.#root, '', (name) => PARTIAL.test(name))) {
        if (mine.has(location) || modifiedMs >= beforeMs) continue
        await rm(location, { force: true })
        await removeEmptyFolders(this.#root, dirname(location))
        removed++
      }
    } catch (error) {
      throw stageError(error, `Sweeping ${this.#root}`, this.#root)
    }
    return removed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const aborted = await Promise.allSettled([...this.#writers].map((writer) => writer.abort()))
    const failed = aborted.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}

interface FoundFile extends StageObject {
  readonly location: string
}

/** Files below `folder`, in the order of their whole paths, which is that of object stores. Others' files are left out. */
async function* walk(folder: string, path: string, wanted: (name: string) => boolean): AsyncGenerator<FoundFile> {
  const entries = await entriesOf(folder)
  for (const entry of entries.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))) {
    if (!PATH_PART.test(entry.name)) continue
    const location = join(folder, entry.name)
    const entryPath = path === '' ? entry.name : `${path}/${entry.name}`
    if (entry.isDirectory()) yield* walk(location, entryPath, wanted)
    else if (entry.isFile() && wanted(entry.name)) {
      const found = await statIfPresent(location)
      if (found !== undefined) yield { location, path: entryPath, bytes: found.size, modifiedMs: found.mtimeMs }
    }
  }
}

/** `a.b/x` comes before `a/x`, as `.` comes before `/`. */
function sortKey(entry: Dirent): string {
  return entry.isDirectory() ? `${entry.name}/` : entry.name
}

/** None for a folder that is not there, or was removed a moment ago. */
async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (isAbsence(error)) return []
    throw error
  }
}

async function statIfPresent(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file)
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

function isAbsence(error: unknown): boolean {
  const code = systemErrorCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
