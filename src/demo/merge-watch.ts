import type { ProgressEvent } from '../core/progress.ts'

/** Listens to a run: which tables are live, and when something was merged. */
export class MergeWatch {
  readonly #live = new Set<string>()
  #waiting: (() => void)[] = []
  merges = 0
  /** By `performance.now()`. */
  lastMergeMs = 0
  rowsCopied = 0
  /** Commit at the source → visible, of each merge, in milliseconds. */
  readonly latencies: number[] = []
  readonly #rows = new Map<string, number>()

  readonly listener = (event: ProgressEvent): void => {
    if (event.event === 'state') {
      if (event.state === 'live') this.#live.add(event.table)
      else this.#live.delete(event.table)
    } else if (event.event === 'snapshot') {
      this.rowsCopied += event.rows - (this.#rows.get(event.table) ?? 0)
      this.#rows.set(event.table, event.rows)
    } else if (event.event === 'merged') {
      this.merges += 1
      this.lastMergeMs = performance.now()
      if (event.latencyMs !== undefined) this.latencies.push(event.latencyMs)
    } else return
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  get liveTables(): number {
    return this.#live.size
  }

  /** Resolves at the next event that changes anything here. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
