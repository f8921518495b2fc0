import type { QuarantineEntry } from '../core/destination.ts'
import { tableName } from '../core/table-schema.ts'
import { type CommandContext, type CommandEnd, done } from './command.ts'
import { count, counted } from './quantity.ts'
import { type SelectionOptions, selection } from './selection.ts'

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
        { title: 'TABLE', flexible: true },
        { title: 'KEY', flexible: true },
        { title: 'COLUMN', flexible: true },
        { title: 'REASON', flexible: true },
        { title: 'VALUE', flexible: true },
      ],
      entries.map((entry) => [
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

function column(entry: QuarantineEntry): string {
  return entry.column === '' ? '(whole row)' : entry.column
}

function shorten(raw: string): string {
  return raw.length > RAW_WIDTH ? `${raw.slice(0, RAW_WIDTH - 1)}…` : raw
}
