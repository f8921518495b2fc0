import type { QuarantineEntry } from '../core/destination.ts'
import { count, counted } from '../core/quantity.ts'
import { tableName } from '../core/table-schema.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { EXIT } from './exit-code.ts'
import { type SelectionOptions, selection } from './selection.ts'
import { printable } from './terminal-text.ts'

/** `list` counts this many at most, and says so where there are more. */
const LIST_MAX = 100_000
const RAW_WIDTH = 60

export async function listQuarantine(context: CommandContext, options: SelectionOptions): Promise<CommandEnd> {
  const { output, signal } = context
  const entries = await (await context.open()).quarantine(selection(options), LIST_MAX, signal)
  const groups = new Map<string, { readonly entry: QuarantineEntry; rows: number }>()
  for (const entry of entries) {
    const key = JSON.stringify([entry.table.source, tableName(entry.table), entry.column, entry.reason])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { entry, rows: 1 })
    else group.rows += 1
  }
  for (const { entry, rows } of groups.values()) {
    const { table, column, reason } = entry
    output.event({ event: 'quarantine', source: table.source, table: tableName(table), column, reason, entries: rows })
  }
  if (groups.size === 0) output.answer('Nothing is in quarantine.')
  else {
    output.table(
      [
        { title: 'TABLE', flexible: true },
        { title: 'COLUMN', flexible: true },
        { title: 'REASON', flexible: true },
        { title: 'ENTRIES', align: 'right' },
      ],
      [...groups.values()].map(({ entry, rows }) => [tableName(entry.table), column(entry), entry.reason, count(rows)]),
    )
  }
  const truncated = entries.length === LIST_MAX
  if (truncated) output.note(`Only the newest ${counted(LIST_MAX, 'entry', 'entries')} are counted.`)
  return done({ entries: entries.length, truncated })
}

export async function showQuarantine(
  context: CommandContext,
  options: SelectionOptions & { readonly limit: number },
): Promise<CommandEnd> {
  const { output, signal } = context
  const entries = await (await context.open()).quarantine(selection(options), options.limit, signal)
  for (const { table, ...rest } of entries) {
    output.event({ event: 'quarantine', source: table.source, table: tableName(table), ...rest })
  }
  if (entries.length === 0) output.answer('Nothing is in quarantine.')
  else {
    output.table(
      [
        { title: 'ID' },
        { title: 'TABLE', flexible: true },
        { title: 'KEY', flexible: true },
        { title: 'COLUMN', flexible: true },
        { title: 'REASON', flexible: true },
        { title: 'VALUE', flexible: true },
      ],
      entries.map((entry) => [
        entry.id,
        tableName(entry.table),
        entry.key ?? '',
        column(entry),
        entry.reason,
        shorten(entry.raw),
      ]),
    )
  }
  if (entries.length === options.limit)
    output.note(`There may be more: --limit shows more than ${counted(options.limit, 'entry', 'entries')}.`)
  return done({ entries: entries.length })
}

export async function replayQuarantine(
  context: CommandContext,
  options: SelectionOptions & { readonly id?: readonly string[] },
): Promise<CommandEnd> {
  const { output, signal } = context
  const request = { ...selection(options), ids: options.id ?? [] }
  const report = await (await context.open()).replayQuarantine(request, signal)
  for (const { table, ...rest } of report.tables) {
    output.event({ event: 'replay', source: table.source, table: tableName(table), ...rest })
    const mark = rest.outcome === 'done' ? output.colors.green('✓') : output.colors.yellow('!')
    const said = rest.outcome === 'refused' ? `refused: ${rest.message}` : (rest.message ?? 'not taken up yet')
    output.answer(
      `${mark} ${printable(tableName(table))}: ${counted(rest.entries, 'entry', 'entries')}, ${printable(said)}`,
    )
  }
  const { withoutKey, running } = report
  if (report.tables.length === 0 && withoutKey === 0) output.answer('Nothing is in quarantine.')
  else if (report.tables.length > 0 && !running)
    output.answer(`No sync runs: the next one reads the rows again (${context.program} sync).`)
  if (withoutKey > 0)
    output.answer(
      `${counted(withoutKey, 'entry has', 'entries have')} no key by which the row could be found: checkpoint reset reads the table again.`,
    )
  const refused = report.tables.some((table) => table.outcome === 'refused')
  const fields = { requests: report.tables.length, withoutKey, running }
  return refused ? { outcome: 'partial', exitCode: EXIT.partial, fields } : done(fields)
}

function column(entry: QuarantineEntry): string {
  return entry.column === '' ? '(whole row)' : entry.column
}

function shorten(raw: string): string {
  return raw.length > RAW_WIDTH ? `${raw.slice(0, RAW_WIDTH - 1)}…` : raw
}
