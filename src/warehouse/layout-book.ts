/** The layouts of tables as they are recorded on a destination, once they are read. */
import type { Position } from '../core/position.ts'
import type { TableId } from '../core/table-schema.ts'
import type { TableLayout } from './table-layout.ts'

export type Slot = 'final' | 'shadow'

export interface StoredLayout {
  readonly layout: TableLayout
  /** Only for a shadow table: the snapshot in it is complete as of here. */
  readonly finishedPosition: Position | undefined
  /** The key by which the table was clustered, in the destination's SQL; absent: never. */
  readonly clusterKey?: string | undefined
}

export class LayoutBook {
  readonly #stored = new Map<string, StoredLayout>()

  set(table: TableId, slot: Slot, stored: StoredLayout): void {
    this.#stored.set(entryKey(table, slot), stored)
  }

  get(table: TableId, slot: Slot): StoredLayout | undefined {
    return this.#stored.get(entryKey(table, slot))
  }
}

function entryKey(table: TableId, slot: Slot): string {
  return JSON.stringify([table.namespace, table.name, slot])
}
