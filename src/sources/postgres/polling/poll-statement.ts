/** The statements by which a table is asked for rows. */
import type { WireColumn } from '../../../columnar/wire-column.ts'
import type { TableSchema } from '../../../core/table-schema.ts'
import { quoteIdentifier } from '../sql-text.ts'
import { notCovered } from './coverage.ts'
import { type CursorColumn, cursorLiteral } from './cursor-column.ts'
import type { TablePlan } from './polled-table.ts'
import type { RowPlaces } from './row-judge.ts'
import type { Coverage } from './table-token.ts'
import type { Cursor } from './watermark.ts'

/** Rows of a stretch of cursors: `from` included, `to` not. Undefined: open; rows without cursor belong to the last one. */
export interface Stretch {
  readonly from: Cursor
  readonly to: Cursor
}

export const WHOLE: Stretch = { from: undefined, to: undefined }

/** What the present snapshot is. */
export interface SnapshotHorizon {
  /** All smaller transactions had ended. */
  readonly horizon: bigint
  /** Transactions that write were in flight, so that some newer ones had ended too. */
  readonly isUnsettled: boolean
}

export interface RowStatement {
  readonly sql: string
  readonly wire: readonly WireColumn[]
  readonly places: RowPlaces
}

const FLAG: WireColumn = {
  column: undefined,
  type: { oid: 16, name: 'bool', typmod: -1, kind: 'base', hasSend: true },
  binary: true,
}

/** `conditions`: of which all must hold. */
export function rowStatement(
  plan: TablePlan,
  conditions: readonly (string | undefined)[],
  snapshot: SnapshotHorizon,
  relation: string = plan.relation,
): RowStatement {
  const wire = [...plan.wire]
  const list = plan.list === '' ? [] : [plan.list]
  const place = (column: { readonly attnum: number; readonly name: string } | undefined): number => {
    if (column === undefined) return -1
    const found = wire.findIndex((each) => each.column?.id === column.attnum)
    if (found >= 0) return found
    // It is not copied, but decides something.
    const type = plan.catalog.columns.find((each) => each.attnum === column.attnum)?.type ?? FLAG.type
    list.push(quoteIdentifier(column.name))
    return wire.push({ column: undefined, type, binary: true }) - 1
  }
  const { softDelete } = plan.rules
  const cursor = place(plan.named?.column)
  const deleted = place(softDelete?.column)
  let unsettled = -1
  if (snapshot.isUnsettled) {
    list.push(`age(xmin) BETWEEN 0 AND (SELECT age('${snapshot.horizon & 0xffff_ffffn}'::xid))`)
    unsettled = wire.push(FLAG) - 1
  }
  return {
    sql: copyRows(list.join(', '), relation, conditions),
    wire,
    places: {
      cursor,
      cursorBytes: plan.named?.bytes ?? 8,
      softDelete: deleted,
      softDeleteIsFlag: softDelete?.isFlag === true,
      unsettled,
    },
  }
}

export function copyRows(list: string, relation: string, conditions: readonly (string | undefined)[]): string {
  return `COPY (SELECT ${list} FROM ${relation}${where(conditions)}) TO STDOUT (FORMAT binary)`
}

export function where(conditions: readonly (string | undefined)[]): string {
  const present = conditions.filter((condition) => condition !== undefined)
  return present.length === 0 ? '' : ` WHERE ${present.map((condition) => `(${condition})`).join(' AND ')}`
}

/** Versions in a stretch that were not sent yet. */
export function newRowConditions(
  plan: TablePlan,
  stretch: Stretch,
  covered: readonly Coverage[],
  snapshot: SnapshotHorizon,
): readonly (string | undefined)[] {
  return [inStretch(plan.cursor, stretch), notCovered(covered, plan.cursor, snapshot.horizon), plan.rules.counts]
}

/** Undefined: all rows are. */
export function inStretch(cursor: CursorColumn | undefined, { from, to }: Stretch): string | undefined {
  if (cursor === undefined || (from === undefined && to === undefined)) return undefined
  const name = quoteIdentifier(cursor.column.name)
  const bounds = [
    ...(from === undefined ? [] : [`${name} >= ${cursorLiteral(cursor, from)}`]),
    ...(to === undefined ? [] : [`${name} < ${cursorLiteral(cursor, to)}`]),
  ].join(' AND ')
  return to === undefined && cursor.column.nullable ? `${bounds} OR ${name} IS NULL` : bounds
}

/** The cursor of the row that is `rows` rows above the beginning of a stretch, as a whole number; no row where there are fewer. */
export function cutStatement(plan: TablePlan, cursor: CursorColumn, from: Cursor, rows: number): string {
  const name = quoteIdentifier(cursor.column.name)
  const above = from === undefined ? `${name} IS NOT NULL` : `${name} >= ${cursorLiteral(cursor, from)}`
  return `SELECT ${cursorNumber(cursor, 'value')} AS cursor FROM (SELECT ${name} AS value FROM ${plan.relation}
    WHERE ${above} ORDER BY ${name} OFFSET ${rows} LIMIT 1) AS cut WHERE ${finiteSql('value', cursor)}`
}

/** A sum over all living rows of a table, whatever their order: another one when anything in them has changed. */
export function contentStatement(plan: TablePlan, schema: TableSchema): string {
  const names = schema.columns.map(({ id }) => {
    const found = plan.catalog.columns.find((column) => column.attnum === id)
    return found === undefined ? 'NULL' : quoteIdentifier(found.name)
  })
  const sum = `coalesce(sum(hashtextextended(ROW(${names.join(', ')})::text, 0)), 0)`
  return `SELECT count(*) || '/' || ${sum} AS content FROM ${plan.relation}${where([plan.rules.lives])}`
}

/** The largest cursor there is, as a whole number. */
export function largestStatement(plan: TablePlan, cursor: CursorColumn): string {
  const name = quoteIdentifier(cursor.column.name)
  // By the index, from its end.
  return `SELECT ${cursorNumber(cursor, 'value')} AS cursor FROM (SELECT ${name} AS value FROM ${plan.relation}
    WHERE ${name} IS NOT NULL AND ${finiteSql(name, cursor)} ORDER BY ${name} DESC LIMIT 1) AS largest`
}

function finiteSql(name: string, cursor: CursorColumn): string {
  return cursor.kind === 'number' ? 'true' : `isfinite(${name})`
}

/** As in the binary form: whole numbers, microseconds or days since 2000. */
function cursorNumber(cursor: CursorColumn, name: string): string {
  switch (cursor.kind) {
    case 'number':
      return `${name}::int8`
    case 'day':
      return `(${name} - '2000-01-01'::date)::int8`
    case 'time':
    case 'wall-time':
      return `(extract(epoch FROM ${name}) * 1000000)::int8 - 946684800000000`
  }
}
