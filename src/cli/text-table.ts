/** Rows under headings, aligned, for `status`, `discover`, `query` and the like. */
import { displayWidth, fitted, printable } from './terminal-text.ts'

export interface TextColumn {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Columns that a terminal too narrow for all may cut, with an ellipsis. */
  readonly flexible?: boolean
}

const GAP = '  '
const FLEXIBLE_MIN = 10

/** `width`: of the terminal; Infinity for files and pipes, where nothing is cut. The first line holds the titles. */
export function textTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly string[] {
  const cells = [columns.map((column) => column.title), ...rows].map((row) =>
    columns.map((_, i) => printable(row[i] ?? '')),
  )
  const widths = columns.map((_, i) => cells.reduce((widest, row) => Math.max(widest, displayWidth(row[i] ?? '')), 0))
  shrink(columns, widths, width - GAP.length * (columns.length - 1))
  return cells.map((row) =>
    columns
      .map((column, i) => fitted(row[i] ?? '', widths[i] ?? 0, column.align ?? 'left'))
      .join(GAP)
      .trimEnd(),
  )
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
