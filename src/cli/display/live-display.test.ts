import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { type DisplayTerminal, LiveDisplay } from './live-display.ts'

/** A terminal as far as the display uses one: printed text, cursor up, carriage return, erase. It rewraps on resize. */
class Screen implements DisplayTerminal {
  columns: number
  rows = 24
  cursorVisible = true
  lines: string[] = ['']
  #row = 0
  #column = 0
  readonly listeners = new Set<() => void>()

  constructor(columns: number) {
    this.columns = columns
  }

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal reads them
    for (const [token] of text.matchAll(/\x1b\[\??[\d;]*[A-Za-z]|[\s\S]/g)) this.#apply(token)
  }

  #apply(token: string): void {
    if (token === '\x1b[?25l') this.cursorVisible = false
    else if (token === '\x1b[?25h') this.cursorVisible = true
    else if (token === '\x1b[K') this.lines[this.#row] = this.#line().slice(0, this.#column)
    else if (token === '\x1b[J') {
      this.lines.length = this.#row + 1
      this.lines[this.#row] = this.#line().slice(0, this.#column)
    } else if (token.endsWith('A')) this.#row = Math.max(0, this.#row - Number(token.slice(2, -1)))
    else if (token === '\r') this.#column = 0
    else if (token === '\n') {
      this.#row += 1
      this.#column = 0
      this.lines[this.#row] ??= ''
    } else if (!token.startsWith('\x1b')) {
      const line = this.#line().padEnd(this.#column)
      this.lines[this.#row] = line.slice(0, this.#column) + token + line.slice(this.#column + 1)
      this.#column += 1
    }
  }

  #line(): string {
    return this.lines[this.#row] ?? ''
  }

  resize(columns: number): void {
    this.columns = columns
    const above = this.lines.slice(0, this.#row)
    const wrapped = above.flatMap((line) => line.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [''])
    this.lines = [...wrapped, ...this.lines.slice(this.#row)]
    this.#row = wrapped.length
    for (const listener of this.listeners) listener()
  }

  on(_event: 'resize', listener: () => void): void {
    this.listeners.add(listener)
  }

  off(_event: 'resize', listener: () => void): void {
    this.listeners.delete(listener)
  }
}

test('a frame replaces the one before it, and what the shell showed stays', () => {
  const screen = new Screen(40)
  screen.write('$ simplyload sync\n')
  let frame = ['first', 'second', 'third']
  using display = new LiveDisplay(screen, () => frame)
  expect(screen.lines).toEqual(['$ simplyload sync', 'first', 'second', 'third', ''])
  frame = ['1st', '2nd']
  display.draw()
  expect(screen.lines).toEqual(['$ simplyload sync', '1st', '2nd', ''])
  expect(screen.cursorVisible).toBe(false)
})

test('the end takes the display away and gives the cursor back', () => {
  const screen = new Screen(40)
  screen.write('$ simplyload sync\n')
  const display = new LiveDisplay(screen, () => ['a', 'b'])
  display[Symbol.dispose]()
  expect(screen.lines).toEqual(['$ simplyload sync', ''])
  expect(screen.cursorVisible).toBe(true)
  expect(screen.listeners.size).toBe(0)
})

test('the cursor also comes back when the process exits in the middle', () => {
  const screen = new Screen(40)
  const before = process.listeners('exit')
  using _display = new LiveDisplay(screen, () => ['a'])
  const added = process.listeners('exit').filter((listener) => !before.includes(listener))
  for (const listener of added) listener.call(process, 0)
  expect(screen.cursorVisible).toBe(true)
})

test('a narrower terminal wraps what was drawn; the next frame still covers all of it', () => {
  const screen = new Screen(40)
  screen.write('$ simplyload sync\n')
  using _display = new LiveDisplay(screen, (width) => ['x'.repeat(Math.min(width, 30)), 'tail'])
  screen.resize(12)
  expect(screen.lines).toEqual(['$ simplyload', ' sync', 'x'.repeat(12), 'tail', ''])
})

test('nothing is written while nothing changes', () => {
  const screen = new Screen(40)
  let written = 0
  const counting: DisplayTerminal = {
    columns: 40,
    write: (text) => {
      written += stripVTControlCharacters(text).length
      screen.write(text)
    },
    on: () => undefined,
    off: () => undefined,
  }
  using display = new LiveDisplay(counting, () => ['same'])
  const after = written
  display.draw()
  expect(written).toBe(after)
})
