import { PipelineError } from './errors.ts'
import { shellWord } from './shell-word.ts'
import type { StageFile } from './stage.ts'
import { tableName } from './table-schema.ts'

/** A stage file that cannot be loaded as it was written: its table must be read again, unless the file comes back. */
export function stageFileError(
  code: 'stage_file_missing' | 'stage_file_damaged',
  file: StageFile,
  cause: unknown,
): PipelineError {
  const table = tableName(file.schema.table)
  return new PipelineError(code, `Reading stage file ${file.path}`, {
    cause: cause ?? new Error('it does not exist'),
    hint: `Restore the file, or read the table again: simplyload table resync ${shellWord(table)}`,
    context: { table, file: file.path },
  })
}
