/**
 * Where Snowflake finds stage files, and how those that are on this machine get there.
 *
 * Each upload is a request to Snowflake and one to the store of its cloud, and each file takes a COPY some time of a
 * warehouse. So files of a table that follow each other are joined until they have the size that Snowflake asks for: an hour of
 * changes that were staged every ten seconds is one file.
 */
import { mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { joinedColumns, joinParquet, type ParquetColumns, parquetColumns } from '../../columnar/parquet-join.ts'
import { SYSTEM_COLUMNS } from '../../core/batch.ts'
import type { TargetTable } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import type { StageFile } from '../../core/stage.ts'
import { stageFileError } from '../../core/stage-file-error.ts'
import { encodePathPart } from '../../core/stage-path.ts'
import { totalFeatures } from '../../warehouse/total-features.ts'
import type { Upload } from './connection-pool.ts'
import { quoteLiteral } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'
import { shapeOf } from './staged-columns.ts'

/** Stage files on stages of Snowflake. */
export interface StageFiles {
  /** As they lie there, in order: those that were joined are one. Of joined files, all or none may be asked for. */
  uploaded(files: readonly StageFile[]): readonly StageFile[]
  /** `@SCHEMA.STAGE`: the same for all files of a table. `file`: one of `uploaded`. */
  urlOf(file: StageFile): string
  /** Under it; the last part is what the file is recognised by. `file`: one of `uploaded`. */
  pathOf(file: StageFile): string
}

/** Files of one table, in order. */
export interface FilesOfTable {
  readonly target: TargetTable
  readonly files: readonly StageFile[]
  /** It is certain that all of them are loaded, or none. */
  readonly together: boolean
}

/** What uploads have to be told: where each file is and the folder that it goes to. */
export interface UploadPlan {
  readonly uploads: readonly Upload[]
  /** For files that are not uploaded: where they are on an external stage. */
  filesAt(external: string | undefined): StageFiles
  /** Removes what had to be made for it. */
  [Symbol.asyncDispose](): Promise<void>
}

/** PUT takes these for patterns. */
const PATTERN = /[*?[\]{}]/
/** Snowflake's documentation asks for files of 100 to 250 MB, compressed: of less, each costs more than its rows. */
const JOINED_BYTES = 100e6
const JOINED_BYTES_MAX = 250e6

/** Throws `stage_file_missing` or `stage_file_damaged` where a file is not there whole. */
export async function planUploads(
  url: string,
  tables: readonly FilesOfTable[],
  locate: (path: string) => string,
): Promise<UploadPlan> {
  const folder = new UploadFolder()
  const lying = new Map<StageFile, StageFile>()
  const names = new Map<string, string>()
  const uploads: Upload[] = []
  for (const table of tables) {
    for (const { files, columns } of await joinable(table, locate)) {
      const paths = files.map((file) => locate(file.path))
      const [first] = files
      if (first === undefined) continue
      const one = files.length === 1 ? first : joinedFile(files)
      for (const file of files) lying.set(file, one)
      const name = PATTERN.test(basename(one.path)) ? `${crypto.randomUUID()}.parquet` : basename(one.path)
      names.set(one.path, `${dirname(one.path)}/${name}`)
      uploads.push({
        stageUrl: `${url}/${dirname(one.path)}`,
        name,
        open: (signal) => folder.file(name, paths, columns, signal),
      })
    }
  }
  return {
    uploads,
    filesAt: (external) => ({
      uploaded: (files) => [...new Set(files.map((file) => lying.get(file) ?? file))],
      urlOf: (file) => (names.has(file.path) ? url : (external ?? url)),
      pathOf: (file) => names.get(file.path) ?? file.path,
    }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

interface JoinableFiles {
  readonly files: readonly StageFile[]
  readonly columns: ParquetColumns | undefined
}

/** Cut into what becomes one file each. */
async function joinable(
  { target, files, together }: FilesOfTable,
  locate: (path: string) => string,
): Promise<readonly JoinableFiles[]> {
  const cut: { files: StageFile[]; shape: string; bytes: number; columns: ParquetColumns | undefined }[] = []
  for (const file of files) {
    const path = locate(file.path)
    await requireFile(file, path)
    const isSmall = together && files.length > 1 && file.bytes < JOINED_BYTES
    const columns = isSmall ? await columnsOf(file, path, target) : undefined
    const shape = shapeOf(file)
    const last = cut.at(-1)
    const isNext = last !== undefined && last.shape === shape && last.bytes < JOINED_BYTES
    const fits = isNext && last.bytes + file.bytes <= JOINED_BYTES_MAX
    const both = fits && columns !== undefined && last.columns !== undefined && joinedColumns(last.columns, columns)
    if (both) {
      last.files.push(file)
      last.bytes += file.bytes
      last.columns = both
    } else cut.push({ files: [file], shape, bytes: file.bytes, columns })
  }
  return cut
}

/** Undefined where the file must lie alone. */
async function columnsOf(file: StageFile, path: string, { write }: TargetTable): Promise<ParquetColumns | undefined> {
  let columns: ParquetColumns | undefined
  try {
    columns = await parquetColumns(path)
  } catch (error) {
    throw stageFileError('stage_file_damaged', file, error)
  }
  // What a file removes is known of each by itself.
  if (file.features.removal !== undefined) return undefined
  // Where rows do not say when they were committed, the time at which their file was staged stands for it.
  return write === 'merge' || columns?.has(SYSTEM_COLUMNS.committedAt) ? columns : undefined
}

/** At least two, in order. */
function joinedFile(files: readonly StageFile[]): StageFile {
  const [first, last] = [files[0], files.at(-1)]
  invariant(first !== undefined && last !== undefined, 'files are joined')
  const sum = (of: 'rows' | 'bytes') => files.reduce((total, file) => total + file[of], 0)
  const { checksum: _, ...rest } = first
  return {
    ...rest,
    // A name of its own each time: a process that has lost its lease may be uploading too.
    path: `${dirname(first.path)}/${crypto.randomUUID()}.parquet`,
    bytes: sum('bytes'),
    rows: sum('rows'),
    lastPosition: last.lastPosition,
    features: totalFeatures(files),
  }
}

/** For what PUT cannot take from where it is. Joined files are there only while they are uploaded. */
class UploadFolder implements AsyncDisposable {
  #folder: Promise<string> | undefined

  async file(
    name: string,
    paths: readonly string[],
    columns: ParquetColumns | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly localPath: string } & AsyncDisposable> {
    const [first] = paths
    if (first === undefined) throw new Error('Nothing is uploaded of no files')
    if (paths.length === 1 && !PATTERN.test(first)) {
      return { localPath: first, [Symbol.asyncDispose]: async () => undefined }
    }
    let own: string | undefined
    try {
      // Files of two tables may have one name.
      own = await mkdtemp(join(await this.#made(), 'd-'))
      const localPath = join(own, name)
      if (paths.length > 1 && columns !== undefined) await joinParquet(paths, columns, localPath, signal)
      else await symlink(first, localPath)
    } catch (error) {
      if (own !== undefined) await rm(own, { recursive: true, force: true })
      signal.throwIfAborted()
      throw folderError(error)
    }
    const made = own
    return { localPath: join(made, name), [Symbol.asyncDispose]: () => rm(made, { recursive: true, force: true }) }
  }

  async #made(): Promise<string> {
    this.#folder ??= mkdtemp(join(tmpdir(), 'simplyload-put-'))
    return this.#folder
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined)
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

/** Of the file system; whatever else went wrong is handed on. */
function folderError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === undefined || error instanceof PipelineError) return error
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  return new PipelineError(isFull ? 'stage_full' : 'stage_unavailable', 'Joining files for an upload', {
    cause: error,
    hint: `Small files are joined in ${tmpdir()}, which needs up to 1 GB for it; TMPDIR names another folder`,
  })
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
  const names = plan.uploads.map((upload) => exactly(upload.name))
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
