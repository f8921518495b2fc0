/** The tables of the live display: which ones, and a line for each. */

import { compact, count, duration } from '../../core/quantity.ts'
import type { TableState } from '../../core/state.ts'
import type { Palette } from '../palette.ts'
import { fitted, printable } from '../terminal-text.ts'
import type { SyncModel, TableModel } from './sync-model.ts'
import { fitPlain, STATE_WORDS, type View } from './view.ts'

/** A live table counts as active for this long after a change. */
const ACTIVE_MS = 15_000
const NAME_MIN = 20
const NAME_MAX = 48

export interface ChosenTables {
  readonly shown: readonly TableModel[]
  /** What the line below them says about the others. */
  readonly rest: string | undefined
  readonly withSource: boolean
}

/**
 * All tables in the order of the configuration where they fit: then no line ever moves. Else those that a person would
 * ask for first, and how many others there are in which state.
 */
export function chooseTables(model: SyncModel, view: View, room: number): ChosenTables {
  const all = [...model.tables.values()]
  const withSource = model.sources.size > 1
  if (all.length <= room) return { shown: all, rest: undefined, withSource }
  const lines = room - 1
  if (view.scroll !== undefined) {
    const first = Math.max(0, Math.min(view.scroll, all.length - lines))
    const shown = all.slice(first, first + lines)
    return { shown, rest: `${first + 1}–${first + shown.length} of ${all.length} tables`, withSource }
  }
  const ranked = all.map((table, index) => ({ table, index, rank: rank(table, view.nowMs) }))
  ranked.sort((a, b) => a.rank - b.rank || a.index - b.index)
  const shown = ranked.slice(0, lines).map(({ table }) => table)
  const others = new Map<TableState, number>()
  for (const { table } of ranked.slice(lines)) others.set(table.state, (others.get(table.state) ?? 0) + 1)
  const counts = [...others].map(([state, tables]) => `${count(tables)} ${STATE_WORDS[state]}`)
  return { shown, rest: `… and ${count(all.length - shown.length)} more: ${counts.join(', ')}`, withSource }
}

function isActive(table: TableModel, nowMs: number): boolean {
  return nowMs - table.changedMs < ACTIVE_MS
}

function rank(table: TableModel, nowMs: number): number {
  switch (table.state) {
    case 'failed':
    case 'needs_resync':
      return 0
    case 'snapshotting':
      return 1
    case 'catching_up':
      return 2
    case 'live':
      return isActive(table, nowMs) || table.backfill !== undefined ? 3 : 6
    case 'pending':
      return 4
    case 'paused':
      return 5
  }
}

interface LiveColumn {
  readonly title: string
  readonly width: number
  readonly value: (table: TableModel, nowMs: number) => string
}

const STATE: LiveColumn = { title: 'STATE', width: 14, value: stateText }
const ROWS: LiveColumn = { title: 'ROWS', width: 13, value: (table) => count(table.rows) }
const ROW_RATE: LiveColumn = {
  title: 'ROWS/S',
  width: 8,
  value: (table, nowMs) => rate(table.rowRate.perSecond(nowMs), compact),
}
const BYTE_RATE: LiveColumn = {
  title: 'MB/S',
  width: 7,
  value: (table, nowMs) => rate(table.byteRate.perSecond(nowMs) / 1e6, (value) => value.toFixed(1)),
}
const LAG: LiveColumn = {
  title: 'LAG',
  width: 9,
  value: lagText,
}
const ETA: LiveColumn = { title: 'ETA', width: 12, value: etaText }

const COLUMNS: readonly LiveColumn[] = [STATE, ROWS, ROW_RATE, BYTE_RATE, LAG, ETA]
/** What goes first where the terminal is narrow. */
const DISPENSABLE: readonly LiveColumn[] = [BYTE_RATE, ETA, LAG, ROW_RATE, ROWS]

