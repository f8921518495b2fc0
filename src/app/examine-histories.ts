/** What `doctor` says about `write: history`, which not every table can have. */
import type { Finding } from '../core/finding.ts'
import type { Source } from '../core/source.ts'
import { tableName } from '../core/table-schema.ts'
import type { ConfiguredTable } from '../engine/context.ts'

export async function examineHistories(
  source: Source,
  tables: readonly ConfiguredTable[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const histories = tables.filter(({ target }) => target.write === 'history')
  if (histories.length === 0) return []
  const schemas = await source.describe(
    histories.map((table) => table.request),
    signal,
  )
  return schemas.map(({ table, identity }) =>
    identity.kind === 'append'
      ? {
          subject: tableName(table),
          level: 'error',
          message: 'has write: history, but nothing tells its rows apart, so the end of a version cannot be known',
          fix: 'Give it a primary key or REPLICA IDENTITY FULL, or set write to append or merge',
        }
      : { subject: tableName(table), level: 'ok', message: 'can have a history' },
  )
}
