/**
 * Sees to it that tables which need a snapshot get one. Those that come while others are being read do not wait for them:
 * they are read by a run of their own, over one connection. More than two runs would only hold more snapshots open.
 */
import type { SourceContext } from './context.ts'
import type { SnapshotPorts } from './snapshot-ports.ts'
import { isUnread, runSnapshots } from './snapshotter.ts'
import type { BookedTable } from './table-book.ts'
import type { Wake } from './wake.ts'

export interface SnapshotLoopPorts extends SnapshotPorts {
  /** Others may read the destination. */
  readonly letGo: () => Promise<void>
  /** There is nothing to be read. */
  readonly idle: () => void
  /** Owns a run: hears of its failure. */
  readonly watch: (run: Promise<void>) => Promise<void>
}

const RUNS_MAX = 2

export class SnapshotLoop {
  readonly #context: SourceContext
  readonly #ports: SnapshotLoopPorts
  readonly #wake: Wake
  readonly #reading = new Set<BookedTable>()
  readonly #runs = new Set<Promise<void>>()

  constructor(context: SourceContext, ports: SnapshotLoopPorts, wake: Wake) {
    this.#context = context
    this.#ports = ports
    this.#wake = wake
  }

  /** Tables of this run that are not read yet. */
  unread(): readonly BookedTable[] {
    const { only } = this.#context
    return this.#ports.book.all().filter((table) => isUnread(table) && (only === undefined || only.has(table.name)))
  }

  /** Until a stop is asked for. */
  async run(): Promise<void> {
    const { stop, idle } = this.#ports
    while (!stop.graceful.aborted) {
      const tables = this.unread().filter((table) => !this.#reading.has(table))
      if (tables.length > 0 && this.#runs.size < RUNS_MAX) {
        this.#begin(tables)
        continue
      }
      if (this.#runs.size === 0) idle()
      await this.#wake.wait(Number.POSITIVE_INFINITY, stop.graceful)
    }
    await Promise.all(this.#runs)
  }

  #begin(tables: readonly BookedTable[]): void {
    const { snapshotConnections } = this.#context.settings
    const connections = this.#runs.size === 0 ? snapshotConnections : 1
    for (const table of tables) this.#reading.add(table)
    const run = this.#ports.watch(this.#read(tables, connections)).finally(() => {
      this.#runs.delete(run)
      for (const table of tables) this.#reading.delete(table)
      this.#wake.notify()
    })
    this.#runs.add(run)
  }

  async #read(tables: readonly BookedTable[], connections: number): Promise<void> {
    await runSnapshots(this.#context, this.#ports, tables, connections)
    await this.#ports.letGo()
  }
}
