/** Stage files before they are read: each is there, is whole, and has the rows that were written. */
import { SYSTEM_COLUMNS } from '../../core/batch.ts'
import { PipelineError } from '../../core/errors.ts'
import type { StageFile } from '../../core/stage.ts'
import { stageFileError } from '../../core/stage-file-error.ts'
import { isMemoryError, safeCause } from './errors.ts'
import { fileList } from './identifiers.ts'
import type { Session } from './session.ts'

/** A stage file and which of the possible columns it has. */
export interface InspectedFile {
  readonly file: StageFile
  /** Absolute path or URL. */
  readonly location: string
  readonly columns: ReadonlySet<string>
}

const FILES_AT_ONCE = 500

/** In the order given. Throws `stage_file_missing` or `stage_file_damaged`, naming the file and its table. */
export async function inspectFiles(
  session: Session,
  files: readonly StageFile[],
  locate: (path: string) => string,
): Promise<readonly InspectedFile[]> {
  const inspected: InspectedFile[] = []
  for (let start = 0; start < files.length; start += FILES_AT_ONCE) {
    const some = files.slice(start, start + FILES_AT_ONCE)
    inspected.push(...(await inspectSome(session, some, locate)))
  }
  return inspected
}

async function inspectSome(
  session: Session,
  files: readonly StageFile[],
  locate: (path: string) => string,
): Promise<readonly InspectedFile[]> {
  const locations = files.map((file) => locate(file.path))
  const list = fileList(locations)
  try {
    const rows = await session.rows(
      `SELECT s.file_name, any_value(m.num_rows) AS num_rows, list(s.name) AS names
       FROM parquet_schema(${list}) s JOIN parquet_file_metadata(${list}) m USING (file_name) GROUP BY s.file_name`,
    )
    const found = new Map(rows.map((row) => [String(row.file_name), row]))
    return files.map((file, index) => {
      const location = locations[index] ?? ''
      const row = found.get(location)
      if (row === undefined) throw stageFileError('stage_file_missing', file, undefined)
      requireRows(file, Number(row.num_rows))
      return { file, location, columns: new Set((row.names as unknown[]).map(String)) }
    })
  } catch (error) {
    if (error instanceof PipelineError || session.isStop(error) || isMemoryError(error)) throw error
    await requireReadable(session, files, locate)
    throw error
  }
}

/** After reading failed: throws for the first file that cannot be read in all its columns. */
export async function requireReadable(
  session: Session,
  files: readonly StageFile[],
  locate: (path: string) => string,
): Promise<void> {
  for (const file of files) {
    const list = fileList([locate(file.path)])
    try {
      const [row] = await session.rows(`SELECT num_rows FROM parquet_file_metadata(${list})`)
      requireRows(file, Number(row?.num_rows))
      await session.rows(`SELECT count(COLUMNS(*)) FROM read_parquet(${list}, hive_partitioning = false)`)
    } catch (error) {
      if (error instanceof PipelineError || session.isStop(error)) throw error
      if (isMemoryError(error)) return
      const text = error instanceof Error ? error.message : String(error)
      const missing = /No files found|No such file|does not exist|404/i.test(text)
      throw stageFileError(missing ? 'stage_file_missing' : 'stage_file_damaged', file, safeCause(error))
    }
  }
}

function requireRows(file: StageFile, rows: number): void {
  if (rows === file.rows) return
  const cause = new Error(`it has ${rows} rows, and ${file.rows} were written`)
  throw stageFileError('stage_file_damaged', file, cause)
}

/** Whether any of the files has the column. */
export function hasColumn(files: readonly InspectedFile[], name: string): boolean {
  return files.some((file) => file.columns.has(name))
}

export function hasQuarantine(files: readonly InspectedFile[]): boolean {
  return hasColumn(files, SYSTEM_COLUMNS.quarantine)
}
