/** What the configuration says about polling a table. */

import type { RelationName } from '../catalog.ts'
import type { PostgresSourceConfig, PostgresTableConfig } from '../config.ts'
import { expandTables } from '../table-selection.ts'

export interface PollOptions {
  /** Column whose values rise with each change. `false`: none. Undefined: one that is named as such columns are. */
  readonly cursor: string | false | undefined
  /** Rows whose cursor is NULL. `error`: they stop the table. */
  readonly nullCursor: 'include' | 'ignore' | 'error'
  /** A row is deleted where this column is true, or a time. */
  readonly softDeleteColumn: string | undefined
  /** How often keys are compared to find deleted rows; 0: at each poll. Undefined: never. */
  readonly detectDeletesMs: number | undefined
}

export function pollOptions(config: PostgresSourceConfig, table: RelationName): PollOptions {
  const [found] = expandTables(config.tables, [table]).filter(
    (each) => each.table.namespace === table.namespace && each.table.name === table.name,
  )
  return found === undefined ? DEFAULTS : optionsOf(found.entry)
}

function optionsOf(entry: PostgresTableConfig): PollOptions {
  return {
    cursor: entry.cursor,
    nullCursor: entry.null_cursor,
    softDeleteColumn: entry.soft_delete_column,
    detectDeletesMs: entry.detect_deletes,
  }
}

const DEFAULTS: PollOptions = {
  cursor: undefined,
  nullCursor: 'include',
  softDeleteColumn: undefined,
  detectDeletesMs: undefined,
}
