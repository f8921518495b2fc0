/** A stage that is a folder of this machine. */
import { createHash } from 'node:crypto'
import { createReadStream, type Dirent, existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { StageFile, StageFiles } from './stage-files.ts'

/** MD5 by path, length and time of change: computed once. */
const digests = new Map<string, string>()
const DIGESTS_MAX = 10_000

export class FolderStage implements StageFiles {
  readonly metadataPrefix: string
  readonly #folder: string
  readonly #shownPrefix: string

  /** `shownPrefix` is what LIST writes before a path. */
  constructor(folder: string, shownPrefix: string, metadataPrefix: string) {
    this.#folder = resolve(folder)
    this.#shownPrefix = shownPrefix
    this.metadataPrefix = metadataPrefix
  }

  async list(prefix: string): Promise<readonly StageFile[]> {
    if (!existsSync(this.#folder)) return []
    const entries = readdirSync(this.#folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    )
    const paths = entries.map((entry) => this.#pathOf(entry)).filter((path) => path.startsWith(prefix))
    const files: StageFile[] = []
    for (const path of paths.sort()) {
      const local = join(this.#folder, path)
      const { size, mtimeMs } = statSync(local)
      files.push({
        path,
        shownName: `${this.#shownPrefix}${path}`,
        bytes: size,
        etag: await digest(local, size, mtimeMs),
        modifiedMs: Math.round(mtimeMs),
      })
    }
    return files
  }

  async localFolder(): Promise<string> {
    return this.#folder
  }

  async remove(files: readonly StageFile[]): Promise<void> {
    for (const { path } of files) rmSync(join(this.#folder, path), { force: true })
  }

  #pathOf(entry: Dirent): string {
    return relative(this.#folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/')
  }
}

async function digest(path: string, bytes: number, modifiedMs: number): Promise<string> {
  const key = `${path}\u0000${bytes}\u0000${modifiedMs}`
  const known = digests.get(key)
  if (known !== undefined) return known
  const hash = createHash('md5')
  await pipeline(createReadStream(path), hash)
  if (digests.size >= DIGESTS_MAX) digests.clear()
  const value = hash.digest('hex')
  digests.set(key, value)
  return value
}