export function tableLines(tables: ChosenTables, view: View): readonly string[] {
  const { width, colors } = view
  const columns = [...COLUMNS]
  const nameWidth = (): number => width - 2 - columns.reduce((sum, column) => sum + column.width + 1, 0)
  for (const column of DISPENSABLE) {
    if (nameWidth() < NAME_MIN) columns.splice(columns.indexOf(column), 1)
  }
  const names = Math.max(1, Math.min(NAME_MAX, nameWidth()))
  const titles = columns.map((column) => cell(column.title, column)).join('')
  const lines = tables.shown.map((table) => {
    const name = printable(tables.withSource ? `${table.source} ${table.table}` : table.table)
    const cells = columns.map((column) => {
      const text = cell(column.value(table, view.nowMs), column)
      return column === STATE ? stateColor(table.state, colors)(text) : text
    })
    return `${mark(table, view)} ${fitted(name, names, 'left', 'start')}${cells.join('')}`.trimEnd()
  })
  const heading = colors.dim(fitPlain(`  ${fitted('TABLE', names, 'left')}${titles}`, width))
  return tables.rest === undefined
    ? [heading, ...lines]
    : [heading, ...lines, colors.dim(fitPlain(`  ${tables.rest}`, width))]
}

function cell(text: string, column: LiveColumn): string {
  return ` ${fitted(text, column.width, column === STATE ? 'left' : 'right')}`
}

function stateText(table: TableModel): string {
  if (table.state === 'live' && table.backfill !== undefined) {
    const { rows, estimatedRows } = table.backfill
    return estimatedRows === 0 ? 'backfill' : `backfill ${Math.min(99, Math.floor((rows / estimatedRows) * 100))} %`
  }
  if (table.state !== 'snapshotting' || table.estimatedRows === 0) return STATE_WORDS[table.state]
  // The estimate may be too small: 100 % is when it is done.
  return `${STATE_WORDS.snapshotting} ${Math.min(99, Math.floor((table.snapshotRows / table.estimatedRows) * 100))} %`
}

/**
 * What waits makes a table older and older. One for which nothing waits is as fresh as its source, and how long its last
 * change took says nothing about now.
 */
function lagText(table: TableModel, nowMs: number): string {
  const waitedMs = table.waiting === undefined ? 0 : nowMs - table.waiting.sinceMs
  if (waitedMs >= 1_000) return duration(waitedMs)
  return isActive(table, nowMs) && table.latencyMs !== undefined ? duration(table.latencyMs) : ''
}

function etaText(table: TableModel, nowMs: number): string {
  if (table.state !== 'snapshotting') return ''
  return remainingText(table.estimatedRows - table.snapshotRows, table.rowRate.perSecond(nowMs))
}

/** Empty where nothing can be said: rows are an estimate, and "0 ms" would stand there while the last ones are written. */
export function remainingText(rows: number, perSecond: number): string {
  const ms = perSecond > 0 ? (rows / perSecond) * 1000 : 0
  return ms < 500 ? '' : duration(ms)
}

function rate(perSecond: number, format: (value: number) => string): string {
  return perSecond < 0.05 ? '' : format(perSecond)
}

function mark(table: TableModel, { nowMs, colors }: View): string {
  if (table.state === 'live' && table.backfill !== undefined) return colors.cyan('◐')
  if (table.state === 'failed' || table.state === 'needs_resync') return colors.red('✗')
  if (table.state === 'snapshotting' || table.state === 'catching_up') return colors.cyan('◐')
  if (table.state !== 'live') return colors.dim('○')
  return isActive(table, nowMs) ? colors.green('●') : colors.dim('●')
}

function stateColor(state: TableState, colors: Palette): (text: string) => string {
  if (state === 'failed' || state === 'needs_resync') return colors.red
  if (state === 'live') return colors.green
  return state === 'snapshotting' || state === 'catching_up' ? colors.cyan : colors.dim
}
