/** Files of the stage that a statement names, and the format in which they are read. */
import { join } from 'node:path'
import { requirePrivilege } from '../catalog/access-control.ts'
import { fullName, type PlainOptions, plainOptions } from '../catalog/catalog-objects.ts'
import type { StatementContext } from '../execution/statement-context.ts'
import { compilationError, notFound, unsupported } from '../refusals.ts'
import type { FileFormat, ObjectName, StageLocation, StageRead, StageRows } from '../sql/session-context.ts'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { StageFile, StageFiles } from './stage-files.ts'
import { optionsOf, textOption } from './stage-room.ts'
import { openRows } from './stage-rows.ts'

export type StageUse = 'READ' | 'WRITE'

/** A name that stays the same while the stage is there: `stage 17`, `table 4`, `user JANE`. */
export interface OpenStage {
  readonly key: string
  readonly files: StageFiles
  /** For uploads; undefined for an external stage. */
  readonly folder: string | undefined
  readonly format: PlainOptions
}

/** Throws where the stage is not there or the role may not use it. Uploads that have ended are seen. */
export async function openStage(context: StatementContext, location: StageLocation, use: StageUse): Promise<OpenStage> {
  const { state, session, catalog } = context
  const { stages } = state
  await stages.inbox.settle()
  if (location.type === 'user') {
    const { user } = session
    return { key: `user ${user}`, files: stages.user(user), folder: stages.userFolder(user), format: {} }
  }
  if (location.name === undefined) throw unsupported('a stage without a name')
  if (location.type === 'table') {
    const { id } = catalog.requireTable(location.name)
    return { key: `table ${id}`, files: stages.table(id), folder: stages.tableFolder(id), format: {} }
  }
  const stage = catalog.requireStage(location.name)
  const isExternal = textOption(stage.options, 'URL') !== undefined
  if (!stage.isTemporary) {
    const { database, schema, name } = stage.name
    requirePrivilege(context, isExternal ? 'USAGE' : use, 'STAGE', [database, schema, name])
  }
  return {
    key: `stage ${stage.id}`,
    files: stages.named(stage),
    folder: isExternal ? undefined : stages.folder(stage),
    format: optionsOf(stage.options.FILE_FORMAT),
  }
}

/** Files that a COPY or a SELECT means, by path. Throws for a name of FILES that is not there. */
export async function chosenFiles(stage: OpenStage, read: StageRead): Promise<readonly StageFile[]> {
  const { path } = read.location
  if (read.files !== undefined) {
    const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
    const listed = new Map((await stage.files.list(prefix)).map((file) => [file.path, file]))
    return read.files.map((name) => {
      // Snowflake puts path and name together as they are, and takes a path without its slash too.
      const file = listed.get(`${prefix}${name}`) ?? listed.get(`${path}${name}`)
      if (file === undefined)
        throw new SnowflakeError(
          '091016',
          '22000',
          `Remote file '${prefix}${name}' was not found. There are several potential causes. The file might not exist. The required credentials may be missing or invalid.`,
        )
      return file
    })
  }
  const pattern = read.pattern === undefined ? undefined : new RegExp(`^(?:${read.pattern})$`)
  const files = await stage.files.list(path)
  return pattern === undefined
    ? files
    : files.filter((file) => pattern.test(file.path) || pattern.test(file.path.slice(path.length).replace(/^\//, '')))
}

/** The files as one relation. At least one file. */
export async function rowsOf(
  context: StatementContext,
  stage: OpenStage,
  files: readonly StageFile[],
  format: FileFormat,
): Promise<StageRows> {
  const folder = await stage.files.localFolder(files)
  const { metadataPrefix } = stage.files
  return openRows(
    context.session.connection,
    { folder, paths: files.map(({ path }) => path), metadataPrefix },
    formatOf(context, stage, format),
  )
}

export async function openStageRows(context: StatementContext, read: StageRead): Promise<StageRows> {
  const stage = await openStage(context, read.location, 'READ')
  const files = await chosenFiles(stage, read)
  if (files.length === 0)
    throw compilationError('002003', '02000', `Stage location '${read.location.path}' holds no files for this query.`)
  return rowsOf(context, stage, files, read.format)
}

/** What the statement says, else the stage's, else the named format of either. */
function formatOf(context: StatementContext, stage: OpenStage, format: FileFormat): PlainOptions {
  const own = plainOptions(format.options)
  const stageFormat = textOption(stage.format, 'FORMAT_NAME')
  const base = stageFormat === undefined ? stage.format : namedFormat(context, nameParts(context, stageFormat))
  if (format.name !== undefined) return { ...namedFormat(context, format.name), ...own }
  return own.TYPE === undefined ? { ...base, ...own } : own
}

function namedFormat({ state }: StatementContext, name: ObjectName): PlainOptions {
  const found = state.catalog.findIn('file_format', name)
  if (found === undefined) throw notFound('File format', fullName(name))
  return found.options
}

function nameParts({ session }: StatementContext, text: string): ObjectName {
  const parts = text.split('.').map((part) => (part.startsWith('"') ? part.slice(1, -1) : part.toUpperCase()))
  const [name = '', schema = session.place.schema ?? '', database = session.place.database ?? ''] = parts.reverse()
  return { database, schema, name }
}

/** Where an upload to `path` of the stage goes. */
export function uploadFolder(folder: string, path: string): string {
  return join(folder, path)
}
