/**
 * Where a command's words go.
 *
 * With `--json` standard output holds JSON lines and nothing else. Without it, standard output holds the answer that was
 * asked for (a table, YAML) so that it can be redirected, and standard error everything said on the way.
 */
import type { Palette } from './palette.ts'
import { type TextColumn, textTable } from './text-table.ts'

export interface TextStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface Output {
  readonly json: boolean
  /** Colours for standard output. */
  readonly colors: Palette
  /** Colours for standard error. */
  readonly noteColors: Palette
  /** One JSON line; nothing without `--json`. */
  event(fields: Readonly<Record<string, unknown>>): void
  /** A line of the answer; nothing with `--json`. */
  answer(line?: string): void
  table(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): void
  /** A remark for people, on standard error. Nothing with `--json`. */
  note(line: string): void
  /** What people must see even where a machine reads standard output: errors. */
  alert(lines: readonly string[]): void
}

export function createOutput(
  json: boolean,
  stdout: TextStream,
  stderr: TextStream,
  colors: readonly [Palette, Palette],
  /** Hears each JSON line, also where none is printed. */
  onEvent?: (line: string) => void,
): Output {
  const [answerColors, noteColors] = colors
  const answer = (line = ''): void => {
    if (!json) stdout.write(`${line}\n`)
  }
  return {
    json,
    colors: answerColors,
    noteColors,
    answer,
    event(fields) {
      if (!json && onEvent === undefined) return
      const line = JSON.stringify(fields, jsonValue)
      onEvent?.(line)
      if (json) stdout.write(`${line}\n`)
    },
    table(columns, rows) {
      const width = stdout.isTTY === true ? (stdout.columns ?? 80) : Infinity
      const [titles = '', ...lines] = textTable(columns, rows, width)
      answer(answerColors.bold(titles))
      for (const line of lines) answer(line)
    },
    note(line) {
      if (!json) stderr.write(`${line}\n`)
    },
    alert(lines) {
      stderr.write(lines.map((line) => `${line}\n`).join(''))
    },
  }
}

/** Numbers beyond 2^53 would be rounded by whoever reads them; as text they are not. */
function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
