/** What a person should know about polls, each once per stream. */
import type { StreamEvent } from '../../../core/source.ts'
import type { KeyCheck } from './key-check.ts'
import type { PolledTable } from './polled-table.ts'
import type { TablePoll } from './table-poll.ts'

export function* tellRead(table: PolledTable, read: TablePoll): Generator<StreamEvent> {
  if (read.left > 0) {
    const message = `${read.left} rows changed beside a long transaction are sent when it has ended: no more can be remembered`
    yield* once(table, 'left', message)
  }
  if (read.hasFutureCursors) {
    const column = table.plan?.cursor?.column.name
    const message = `its cursor "${column}" lies ahead of the server's clock in some rows; polls begin no later than that clock`
    yield* once(table, 'future', message)
  }
}

export function* tellCheck(table: PolledTable, { result }: KeyCheck): Generator<StreamEvent> {
  const rows = result.missed + result.backwards
  if (rows === 0) return
  const column = table.plan?.cursor?.column.name
  const why =
    column === undefined ? '' : `: their cursor "${column}" moved backwards, or was set to a time that polls had passed`
  yield { kind: 'notice', table: table.id, message: `${rows} rows had not been found, and are sent now${why}` }
}

function* once(table: PolledTable, what: string, message: string): Generator<StreamEvent> {
  if (table.told.has(what)) return
  table.told.add(what)
  yield { kind: 'notice', table: table.id, message }
}
