/** PUT, GET, LIST, REMOVE. */
import { existsSync, globSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { compilationError, unsupported } from '../refusals.ts'
import type { DataType } from '../sql/data-type.ts'
import type { FilePlan } from '../sql/plan.ts'
import type { Options, StageLocation } from '../sql/session-context.ts'
import { openStage, uploadFolder } from '../stages/stage-access.ts'
import type { StageFile } from '../stages/stage-files.ts'
import { rowsResult } from './run-query.ts'
import type { StatementContext } from './statement-context.ts'

const TEXT: DataType = { kind: 'VARCHAR', length: 16_777_216 }

/** `isCut`: the client is sent where it cannot write. */
export async function runFiles(context: StatementContext, plan: FilePlan, isCut: boolean): Promise<StatementResult> {
  context.record.type = plan.kind === 'list' ? 'LIST_FILES' : `${plan.kind.toUpperCase()}_FILES`
  switch (plan.kind) {
    case 'put':
      return put(context, plan.localPath, plan.location, plan.options, isCut)
    case 'get':
      return get(context, plan.localPath, plan.location, plan.options)
    case 'list':
      return list(context, plan.location, plan.pattern)
    case 'remove':
      return remove(context, plan.location, plan.pattern)
  }
}

async function put(
  context: StatementContext,
  localPath: string,
  location: StageLocation,
  options: Options,
  isCut: boolean,
): Promise<StatementResult> {
  const stage = await openStage(context, location, 'WRITE')
  if (stage.folder === undefined)
    throw compilationError('001033', '42601', 'PUT to an external stage is not possible; upload to its location.')
  const overwrite = isOn(options, 'OVERWRITE', false)
  const sources = localFiles(localPath)
  const { inbox } = context.state.stages
  const folder = isCut
    ? inbox.openBroken()
    : inbox.open(sources, uploadFolder(stage.folder, location.path), overwrite, () => context.state.clock.nowMs())
  return {
    typeId: STATEMENT_TYPE.select,
    columns: [],
    rows: [],
    transfer: {
      command: 'UPLOAD',
      sources: [localPath],
      folder,
      autoCompress: isOn(options, 'AUTO_COMPRESS', true),
      sourceCompression: String(options.get('SOURCE_COMPRESSION') ?? 'auto_detect').toLowerCase(),
      parallel: Number(options.get('PARALLEL') ?? 4),
      overwrite,
    },
  }
}

/** The client's files, which this machine has too. */
function localFiles(path: string): readonly string[] {
  const found = /[*?]/.test(path)
    ? globSync(basename(path), { cwd: dirname(resolve(path)) }).map((name) => resolve(dirname(path), name))
    : [resolve(path)]
  return found.filter((file) => existsSync(file) && statSync(file).isFile())
}

async function get(
  context: StatementContext,
  localPath: string,
  location: StageLocation,
  options: Options,
): Promise<StatementResult> {
  const stage = await openStage(context, location, 'READ')
  const pattern = options.get('PATTERN')
  const files = matching(await stage.files.list(location.path), typeof pattern === 'string' ? pattern : undefined)
  const folder = await stage.files.localFolder(files)
  return {
    typeId: STATEMENT_TYPE.select,
    columns: [],
    rows: [],
    transfer: {
      command: 'DOWNLOAD',
      sources: files.map(({ path }) => path),
      localFolder: localPath,
      folder,
      autoCompress: false,
      sourceCompression: 'auto_detect',
      parallel: Number(options.get('PARALLEL') ?? 10),
      overwrite: false,
    },
  }
}

async function list(
  context: StatementContext,
  location: StageLocation,
  pattern: string | undefined,
): Promise<StatementResult> {
  const stage = await openStage(context, location, 'READ')
  const files = matching(await stage.files.list(location.path), pattern)
  return rowsResult(
    STATEMENT_TYPE.select,
    [
      { name: 'name', type: TEXT },
      { name: 'size', type: { kind: 'NUMBER', precision: 19, scale: 0 } },
      { name: 'md5', type: TEXT },
      { name: 'last_modified', type: TEXT },
    ],
    files.map(({ shownName, bytes, etag, modifiedMs }) => [
      shownName,
      String(bytes),
      etag,
      new Date(modifiedMs).toUTCString(),
    ]),
  )
}

async function remove(
  context: StatementContext,
  location: StageLocation,
  pattern: string | undefined,
): Promise<StatementResult> {
  const stage = await openStage(context, location, 'WRITE')
  const files = matching(await stage.files.list(location.path), pattern)
  await stage.files.remove(files)
  return rowsResult(
    STATEMENT_TYPE.select,
    [
      { name: 'name', type: TEXT },
      { name: 'result', type: TEXT },
    ],
    files.map(({ shownName }) => [shownName, 'removed']),
  )
}

/** PATTERN matches the whole of a path. */
function matching(files: readonly StageFile[], pattern: string | undefined): readonly StageFile[] {
  if (pattern === undefined) return files
  try {
    const expression = new RegExp(`^(?:${pattern})$`)
    return files.filter(({ path, shownName }) => expression.test(path) || expression.test(shownName))
  } catch {
    throw unsupported(`the pattern '${pattern}'`)
  }
}

function isOn(options: Options, name: string, otherwise: boolean): boolean {
  return String(options.get(name) ?? otherwise).toUpperCase() === 'TRUE'
}
