/** A line longer than this is given on in pieces. */
const LINE_BYTES_MAX = 1 << 20

/** Whole lines of bytes that come in pieces, as characters may be cut where pieces are. */
export class LineBuffer {
  #rest: Buffer = Buffer.alloc(0)

  /** The lines that are complete now, with their ends; mostly several, or none. */
  add(bytes: Buffer): string {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const end = all.lastIndexOf(10) + 1
    if (end === 0 && all.length > LINE_BYTES_MAX) {
      this.#rest = Buffer.alloc(0)
      return all.toString()
    }
    this.#rest = Buffer.from(all.subarray(end))
    return all.toString('utf8', 0, end)
  }

  drop(): void {
    this.#rest = Buffer.alloc(0)
  }

  /** What has no end yet. */
  rest(): string {
    return this.#rest.toString()
  }
}
