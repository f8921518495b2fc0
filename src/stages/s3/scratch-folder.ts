/**
 * A folder of one process for what it needs on disk for a while: `<root>/<host>-<pid>-<random>`. It goes away with its
 * user; what killed processes of this machine left is removed by the next one that makes such a folder.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { cacheError } from './errors.ts'

export class ScratchFolder implements AsyncDisposable {
  readonly #root: string
  #made: Promise<string> | undefined
  #files = 0

  /** `root` is absolute. Nothing is made before it is needed. */
  constructor(root: string) {
    this.#root = root
  }

  /** A path that nobody else uses; `name` is what it begins with. */
  async newPath(name: string): Promise<string> {
    this.#made ??= makeOwn(this.#root)
    return join(await this.#made, `${name}-${++this.#files}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const folder = await this.#made?.catch(() => undefined)
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

async function makeOwn(root: string): Promise<string> {
  try {
    await mkdir(root, { recursive: true })
    await removeAbandoned(root)
    const folder = join(root, `${hostPart()}-${process.pid}-${randomBytes(6).toString('hex')}`)
    await mkdir(folder)
    return folder
  } catch (error) {
    throw cacheError(error, `Making a folder in ${root}`, root)
  }
}

async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const match = /^(.*)-(\d+)-[0-9a-f]{12}$/.exec(name)
    if (match === null || match[1] !== hostPart() || isRunning(Number(match[2]))) continue
    await rm(join(root, name), { recursive: true, force: true })
  }
}

/** Several machines may share a disk; a process id means something on its own machine only. */
function hostPart(): string {
  return hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '_')
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process is one too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
