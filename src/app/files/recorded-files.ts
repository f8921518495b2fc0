/** What sources of files are opened with: what an earlier run has recorded, and whom they ask for work. */
import type { StreamToken } from '../../core/source.ts'
import type { SourceRecord, State } from '../../core/state.ts'
import type { TableSchema } from '../../core/table-schema.ts'
import type { FileProblems, FindWork } from '../../file-sets/file-work.ts'

/** Below the folder of the configuration: results, bad rows, and files on their way. */
export const FILES_FOLDER = '.simplyload/files'

export interface FilePorts {
  readonly findWork: FindWork
  readonly problems: FileProblems
  readonly recorded: {
    readonly source: SourceRecord | undefined
    readonly schemas: readonly TableSchema[]
    readonly tokens: readonly StreamToken[]
  }
}

export async function recordedFiles(state: State, name: string): Promise<FilePorts['recorded']> {
  const tables = await state.tables(name)
  const source = await state.source(name)
  return { source, schemas: tables.map(({ schema }) => schema), tokens: await state.tokens(name) }
}
