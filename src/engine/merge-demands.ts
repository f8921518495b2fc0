/** Tables that somebody wants to be up to date now, whatever their freshness. */
import { laterPosition, type Position } from '../core/position.ts'
import type { BookedTable } from './table-book.ts'

interface Demand {
  readonly table: BookedTable
  /** Where the table is to come at least. */
  readonly at: Position
}

export class MergeDemands {
  /** By the id of the request. */
  readonly #demands = new Map<string, Demand>()

  add(request: string, table: BookedTable, at: Position): void {
    this.#demands.set(request, { table, at })
  }

  /** How far the tables of the group are wanted. */
  wants(group: string): Position | undefined {
    let furthest: Position | undefined
    for (const { table, at } of this.#demands.values())
      if (table.group === group) furthest = laterPosition(furthest, at)
    return furthest
  }

  /** Undefined where this run does not know of the request. */
  isMet(request: string): boolean | undefined {
    const demand = this.#demands.get(request)
    return demand === undefined ? undefined : (demand.table.checkpoint ?? '') >= demand.at
  }

  forget(request: string): void {
    this.#demands.delete(request)
  }

  get isEmpty(): boolean {
    return this.#demands.size === 0
  }
}
