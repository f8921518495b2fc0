/**
 * When a boundary is due. Three reasons: commits have waited long enough, somebody asked for one, or the log moved on
 * without us (other tables, other databases), so that the server may forget it. Knows nothing of clocks; times are in
 * milliseconds of a clock that does not jump.
 *
 * What is recorded of a boundary may itself be written to this server, and moves its log on. So only a stretch that is
 * worth it makes a boundary due, else an idle sync would write for ever about what it has written.
 */

/** PostgreSQL frees its log by segments of this size. */
const MOVED_BYTES_MIN = 16n << 20n

/** What lies between two boundaries. */
export interface BoundaryContent {
  /** Everything that commits before it has been read. */
  readonly lsn: bigint
  readonly transactions: number
  readonly changes: number
  readonly newestCommitMs: number | undefined
}

export class BoundaryPacer {
  readonly #flushAfterMs: number
  #readThrough: bigint
  #lastLsn: bigint
  #lastMs: number
  #transactions = 0
  #changes = 0
  #newestCommitMs: number | undefined
  #batchYielded = false
  #requested: bigint | undefined

  constructor(flushAfterMs: number, fromLsn: bigint, nowMs: number) {
    this.#flushAfterMs = flushAfterMs
    this.#readThrough = fromLsn
    this.#lastLsn = fromLsn
    this.#lastMs = nowMs
  }

  /** Every commit before it has been received. */
  get readThrough(): bigint {
    return this.#readThrough
  }

  /** A boundary was asked for that the log has not been read up to. */
  get requested(): bigint | undefined {
    return this.#requested !== undefined && this.#requested > this.#readThrough ? this.#requested : undefined
  }

  /** `endLsn`: behind the commit. `commitMs`: by the source's clock, since 1970. */
  committed(endLsn: bigint, commitMs: number, changes: number): void {
    this.#transactions++
    this.#changes += changes
    if (this.#newestCommitMs === undefined || commitMs > this.#newestCommitMs) this.#newestCommitMs = commitMs
    this.reached(endLsn)
  }

  /** The log has been read up to here, and there was nothing for us. */
  reached(lsn: bigint): void {
    if (lsn > this.#readThrough) this.#readThrough = lsn
  }

  /** Rows have left: a boundary should follow soon, so that they count. */
  batchYielded(): void {
    this.#batchYielded = true
  }

  request(lsn: bigint): void {
    if (this.#requested === undefined || lsn > this.#requested) this.#requested = lsn
  }

  /** Only to be asked between transactions. */
  isDue(nowMs: number): boolean {
    if (this.#requested !== undefined && this.#requested <= this.#readThrough) return true
    if (this.#transactions > 0 && this.#batchYielded) return true
    return this.#hasMoved() && nowMs - this.#lastMs >= this.#flushAfterMs
  }

  /** Until `isDue` becomes true by itself; undefined: not without further bytes. */
  dueInMs(nowMs: number): number | undefined {
    return this.#hasMoved() ? Math.max(0, this.#lastMs + this.#flushAfterMs - nowMs) : undefined
  }

  /** Ends the stretch. */
  take(nowMs: number): BoundaryContent {
    const content: BoundaryContent = {
      lsn: this.#readThrough,
      transactions: this.#transactions,
      changes: this.#changes,
      newestCommitMs: this.#newestCommitMs,
    }
    this.#lastLsn = this.#readThrough
    this.#lastMs = nowMs
    this.#transactions = 0
    this.#changes = 0
    this.#newestCommitMs = undefined
    this.#batchYielded = false
    if (this.#requested !== undefined && this.#requested <= this.#readThrough) this.#requested = undefined
    return content
  }

  #hasMoved(): boolean {
    return this.#transactions > 0 || this.#readThrough - this.#lastLsn >= MOVED_BYTES_MIN
  }
}
