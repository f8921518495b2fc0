/**
 * Uploads on their way. The driver copies a file of a PUT itself, into the folder that it is told (LOCAL_FS), and never says that it is
 * done. Half a file must not be seen in the stage, as an object store shows none; so uploads go to a folder of their own, and move
 * into the stage once they are as long as their source.
 */
import {
  createReadStream,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

interface ExpectedFile {
  readonly name: string
  readonly bytes: number
}

interface Upload {
  readonly folder: string
  /** Folder in the stage. */
  readonly target: string
  readonly overwrite: boolean
  readonly nowMs: () => number
  files: readonly ExpectedFile[]
}

export class UploadInbox {
  readonly #root: string
  readonly #uploads: Upload[] = []
  #count = 0

  constructor(root: string) {
    this.#root = root
    rmSync(root, { recursive: true, force: true })
    mkdirSync(root, { recursive: true })
  }

  /** The folder for the client. `sources` are local files that are there now. */
  open(sources: readonly string[], target: string, overwrite: boolean, nowMs: () => number): string {
    this.#count += 1
    const folder = join(this.#root, String(this.#count))
    mkdirSync(folder)
    const files = sources.map((path) => ({ name: basename(path), bytes: statSync(path).size }))
    this.#uploads.push({ folder, target, overwrite, nowMs, files })
    return folder
  }

  /** A place where nothing can be written. */
  openBroken(): string {
    this.#count += 1
    const file = join(this.#root, `${this.#count}.broken`)
    writeFileSync(file, '')
    return join(file, 'upload')
  }

  /** Before somebody looks into a stage: what has arrived is moved there. */
  async settle(): Promise<void> {
    for (const upload of [...this.#uploads]) {
      const waiting: ExpectedFile[] = []
      for (const file of upload.files) if (!(await settleFile(upload, file))) waiting.push(file)
      upload.files = waiting
      if (waiting.length > 0) continue
      const at = this.#uploads.indexOf(upload)
      if (at >= 0) this.#uploads.splice(at, 1)
      rmSync(upload.folder, { recursive: true, force: true })
    }
  }
}

async function settleFile(
  { folder, target, overwrite, nowMs }: Upload,
  { name, bytes }: ExpectedFile,
): Promise<boolean> {
  const plain = join(folder, name)
  const zipped = `${plain}.gz`
  const arrived = existsSync(plain)
    ? statSync(plain).size === bytes && plain
    : existsSync(zipped) && (await unzippedBytes(zipped)) === bytes && zipped
  if (arrived === false) return false
  const to = join(target, basename(arrived))
  mkdirSync(dirname(to), { recursive: true })
  // A file of that name is left alone without OVERWRITE, as Snowflake does; the driver cannot say SKIPPED here.
  if (overwrite || !existsSync(to)) {
    const seconds = nowMs() / 1000
    utimesSync(arrived, seconds, seconds)
    renameSync(arrived, to)
  }
  return true
}

/** Undefined while the file has no proper end. */
async function unzippedBytes(path: string): Promise<number | undefined> {
  let bytes = 0
  try {
    await pipeline(createReadStream(path), createGunzip(), async (parts: AsyncIterable<Buffer>) => {
      for await (const part of parts) bytes += part.length
    })
    return bytes
  } catch {
    return undefined
  }
}
