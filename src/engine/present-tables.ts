/** The configured tables as the source has them when a run starts: one that is gone stops alone, as it would while it runs. */
import { isPipelineError, PipelineError } from '../core/errors.ts'
import { shellWord } from '../core/shell-word.ts'
import type { ChangeSource, TableRequest } from '../core/source.ts'
import type { TableRecord } from '../core/state.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'

export interface PresentTables {
  /** Those that are there. */
  readonly requests: readonly TableRequest[]
  /** In the order of the configuration; of a table that is gone, as it was last known. */
  readonly schemas: readonly TableSchema[]
  /** By name. */
  readonly missing: ReadonlyMap<string, PipelineError>
}

/**
 * Throws `source_table_missing` for a table of which nothing was ever read (its name is wrong, rather), and where none is
 * there (it is another database, rather).
 */
export async function presentTables(
  source: Pick<ChangeSource, 'describe'>,
  requests: readonly TableRequest[],
  records: readonly TableRecord[],
  signal: AbortSignal,
): Promise<PresentTables> {
  const missing = new Map<string, PipelineError>()
  for (;;) {
    const present = requests.filter(({ table }) => !missing.has(tableName(table)))
    try {
      const described = await source.describe(present, signal)
      const found = [...described, ...records.map(({ schema }) => schema)]
      const schemas = requests.flatMap(({ table }) => {
        const schema = found.find((each) => tableName(each.table) === tableName(table))
        return schema === undefined ? [] : [schema]
      })
      return { requests: present, schemas, missing }
    } catch (error) {
      if (!isPipelineError(error, 'source_table_missing')) throw error
      const name = String(error.context.table)
      const known = records.find(({ table }) => tableName(table) === name)
      const isKnown = known !== undefined && known.state !== 'pending' && !missing.has(name)
      if (!isKnown || present.length === 1) throw error
      missing.set(name, goneError(name, error))
    }
  }
}

function goneError(name: string, { code, cause, hint }: PipelineError): PipelineError {
  return new PipelineError(code, `Continuing ${name}`, {
    cause,
    hint: `${hint}. Name it as it is called now, or take it out of the configuration; where it is there again: simplyload table resync ${shellWord(name)}`,
    context: { table: name },
  })
}
