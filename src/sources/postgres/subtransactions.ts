/**
 * Which rows of a transaction in progress belong to which of its subtransactions, and which of these were rolled back.
 *
 * Rows of one subtransaction mostly follow each other, so runs are stored: 12 bytes a run, and 4 bytes for each
 * subtransaction that was rolled back. A transaction with a savepoint around each of a million rows takes 12 MB; a plain
 * one takes 12 bytes. Nothing is searched before the end, where one sweep finds the ranges.
 */
export class Subtransactions {
  #runs = 0
  #ids = new Uint32Array(4)
  #firsts = new Float64Array(4)
  #rolledBack = new Uint32Array(4)
  #rolledBackCount = 0

  /** The row with this ordinal belongs to this subtransaction. Ordinals rise. */
  append(id: number, ordinal: number): void {
    const runs = this.#runs
    if (runs > 0 && this.#ids[runs - 1] === id) return
    if (runs === this.#ids.length) {
      this.#ids = grown(this.#ids, new Uint32Array(runs * 2))
      this.#firsts = grown(this.#firsts, new Float64Array(runs * 2))
    }
    this.#ids[runs] = id
    this.#firsts[runs] = ordinal
    this.#runs = runs + 1
  }

  /** Postgres tells each subtransaction on its own, those that were nested in it too. */
  rollBack(id: number): void {
    const count = this.#rolledBackCount
    if (count === this.#rolledBack.length) this.#rolledBack = grown(this.#rolledBack, new Uint32Array(count * 2))
    this.#rolledBack[count] = id
    this.#rolledBackCount = count + 1
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#ids.byteLength + this.#firsts.byteLength + this.#rolledBack.byteLength
  }

  /**
   * Ranges of ordinals of rows that were rolled back: [first, last, first, last, …], sorted, neighbours merged.
   * `lastOrdinal`: of the transaction.
   */
  rolledBackRanges(lastOrdinal: number): Float64Array {
    if (this.#rolledBackCount === 0) return new Float64Array(0)
    const gone = new Set(this.#rolledBack.subarray(0, this.#rolledBackCount))
    let ranges = new Float64Array(8)
    let length = 0
    for (let run = 0; run < this.#runs; run++) {
      if (!gone.has(this.#ids[run] ?? 0)) continue
      const first = this.#firsts[run] ?? 0
      const last = run + 1 < this.#runs ? (this.#firsts[run + 1] ?? 0) - 1 : lastOrdinal
      if (length > 0 && ranges[length - 1] === first - 1) {
        ranges[length - 1] = last
        continue
      }
      if (length === ranges.length) ranges = grown(ranges, new Float64Array(length * 2))
      ranges[length] = first
      ranges[length + 1] = last
      length += 2
    }
    return ranges.slice(0, length)
  }
}

function grown<Values extends Uint32Array | Float64Array>(from: Values, to: Values): Values {
  to.set(from)
  return to
}
