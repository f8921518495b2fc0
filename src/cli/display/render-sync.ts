/**
 * The display of `sync` as lines of text: a function of what is known, the size of the terminal and the time. Every line
 * fits the width, so that the terminal never wraps, and there are fewer lines than the terminal has.
 */
import { parsePosition } from '../../core/position.ts'
import { bytes, compact, count, counted, duration, stopwatch, timeOfDay } from '../../core/quantity.ts'
import { PLAIN } from '../palette.ts'
import { displayWidth, fitted, printable, wrap } from '../terminal-text.ts'
import { percentile, progressBar, sparkline } from './sparkline.ts'
import type { Note, SourceModel, SyncModel } from './sync-model.ts'
import { chooseTables, remainingText, tableLines } from './table-section.ts'
import { fitPlain, type View } from './view.ts'

const NARROW = 44
const NOTE_LINES_MAX = 4
const NEWEST_NOTE_LINES_MAX = 8
const INDENT = ' '.repeat('12:04:05 '.length)
const TABLES_MIN = 3

export function renderSync(model: SyncModel, view: View): readonly string[] {
  // A line with colours cannot be cut; below this width they go, and every line is.
  if (view.width < NARROW) {
    return renderLines(model, { ...view, colors: PLAIN }).map((line) => fitPlain(line, view.width))
  }
  return renderLines(model, view)
}

function renderLines(model: SyncModel, view: View): readonly string[] {
  const above = [header(model, view), ...progress(model, view), '']
  const below = ['', ...sources(model, view), ...notes(model, view)]
  // One line stays free: a terminal scrolls when its last line is ended. One is the footer, one the heading of the tables.
  const room = Math.max(TABLES_MIN, view.height - 3 - above.length - below.length)
  const tables = chooseTables(model, view, room)
  const lines = [...above, ...tableLines(tables, view), ...below, footer(model, view, tables.rest !== undefined)]
  // A terminal of a few lines shows what fits; drawing more would scroll it with every frame.
  return lines.slice(0, Math.max(1, view.height - 1))
}

function header(model: SyncModel, { width, nowMs, colors, route }: View): string {
  const clock = stopwatch(nowMs - model.startedMs)
  const name = 'simplyload'
  const room = width - name.length - clock.length - 4
  const middle = room > 0 ? fitted(printable(route), room, 'left') : ''
  return `${colors.bold(name)}  ${middle}  ${colors.dim(clock)}`
}

/** While something is being copied: how far all of it is. Then: what flows. */
function progress(model: SyncModel, { width, nowMs, colors }: View): readonly string[] {
  let [copying, finished, unknown, estimated, copied] = [0, 0, 0, 0, 0]
  for (const table of model.tables.values()) {
    const unfinished = table.state === 'pending' || table.state === 'snapshotting'
    if (unfinished) copying += 1
    else finished += 1
    if (unfinished && table.estimatedRows === 0) unknown += 1
    // An estimate is from the statistics of the source; what was really there is known at the end.
    estimated += unfinished ? Math.max(table.estimatedRows, table.snapshotRows) : table.snapshotRows
    copied += table.snapshotRows
  }
  // A table that is not begun is taken to be like the others.
  if (unknown > 0 && model.tables.size > unknown) estimated *= model.tables.size / (model.tables.size - unknown)
  const [rowRate, byteRate] = [model.rowRate.perSecond(nowMs), model.byteRate.perSecond(nowMs)]
  const flow = `${compact(rowRate)} rows/s · ${bytes(byteRate)}/s`
  if (copying === 0) {
    const merged = `${counted(model.changesMerged, 'change')} merged`
    return [fitPlain(`following ${counted(finished, 'table')} · ${merged} · ${flow}`, width)]
  }
  // 100 % is when nothing is left, whatever was estimated.
  const fraction = estimated === 0 ? 0 : Math.min(0.99, copied / estimated)
  const left = remainingText(estimated - copied, rowRate)
  const remaining = left === '' ? '' : ` · ${left} left`
  const facts = ` ${String(Math.floor(fraction * 100)).padStart(3)} %  ${compact(copied)} rows · ${finished} of ${model.tables.size} tables · ${flow}${remaining}`
  const bar = progressBar(fraction, Math.max(0, Math.min(40, width - displayWidth(facts))))
  return [colors.cyan(bar.done) + colors.dim(bar.rest) + fitPlain(facts, width - bar.done.length - bar.rest.length)]
}

