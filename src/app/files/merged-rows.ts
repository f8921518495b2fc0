/** How far the tables of file sets are complete: what is staged is remembered as loaded before it is there. */

import { openState } from '../../connectors.ts'
import type { FileSet } from '../../core/file-set.ts'
import type { TableRecord } from '../../core/state.ts'
import { qualifiedTableName, tableName } from '../../core/table-schema.ts'
import { lostTokenHint } from '../../file-sets/file-token.ts'
import type { SyncSetting } from '../sync.ts'

export const NOT_MERGED = 'its rows are staged, and not in the table yet: run simplyload files load again'

/** How far tables are complete. */
export class MergedRows {
  readonly #records: ReadonlyMap<string, TableRecord>

  private constructor(records: ReadonlyMap<string, TableRecord>) {
    this.#records = records
  }

  static async read({ config, folder }: SyncSetting, files: Iterable<{ readonly set: FileSet }>): Promise<MergedRows> {
    await using state = await openState(config, folder, 'read')
    const records = new Map<string, TableRecord>()
    for (const source of new Set([...files].map(({ set }) => set.table.source))) {
      for (const record of await state.tables(source)) records.set(qualifiedTableName(record.table), record)
    }
    return new MergedRows(records)
  }

  /** Rows of `table`, as `qualifiedTableName` names it, up to this position are there. */
  has(table: string, position: string): boolean {
    return (this.#records.get(table)?.mergedThrough ?? '') >= position
  }

  /** Why the table has stopped, with what to do; undefined: it has not. */
  problemOf(table: string): string | undefined {
    const record = this.#records.get(table)
    return record === undefined ? undefined : stoppedBecause(record)
  }
}

export function stoppedBecause({ state, table, lastError }: TableRecord): string | undefined {
  if ((state !== 'failed' && state !== 'needs_resync') || lastError === undefined) return undefined
  return state === 'failed' ? lastError : `${lastError}. ${lostTokenHint(tableName(table))}`
}
