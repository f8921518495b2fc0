/** Rows of tables as committed, and what they weigh: files that were loaded as they are, other rows by the types of their columns. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { RowDelta } from '../execution/session-transaction.ts'
import { valueBytes } from '../warehouses/cost-model.ts'
import type { TableObject } from './catalog-objects.ts'

export interface TableSize {
  readonly rows: number
  readonly bytes: number
}

const EMPTY: TableSize = { rows: 0, bytes: 0 }

export class TableSizes {
  readonly #sizes = new Map<number, TableSize>()

  /** Of a table that was there before this process. */
  async load(connection: DuckDBConnection, table: TableObject): Promise<void> {
    const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${table.from}`)
    const rows = Number(reader.getRows()[0]?.[0] ?? 0)
    this.#sizes.set(table.id, { rows, bytes: rows * rowBytes(table) })
  }

  of(table: number): TableSize {
    return this.#sizes.get(table) ?? EMPTY
  }

  add({ table, rows, bytes }: RowDelta): void {
    const before = this.of(table)
    const after = Math.max(0, before.rows + rows)
    // Rows that go take their share with them.
    const removed = rows < 0 && before.rows > 0 ? (before.bytes * -rows) / before.rows : 0
    this.#sizes.set(table, { rows: after, bytes: after === 0 ? 0 : Math.max(0, before.bytes + bytes - removed) })
  }

  copy(from: number, to: number): void {
    this.#sizes.set(to, this.of(from))
  }

  forget(table: number): void {
    this.#sizes.delete(table)
  }
}

export function rowBytes(table: TableObject): number {
  return table.columns.reduce((sum, { type }) => sum + valueBytes(type.kind), 0)
}
