/**
 * Copies of stage files on this machine, for programs that read files only. They are there while somebody uses them; those
 * that were not loaded stay for the next attempt, the oldest going first beyond a bound, and all at the end.
 */
import { rm } from 'node:fs/promises'
import { invariant } from '../../core/invariant.ts'
import type { LocalFiles, StageFile } from '../../core/stage.ts'
import { type DownloadPorts, download } from './download.ts'
import type { ScratchFolder } from './scratch-folder.ts'

export interface CopyPorts extends DownloadPorts {
  readonly scratch: ScratchFolder
  readonly keyOf: (path: string) => string
  /** Of copies that nobody uses. */
  readonly keepBytesMax: number
}

const DOWNLOADS_AT_ONCE = 6

interface Copy {
  readonly path: string
  readonly bytes: number
  readonly location: Promise<string>
  users: number
}

export class LocalCopies {
  readonly #ports: CopyPorts
  /** By path of the stage; who was used last is last. */
  readonly #copies = new Map<string, Copy>()
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(ports: CopyPorts) {
    this.#ports = ports
  }

  /** Rejects with what the first failing download says; the others are stopped. */
  async take(files: readonly StageFile[], signal: AbortSignal): Promise<LocalFiles> {
    const failed = new AbortController()
    const either = AbortSignal.any([signal, failed.signal])
    const copies = [...new Map(files.map((file) => [file.path, file])).values()].map((file) => this.#use(file, either))
    const locations = new Map<string, string>()
    const settled = await Promise.allSettled(
      copies.map(async (copy) => {
        try {
          locations.set(copy.path, await copy.location)
        } catch (error) {
          failed.abort(error)
          throw error
        }
      }),
    )
    if (settled.some((each) => each.status === 'rejected')) {
      await this.#leave(copies, false)
      signal.throwIfAborted()
      // The first to fail is the reason of all others.
      throw failed.signal.reason
    }
    let isLoaded = false
    return {
      location: (path) => {
        const location = locations.get(path)
        invariant(location !== undefined, 'only files that were asked for are read')
        return location
      },
      loaded: () => {
        isLoaded = true
      },
      [Symbol.asyncDispose]: async () => {
        await this.#leave(copies.splice(0), isLoaded)
      },
    }
  }

  #use(file: StageFile, signal: AbortSignal): Copy {
    const known = this.#copies.get(file.path)
    this.#copies.delete(file.path)
    const copy = known ?? { path: file.path, bytes: file.bytes, location: this.#download(file, signal), users: 0 }
    copy.users++
    this.#copies.set(file.path, copy)
    return copy
  }

  async #download(file: StageFile, signal: AbortSignal): Promise<string> {
    while (this.#running >= DOWNLOADS_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      signal.throwIfAborted()
      const location = await this.#ports.scratch.newPath('copy')
      try {
        await download(this.#ports, this.#ports.keyOf(file.path), file, location, signal)
        return location
      } catch (error) {
        await rm(location, { force: true })
        throw error
      }
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #leave(copies: readonly Copy[], isLoaded: boolean): Promise<void> {
    for (const copy of copies) {
      copy.users--
      if (copy.users > 0) continue
      const location = await copy.location.catch(() => undefined)
      if (isLoaded || location === undefined) await this.#drop(copy, location)
    }
    let kept = 0
    for (const copy of [...this.#copies.values()].reverse()) {
      if (copy.users > 0) continue
      kept += copy.bytes
      if (kept > this.#ports.keepBytesMax) await this.#drop(copy, await copy.location)
    }
  }

  async #drop(copy: Copy, location: string | undefined): Promise<void> {
    if (this.#copies.get(copy.path) === copy) this.#copies.delete(copy.path)
    if (location !== undefined) await rm(location, { force: true })
  }
}
