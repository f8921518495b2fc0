/** How far the tables of file sets are complete: what is staged is remembered as loaded before it is there. */
import type { SyncSetting } from './app-sync.ts'
import { openState } from './connectors.ts'
import type { FileSet } from './core/file-set.ts'
import { qualifiedTableName } from './core/table-schema.ts'

export const NOT_MERGED = 'its rows are staged, and not in the table yet: run simplyload files load again'

/** How far tables are complete. */
export class MergedRows {
  readonly #through: ReadonlyMap<string, string>

  private constructor(through: ReadonlyMap<string, string>) {
    this.#through = through
  }

  static async read({ config, folder }: SyncSetting, files: Iterable<{ readonly set: FileSet }>): Promise<MergedRows> {
    await using state = await openState(config, folder, 'read')
    const through = new Map<string, string>()
    for (const source of new Set([...files].map(({ set }) => set.table.source))) {
      for (const { table, mergedThrough } of await state.tables(source))
        through.set(qualifiedTableName(table), mergedThrough ?? '')
    }
    return new MergedRows(through)
  }

  /** Rows of `table`, as `qualifiedTableName` names it, up to this position are there. */
  has(table: string, position: string): boolean {
    return (this.#through.get(table) ?? '') >= position
  }
}
