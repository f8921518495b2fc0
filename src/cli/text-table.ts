/** Rows under headings, aligned, for `status`, `discover`, `query` and the like. */
import { displayWidth, fitted, printable } from './terminal-text.ts'

export interface TextColumn {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Columns that a terminal too narrow for all may cut, with an ellipsis. */
  readonly flexible?: boolean
  /** Such columns are left out where a terminal is too narrow: the smallest number first, and empty ones before. */
  readonly dispensable?: number
}

const GAP = '  '
const FLEXIBLE_MIN = 10
/** Columns go before a flexible one is narrower than this. */
const FLEXIBLE_COMFORT = 20

/** `width`: of the terminal; Infinity for files and pipes, where nothing is cut. The first line holds the titles. */
export function textTable(
  all: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly string[] {
  const texts = [all.map((column) => column.title), ...rows].map((row) => all.map((_, i) => printable(row[i] ?? '')))
  const wholeWidths = all.map((_, i) => texts.reduce((widest, row) => Math.max(widest, displayWidth(row[i] ?? '')), 0))
  const kept = keptColumns(all, wholeWidths, (i) => texts.slice(1).every((row) => row[i] === ''), width)
  const columns = kept.flatMap((i) => all[i] ?? [])
  const widths = kept.map((i) => wholeWidths[i] ?? 0)
  shrink(columns, widths, width - GAP.length * (columns.length - 1))
  return texts.map((row) =>
    columns
      .map((column, i) => fitted(row[kept[i] ?? 0] ?? '', widths[i] ?? 0, column.align ?? 'left'))
      .join(GAP)
      .trimEnd(),
  )
}

/** Indices of the columns that have room. */
function keptColumns(
  columns: readonly TextColumn[],
  widths: readonly number[],
  isEmpty: (index: number) => boolean,
  available: number,
): readonly number[] {
  let kept = columns.map((_, i) => i)
  const needed = (flexibleMax: number) =>
    kept.reduce((sum, i) => {
      const width = widths[i] ?? 0
      return sum + GAP.length + (columns[i]?.flexible === true ? Math.min(width, flexibleMax) : width)
    }, -GAP.length)
  if (needed(Number.POSITIVE_INFINITY) > available)
    kept = kept.filter((i) => columns[i]?.dispensable === undefined || !isEmpty(i))
  const rank = (i: number) => columns[i]?.dispensable ?? Number.POSITIVE_INFINITY
  for (const least of kept.toSorted((a, b) => rank(a) - rank(b))) {
    if (columns[least]?.dispensable === undefined || needed(FLEXIBLE_COMFORT) <= available) break
    kept = kept.filter((i) => i !== least)
  }
  return kept
}

/** Takes from the widest flexible column until the row fits or nothing more can be taken. */
function shrink(columns: readonly TextColumn[], widths: number[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - available
  while (excess > 0 && excess !== Infinity) {
    let widest = -1
    columns.forEach((column, i) => {
      const width = widths[i] ?? 0
      if (column.flexible === true && width > FLEXIBLE_MIN && (widest < 0 || width > (widths[widest] ?? 0))) widest = i
    })
    if (widest < 0) return
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
}
