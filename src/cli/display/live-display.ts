/**
 * Draws lines in place, at most ten times a second and only when they changed.
 *
 * A frame overwrites the one before it and erases only what is left over, inside a synchronized update, so nothing
 * flickers. It stays in the normal screen: what the shell showed before is still there afterwards. The cursor comes back
 * however the process ends.
 */
import { stripVTControlCharacters } from 'node:util'
import { displayWidth } from '../terminal-text.ts'

export interface DisplayTerminal {
  write(text: string): unknown
  readonly columns?: number
  readonly rows?: number
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

/** Lines for a terminal of this size, none wider, fewer than it has lines. */
export type RenderFrame = (width: number, height: number) => readonly string[]

const FRAME_MS = 100
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const BEGIN_FRAME = '\x1b[?2026h'
const END_FRAME = '\x1b[?2026l'
const ERASE_LINE_END = '\x1b[K'
const ERASE_BELOW = '\x1b[J'

export class LiveDisplay implements Disposable {
  readonly #terminal: DisplayTerminal
  readonly #render: RenderFrame
  readonly #timer: NodeJS.Timeout
  readonly #draw = (): void => this.draw()
  readonly #showCursor = (): void => {
    this.#terminal.write(END_FRAME + SHOW_CURSOR)
  }
  #drawn: readonly string[] = []

  constructor(terminal: DisplayTerminal, render: RenderFrame) {
    this.#terminal = terminal
    this.#render = render
    process.once('exit', this.#showCursor)
    terminal.on('resize', this.#draw)
    terminal.write(HIDE_CURSOR)
    this.#timer = setInterval(this.#draw, FRAME_MS)
    this.draw()
  }

  draw(): void {
    const width = this.#terminal.columns ?? 80
    const lines = this.#render(width, this.#terminal.rows ?? 24)
    if (lines.length === this.#drawn.length && lines.every((line, i) => line === this.#drawn[i])) return
    const body = lines.map((line) => `${line}${ERASE_LINE_END}\n`).join('')
    this.#terminal.write(BEGIN_FRAME + this.#toTop(width) + body + ERASE_BELOW + END_FRAME)
    this.#drawn = lines
  }

  /** Takes the display away, so that what is written next stands in its place. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#terminal.off('resize', this.#draw)
    process.off('exit', this.#showCursor)
    this.#terminal.write(this.#toTop(this.#terminal.columns ?? 80) + ERASE_BELOW + SHOW_CURSOR)
    this.#drawn = []
  }

  /** Lines that were drawn for a wider terminal are wrapped by now and take more than one. */
  #toTop(width: number): string {
    const height = this.#drawn.reduce((sum, line) => {
      return sum + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / Math.max(1, width)))
    }, 0)
    return height === 0 ? '' : `\x1b[${height}A\r`
  }
}
