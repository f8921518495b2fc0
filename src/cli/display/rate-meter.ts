/** A rate over the last few seconds, in constant space: one bucket per second, overwritten in turn. */
const SECONDS = 5

export class RateMeter {
  readonly #amounts = new Float64Array(SECONDS)
  readonly #stamps = new Float64Array(SECONDS).fill(-1)
  #firstMs: number | undefined

  add(amount: number, atMs: number): void {
    this.#firstMs ??= atMs
    const second = Math.floor(atMs / 1000)
    const slot = second % SECONDS
    if (this.#stamps[slot] !== second) {
      this.#stamps[slot] = second
      this.#amounts[slot] = 0
    }
    this.#amounts[slot] = (this.#amounts[slot] ?? 0) + amount
  }

  /** Per second. It falls to 0 by itself when nothing is added. */
  perSecond(nowMs: number): number {
    if (this.#firstMs === undefined) return 0
    const oldest = Math.floor(nowMs / 1000) - SECONDS + 1
    let sum = 0
    for (let slot = 0; slot < SECONDS; slot += 1) {
      if ((this.#stamps[slot] ?? -1) >= oldest) sum += this.#amounts[slot] ?? 0
    }
    // At the start the window is as long as what was seen, but never so short that one event looks like a torrent.
    const windowMs = Math.min(nowMs - Math.max(this.#firstMs, oldest * 1000), SECONDS * 1000)
    return (sum * 1000) / Math.max(windowMs, 1000)
  }
}
