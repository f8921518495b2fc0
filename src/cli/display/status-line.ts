/** One line at the foot of a terminal that is written anew, while other lines go on above it. */
import type { TextStream } from '../output.ts'
import { fitted, printable } from '../terminal-text.ts'

const ERASE = '\r\x1b[2K'

export class StatusLine implements Disposable {
  readonly #stream: TextStream
  #drawn = ''

  constructor(stream: TextStream) {
    this.#stream = stream
  }

  draw(text: string): void {
    const line = fitted(printable(text), Math.max(10, (this.#stream.columns ?? 80) - 1), 'left').trimEnd()
    if (line === this.#drawn) return
    this.#stream.write(`${ERASE}${line}`)
    this.#drawn = line
  }

  /** Takes it away while `work` writes whole lines. */
  around(work: () => void): void {
    if (this.#drawn !== '') this.#stream.write(ERASE)
    work()
    if (this.#drawn !== '') this.#stream.write(this.#drawn)
  }

  [Symbol.dispose](): void {
    if (this.#drawn !== '') this.#stream.write(ERASE)
    this.#drawn = ''
  }
}
