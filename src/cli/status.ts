import type { SourceStatus, TableStatus } from '../core/application.ts'
import { bytes, count, duration } from '../core/quantity.ts'
import { shellWord } from '../core/shell-word.ts'
import { tableName } from '../core/table-schema.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import type { Palette } from './palette.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { printable } from './terminal-text.ts'

export async function status(context: CommandContext, options: SelectionOptions): Promise<CommandEnd> {
  const { output, signal } = context
  const sources = await (await context.open()).status(selection(options), signal)
  const nowMs = Date.now()
  for (const { tables, ...source } of sources) {
    output.event({ event: 'source', ...source })
    for (const { table, ...rest } of tables) {
      output.event({ event: 'table', source: source.source, table: tableName(table), ...rest })
    }
    output.answer(heading({ tables, ...source }, nowMs, output.colors))
    output.table(
      COLUMNS,
      tables.map((table) => row(table, nowMs)),
    )
    const failure = source.lastRun?.error
    if (failure !== undefined) output.answer(`${output.colors.red('✗')} ${printable(failure)}`)
    for (const line of tables.flatMap(remarks)) output.answer(`${output.colors.cyan('◐')} ${printable(line)}`)
    for (const { table, state, lastError } of tables) {
      if (lastError === undefined) continue
      const name = printable(tableName(table))
      output.answer(`${output.colors.red('✗')} ${name}: ${printable(lastError)}`)
      if (state === 'needs_resync')
        output.answer(`  ${output.colors.green('fix:')} simplyload table resync ${shellWord(name)}`)
    }
    output.answer()
  }
  const tables = sources.flatMap((source) => source.tables)
  return done({
    tables: tables.length,
    live: tables.filter((table) => table.state === 'live').length,
    failed: tables.filter((table) => table.state === 'failed' || table.state === 'needs_resync').length,
  })
}

const COLUMNS = [
  { title: 'TABLE', flexible: true },
  { title: 'STATE' },
  { title: 'COPIED', align: 'right', dispensable: 1 },
  { title: 'CHANGES', align: 'right', dispensable: 2 },
  { title: 'WAITING', align: 'right', dispensable: 4 },
  { title: 'QUARANTINED', align: 'right' },
  { title: 'AGE', align: 'right', dispensable: 3 },
  { title: 'LAST SYNC', align: 'right', dispensable: 5 },
] as const

/** What goes on with a table besides its state, and what is to come. */
function remarks({ table, backfill, asked }: TableStatus): readonly string[] {
  const name = tableName(table)
  const lines: string[] = []
  if (backfill !== undefined) {
    const { rows, chunksDone, chunks } = backfill
    lines.push(`${name}: backfill, ${count(rows)} rows read again, ${chunksDone} of ${chunks} parts`)
  }
  if (asked !== undefined) lines.push(`${name}: asked for, not taken up yet: ${asked.join(', ')}`)
  return lines
}

function row(table: TableStatus, nowMs: number): readonly string[] {
  return [
    tableName(table.table),
    table.state,
    count(table.rowsSnapshot),
    count(table.changesMerged),
    count(table.waitingRows),
    count(table.quarantined),
    age(table, nowMs),
    table.lastSyncMs === undefined ? 'never' : ago(table.lastSyncMs, nowMs),
  ]
}

/** Where nothing waits a table is as its source was when that was last looked at. */
function age({ waitingSinceMs, freshnessMs }: TableStatus, nowMs: number): string {
  if (waitingSinceMs === undefined) return ''
  return `${duration(Math.max(0, nowMs - waitingSinceMs))} of ${duration(freshnessMs)}`
}

function heading(source: SourceStatus, nowMs: number, colors: Palette): string {
  const parts = [colors.bold(source.source)]
  if (source.lagBytes !== undefined) parts.push(`lag ${bytes(source.lagBytes)}`)
  if (source.unreachable !== undefined) parts.push(colors.yellow(`not reached: ${printable(source.unreachable)}`))
  if (source.lastRun === undefined) parts.push('never synced')
  else {
    const { outcome, startedMs, endedMs } = source.lastRun
    parts.push(
      endedMs === undefined ? `run started ${ago(startedMs, nowMs)}` : `last run ${outcome}, ${ago(endedMs, nowMs)}`,
    )
  }
  return parts.join(' · ')
}

/** A clock that was set back must not print negative times. */
function ago(ms: number, nowMs: number): string {
  return `${duration(Math.max(0, nowMs - ms))} ago`
}
