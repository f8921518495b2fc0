/**
 * What is known of layouts, so that a flush does not ask for them again. Only who has the lease of a source changes them, and
 * whoever lost it finds out with the first statement of the next transaction: what is kept is true, or useless.
 */
import { type TableId, tableName } from '../../core/table-schema.ts'
import { LayoutBook } from '../../warehouse/layout-book.ts'
import { loadLayouts } from './layout-store.ts'
import type { SnowflakeSession } from './session.ts'

interface KnownLayouts {
  readonly book: LayoutBook
  readonly tables: Set<string>
}

export class LayoutCache {
  readonly #sources = new Map<string, KnownLayouts>()

  /** Changes that are committed go into the book. */
  async load(session: SnowflakeSession, source: string, tables: readonly TableId[]): Promise<LayoutBook> {
    const known = this.#sources.get(source) ?? { book: new LayoutBook(), tables: new Set() }
    this.#sources.set(source, known)
    const asked = tables.filter((table) => !known.tables.has(tableName(table)))
    const found = await loadLayouts(session, source, asked)
    for (const table of asked) {
      for (const slot of ['final', 'shadow'] as const) {
        const stored = found.get(table, slot)
        if (stored !== undefined) known.book.set(table, slot, stored)
      }
      known.tables.add(tableName(table))
    }
    return known.book
  }

  /** After what may have changed them, whether it came to an end or not. */
  forget(source: string): void {
    this.#sources.delete(source)
  }
}