function sources(model: SyncModel, view: View): readonly string[] {
  const { width, colors } = view
  const lines: string[] = []
  if (model.latencies.length > 0) {
    const facts = `  median ${duration(percentile(model.latencies, 0.5))} · max ${duration(Math.max(...model.latencies))}`
    const graph = sparkline(model.latencies, Math.min(40, width - displayWidth(facts) - 9))
    lines.push(`latency  ${colors.cyan(graph)}${fitPlain(facts, width - 9 - graph.length)}`)
  }
  for (const source of model.sources.values()) lines.push(...sourceLines(source, view, model.sources.size > 1))
  return lines
}

function sourceLines(source: SourceModel, { width, nowMs, colors }: View, withName: boolean): readonly string[] {
  const lines: string[] = []
  const facts: string[] = []
  if (source.position !== undefined) facts.push(`position ${shortPosition(source.position)}`)
  if (source.lagBytes !== undefined) facts.push(`${bytes(source.lagBytes)} behind`)
  if (source.waitedForLockMs >= 1000)
    facts.push(`waited ${duration(source.waitedForLockMs)} for another reader of the destination`)
  const prefix = withName ? `${source.source}  ` : ''
  if (facts.length > 0) lines.push(colors.dim(fitPlain(prefix + facts.join(' · '), width)))
  if (source.retry !== undefined) {
    const waitMs = source.retry.untilMs - nowMs
    const when = waitMs > 0 ? `in ${duration(Math.ceil(waitMs / 1000) * 1000)}` : 'now'
    const text = `${source.source}: ${source.retry.message}`
    const tail = `; trying again ${when} (attempt ${count(source.retry.attempt)})`
    lines.push(colors.yellow(fitPlain(`! ${text}`, Math.max(10, width - displayWidth(tail))) + fitPlain(tail, width)))
  }
  return lines
}

function notes(model: SyncModel, { width, colors }: View): readonly string[] {
  const paint: Readonly<Record<Note['level'], (text: string) => string>> = {
    info: colors.dim,
    warning: colors.yellow,
    error: colors.red,
  }
  const lines: string[] = []
  for (const { level, text, atMs } of model.notes.slice(-NOTE_LINES_MAX).reverse()) {
    const wrapped = wrap(printable(text), Math.max(10, width - INDENT.length))
    // The newest may be longer: the fix of an error is at its end.
    const room = lines.length === 0 ? NEWEST_NOTE_LINES_MAX : NOTE_LINES_MAX - lines.length
    if (lines.length > 0 && wrapped.length > room) break
    const kept = wrapped.slice(0, room)
    if (kept.length < wrapped.length) kept[room - 1] = '…'
    lines.unshift(
      ...kept.map((line, i) => paint[level](fitPlain((i === 0 ? `${timeOfDay(atMs)} ` : INDENT) + line, width))),
    )
  }
  return lines
}

/** As the source writes it: `0/16B9508`. */
function shortPosition(text: string): string {
  const parts = parsePosition(text)
  if (parts === undefined) return text
  return `${(parts.lsn >> 32n).toString(16)}/${(parts.lsn & 0xffffffffn).toString(16)}`.toUpperCase()
}

function footer(model: SyncModel, { width, colors, scroll }: View, more: boolean): string {
  if (model.stopping) {
    return colors.yellow(fitPlain('stopping: finishing what is in hand … q or Ctrl-C again stops at once', width))
  }
  const list = scroll !== undefined ? ' · a active tables · ↑ ↓ scroll' : more ? ' · a all tables' : ''
  return colors.dim(fitPlain(`q stop${list}`, width))
}
