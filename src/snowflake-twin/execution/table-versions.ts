/** When each table was last changed by a commit, as a number that only rises; tells whether a transaction's view of it is old. */
export class TableVersions {
  readonly #changed = new Map<number, number>()
  #sequence = 0

  get sequence(): number {
    return this.#sequence
  }

  isNewer(tables: Iterable<number>, than: number): boolean {
    for (const table of tables) if ((this.#changed.get(table) ?? 0) > than) return true
    return false
  }

  markChanged(tables: Iterable<number>): void {
    this.#sequence++
    for (const table of tables) this.#changed.set(table, this.#sequence)
  }
}
