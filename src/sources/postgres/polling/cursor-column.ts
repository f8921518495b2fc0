/**
 * Which column tells that a row has changed, and how its values are handled: always as whole numbers of full precision,
 * so none is rounded. A cursor narrows what a poll looks at; which of these rows are new is told by their transactions.
 */
import { writeDate, writeTimestamp } from '../../../columnar/date-time-text.ts'
import type { PostgresType } from '../../../columnar/postgres-type.ts'
import { TextWriter } from '../../../columnar/text-writer.ts'
import { PipelineError } from '../../../core/errors.ts'
import type { CatalogColumn, CatalogTable } from '../catalog.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from '../sql-text.ts'
import type { PollOptions } from './poll-options.ts'
import type { CursorScale } from './watermark.ts'

export interface CursorColumn {
  readonly column: CatalogColumn
  /** In its binary form. */
  readonly bytes: 2 | 4 | 8
  readonly scale: CursorScale
  readonly kind: 'time' | 'wall-time' | 'day' | 'number'
  /** An index begins with it; without one it narrows nothing. */
  readonly indexed: boolean
  /** The configuration names it. */
  readonly configured: boolean
}

const KINDS: ReadonlyMap<string, Pick<CursorColumn, 'bytes' | 'scale' | 'kind'>> = new Map([
  ['timestamptz', { bytes: 8, scale: 'micro', kind: 'time' }],
  ['timestamp', { bytes: 8, scale: 'micro', kind: 'wall-time' }],
  ['date', { bytes: 4, scale: 'none', kind: 'day' }],
  ['int2', { bytes: 2, scale: 'none', kind: 'number' }],
  ['int4', { bytes: 4, scale: 'none', kind: 'number' }],
  ['int8', { bytes: 8, scale: 'none', kind: 'number' }],
])

/** As such columns are called, the likeliest first. */
const NAMES = ['updated_at', 'modified_at', 'updated_timestamp', 'last_modified']

/** Columns that look like cursors: named like one, and a time. */
export function cursorCandidates(table: CatalogTable): readonly CatalogColumn[] {
  return NAMES.flatMap((name) =>
    table.columns.filter((column) => {
      const kind = kindOf(column.type)?.kind
      return column.name.toLowerCase() === name && kind !== undefined && kind !== 'number'
    }),
  )
}

/** Undefined: there is none, or the configuration wants none. Throws `config_invalid` where the one it names will not do. */
export function findCursor(table: CatalogTable, options: PollOptions): CursorColumn | undefined {
  const wanted = options.cursor
  if (wanted === false) return undefined
  if (wanted === undefined) {
    const candidates = cursorCandidates(table).map((column) => cursorOf(table, column, false))
    return candidates.find((candidate) => candidate?.indexed === true) ?? candidates[0]
  }
  const column = table.columns.find((candidate) => candidate.name === wanted)
  if (column === undefined) {
    throw misfit(table, `it has no column "${wanted}", which is configured as cursor`, columnsHint(table))
  }
  const cursor = cursorOf(table, column, true)
  if (cursor !== undefined) return cursor
  throw misfit(
    table,
    `its cursor "${wanted}" is ${column.sourceType}; a cursor is a timestamp, a date or a whole number`,
    columnsHint(table),
  )
}

function columnsHint(table: CatalogTable): string {
  const fitting = table.columns.filter((column) => kindOf(column.type) !== undefined).map((column) => column.name)
  if (fitting.length === 0) return 'Take `cursor` out: without one, each poll looks at the whole table'
  return `Columns that would do: ${fitting.join(', ')}. Or take \`cursor\` out: then each poll looks at the whole table`
}

function cursorOf(table: CatalogTable, column: CatalogColumn, configured: boolean): CursorColumn | undefined {
  const kind = kindOf(column.type)
  if (kind === undefined) return undefined
  return { column, ...kind, indexed: table.indexedColumns.includes(column.name), configured }
}

function kindOf(type: PostgresType): Pick<CursorColumn, 'bytes' | 'scale' | 'kind'> | undefined {
  if (type.kind === 'domain') return type.base === undefined ? undefined : kindOf(type.base)
  return type.kind === 'base' ? KINDS.get(type.name) : undefined
}

export function misfit(table: CatalogTable, reason: string, hint: string): PipelineError {
  const name = `${table.namespace}.${table.name}`
  const context = { table: name }
  return new PipelineError('config_invalid', `Configuring ${name}`, { cause: new Error(reason), hint, context })
}

/** SQL that makes polls of the table cheap. */
export function indexFix(table: CatalogTable, column: string): string {
  // CONCURRENTLY is not possible on a partitioned table.
  const how = table.kind === 'p' ? '' : 'CONCURRENTLY '
  return `CREATE INDEX ${how}ON ${quoteTable(table.namespace, table.name)} (${quoteIdentifier(column)})`
}

const EPOCH_2000_US = 946_684_800_000_000n
const DAY_US = 86_400_000_000n
const EPOCH_2000_DAYS = 10_957n
const INT64_MIN = -(1n << 63n)
/** 4714-11-24 BC. */
const TIMESTAMP_MIN = -211_813_488_000_000_000n

/** What the server's clock says, as a value of the column; undefined where that means nothing. */
export function cursorNow(cursor: CursorColumn, serverUs: bigint, localUs: bigint): bigint | undefined {
  const wallUs = serverUs > localUs ? serverUs : localUs
  switch (cursor.kind) {
    case 'time':
      return serverUs - EPOCH_2000_US
    case 'wall-time':
      // Nobody knows the time zone of those who write it: the later of the two likely ones.
      return wallUs - EPOCH_2000_US
    case 'day':
      return wallUs / DAY_US - EPOCH_2000_DAYS
    case 'number':
      return undefined
  }
}

/** A constant of the column's type, of full precision. */
export function cursorLiteral(cursor: CursorColumn, value: bigint): string {
  if (cursor.kind === 'number') return `${quoteLiteral(String(value))}::int8`
  const writer = new TextWriter()
  if (cursor.kind === 'day') writeDate(writer, Number(value))
  // Below what a timestamp can be lies nothing but minus infinity.
  else writeTimestamp(writer, value < TIMESTAMP_MIN ? INT64_MIN : value, cursor.kind === 'time')
  const type = { day: 'date', time: 'timestamptz', 'wall-time': 'timestamp' }[cursor.kind]
  return `${quoteLiteral(writer.toString())}::${type}`
}
