/** Where Snowflake finds stage files, and how those that are on this machine get there. */
import { link, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { TargetTable } from '../../core/destination.ts'
import type { StageFile } from '../../core/stage.ts'
import { stageFileError } from '../../core/stage-file-error.ts'
import { encodePathPart } from '../../core/stage-path.ts'
import { quoteLiteral } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'

/** Stage files on stages of Snowflake. */
export interface StageFiles {
  /** `@SCHEMA.STAGE`: the same for all files of a table. */
  urlOf(file: StageFile): string
  /** Under it; the last part is what the file is recognised by. */
  pathOf(file: StageFile): string
}

export interface FilesOfTable {
  readonly target: TargetTable
  readonly files: readonly StageFile[]
}

export interface LocalStageFile {
  readonly file: StageFile
  readonly localPath: string
}

/** What uploads have to be told: where each file is and the folder that it goes to. */
export interface UploadPlan {
  readonly uploads: readonly { readonly localPath: string; readonly stageUrl: string }[]
  /** For files that are not uploaded: where they are on an external stage. */
  filesAt(external: string | undefined): StageFiles
  /** Removes what had to be made for it. */
  [Symbol.asyncDispose](): Promise<void>
}

/** PUT takes these for patterns. */
const PATTERN = /[*?[\]{}]/

/** Throws `stage_file_missing` where a file is not there. */
export async function planUploads(url: string, files: readonly LocalStageFile[]): Promise<UploadPlan> {
  const names = new Map<string, string>()
  const uploads: { localPath: string; stageUrl: string }[] = []
  let folder: string | undefined
  for (const { file, localPath } of files) {
    await requireFile(file, localPath)
    let path = localPath
    if (PATTERN.test(localPath)) {
      folder ??= await mkdtemp(join(tmpdir(), 'simplyload-put-'))
      path = join(await mkdtemp(join(folder, 'd-')), basename(file.path))
      await link(localPath, path)
    }
    names.set(file.path, `${dirname(file.path)}/${basename(path)}`)
    uploads.push({ localPath: path, stageUrl: `${url}/${dirname(file.path)}` })
  }
  return {
    uploads,
    filesAt: (external) => ({
      urlOf: (file) => (names.has(file.path) ? url : (external ?? url)),
      pathOf: (file) => names.get(file.path) ?? file.path,
    }),
    [Symbol.asyncDispose]: async () => {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

async function requireFile(file: StageFile, localPath: string): Promise<void> {
  try {
    const found = await stat(localPath)
    if (found.size === file.bytes) return
    const cause = new Error(`it has ${found.size} bytes, and ${file.bytes} were written`)
    throw stageFileError('stage_file_damaged', file, cause)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw stageFileError('stage_file_missing', file, error)
    }
    throw error
  }
}

/** Once what they held is committed. One statement for all. */
export async function removeFiles(session: SnowflakeSession, url: string, plan: UploadPlan): Promise<void> {
  const names = plan.uploads.map((upload) => exactly(basename(upload.localPath)))
  for (let start = 0; start < names.length; start += REMOVED_AT_ONCE) {
    await removeMatching(session, url, `.*/(${names.slice(start, start + REMOVED_AT_ONCE).join('|')})`)
  }
}

const REMOVED_AT_ONCE = 1000

/** What uploads of a source left that were never committed. Only who has its lease may. */
export async function removeLeftovers(session: SnowflakeSession, url: string, source: string): Promise<void> {
  // `<customer>/<source>/<namespace>.<table>/<date_hour>/<file>`
  const part = '[^/]+'
  await removeMatching(session, url, `(.*/)?${part}/${exactly(encodePathPart(source))}/${part}/${part}/${part}`)
}

async function removeMatching(session: SnowflakeSession, url: string, pattern: string): Promise<void> {
  await session.run(`REMOVE ${url} PATTERN = ${quoteLiteral(pattern)}`)
}

function exactly(name: string): string {
  return name.replaceAll(/[^\w-]/g, '[$&]')
}
