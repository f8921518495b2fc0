import type { Position } from '../../core/position.ts'
import { carriedColumns, hasSameKey } from '../../warehouse/shadow-layout.ts'
import {
  ACTIVE_ID,
  COMMITTED_AT_ID,
  DELETED_ID,
  dataColumns,
  END_ID,
  identityColumns,
  POSITION_ID,
  START_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import type { PresentTable } from '../../warehouse/writable-table.ts'
import { duckdbType } from './column-type.ts'
import { isCurrentSql } from './current-rows.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { deleteColumnList } from './log-rows.ts'
import type { Session } from './session.ts'
import { columnSql, tableSql } from './table-sql.ts'

/** What is there, for whoever asks whether it may be written. */
export function presentTable(session: Session, layout: TableLayout, isAlike: boolean): PresentTable {
  return { layout, isAlike, sql: tableSql(layout), exists: () => tableExists(session, layout) }
}

async function tableExists(session: Session, layout: TableLayout): Promise<boolean> {
  const found = await session.rows(
    `SELECT 1 FROM information_schema.tables
     WHERE table_catalog = current_database() AND lower(table_schema) = lower($1) AND lower(table_name) = lower($2)`,
    [layout.namespace, layout.name],
  )
  return found.length > 0
}

/** Within the transaction that finishes the snapshot in `shadow`; nothing else has been merged into it. */
export async function continueTable(
  session: Session,
  final: TableLayout,
  shadow: TableLayout,
  position: Position,
): Promise<void> {
  const mode = writeModeOf(shadow)
  if (mode === 'merge' || writeModeOf(final) !== mode || !hasSameKey(final, shadow)) return
  if (!(await tableExists(session, final))) return
  if (mode === 'history') await continueVersions(session, final, shadow, position)
  else await continueLog(session, final, shadow, position)
}

/** The two tables as relations with the same columns: `rid`, `k1`, …, `content`, and what is given. */
class Sides {
  readonly keys: string
  readonly #final: TableLayout
  readonly #shadow: TableLayout

  constructor(final: TableLayout, shadow: TableLayout) {
    this.#final = final
    this.#shadow = shadow
    this.keys = identityColumns(shadow)
      .map((_, index) => `k${index + 1}`)
      .join(', ')
  }

  finalSql(more: readonly string[], where: string): string {
    const carried = new Map(carriedColumns(this.#final, this.#shadow).map(({ from, to }) => [to, from]))
    const values = this.#compared().map((to) => {
      const from = carried.get(to)
      return from === undefined ? 'NULL' : `CAST(${quoteIdentifier(from.name)} AS ${duckdbType(to.type)})`
    })
    return this.#select(this.#final, values, more, where)
  }

  shadowSql(more: readonly string[]): string {
    const values = this.#compared().map((column) => quoteIdentifier(column.name))
    return this.#select(this.#shadow, values, more, 'true')
  }

  #select(layout: TableLayout, values: readonly string[], more: readonly string[], where: string): string {
    const keys = identityColumns(layout).map((column, index) => `${quoteIdentifier(column.name)} AS k${index + 1}`)
    const content = values.length === 0 ? '0' : `hash(${values.join(', ')})`
    const columns = ['rowid AS rid', ...keys, `${content} AS content`, ...more]
    return `(SELECT ${columns.join(', ')} FROM ${tableSql(layout)} WHERE ${where})`
  }

  #compared() {
    return dataColumns(this.#shadow).filter((column) => column.state === 'current')
  }
}

async function continueVersions(
  session: Session,
  final: TableLayout,
  shadow: TableLayout,
  at: Position,
): Promise<void> {
  const sides = new Sides(final, shadow)
  const own = (id: number) => columnSql(final, id)
  const [start, table] = [columnSql(shadow, START_ID), tableSql(shadow)]
  const takenUs = await latestUs(session, shadow, START_ID)
  const since = `epoch_us(CASE WHEN ${own(ACTIVE_ID)} THEN ${own(START_ID)} ELSE ${own(END_ID)} END) AS since`
  const began = `epoch_us(${start}) AS began`
  // No version begins before the one before it is over, whatever the clocks were.
  await session.run(
    `UPDATE ${table} SET ${start} = make_timestamptz(x.since + 1)
     FROM (SELECT s.rid, max(o.since) AS since FROM ${sides.shadowSql([began])} s
           JOIN ${sides.finalSql([since], 'true')} o USING (${sides.keys}) WHERE o.since >= s.began GROUP BY s.rid) x
     WHERE ${table}.rowid = x.rid`,
  )
  await session.run(
    `CREATE OR REPLACE TEMP TABLE carried AS
     SELECT o.rid AS old, o.since, s.rid, s.began, s.pos, coalesce(s.content = o.content, false) AS same
     FROM ${sides.finalSql([since], own(ACTIVE_ID))} o
     LEFT JOIN ${sides.shadowSql([began, `${columnSql(shadow, POSITION_ID)} AS pos`])} s USING (${sides.keys})`,
  )
  await session.run(`DELETE FROM ${table} WHERE rowid IN (SELECT rid FROM carried WHERE same)`)
  const isGone = '(c.old IS NOT NULL AND c.rid IS NULL)'
  const ended = `CASE WHEN c.rid IS NULL THEN greatest(${takenUs}, c.since + 1) ELSE c.began - 1 END`
  await carryRows(session, final, shadow, (id, value) => {
    switch (id) {
      case END_ID:
        return `CASE WHEN c.old IS NULL OR c.same THEN ${value} ELSE make_timestamptz(${ended}) END`
      case ACTIVE_ID:
        return `coalesce(c.same, ${value})`
      case DELETED_ID:
        return `(${value} OR ${isGone})`
      case POSITION_ID:
        return `CASE WHEN c.same THEN c.pos WHEN ${isGone} THEN ${quoteLiteral(at)} ELSE ${value} END`
      default:
        return value
    }
  })
}

async function continueLog(session: Session, final: TableLayout, shadow: TableLayout, at: Position): Promise<void> {
  const sides = new Sides(final, shadow)
  const table = tableSql(shadow)
  const committed = `make_timestamptz(${await latestUs(session, shadow, COMMITTED_AT_ID)})`
  const isKeyed = shadow.identity.kind === 'key'
  await session.run(
    `CREATE OR REPLACE TEMP TABLE carried AS SELECT o.*, s.rid AS now, coalesce(s.content = o.content, false) AS same
     FROM ${sides.finalSql([], isKeyed ? isCurrentSql(final) : 'false')} o
     LEFT JOIN ${sides.shadowSql([])} s USING (${sides.keys})`,
  )
  await session.run(`DELETE FROM ${table} WHERE rowid IN (SELECT now FROM carried WHERE same)`)
  const told = (operation: string) => [quoteLiteral(operation), committed, 'now()', 'true', quoteLiteral(at)]
  await session.run(
    `INSERT INTO ${table} (${deleteColumnList(shadow)}) ${
      isKeyed
        ? `SELECT ${[sides.keys, ...told('delete')].join(', ')} FROM carried WHERE now IS NULL`
        : `SELECT ${told('truncate').join(', ')} WHERE EXISTS (FROM ${tableSql(final)})`
    }`,
  )
  await session.run('CREATE OR REPLACE TEMP TABLE carried AS SELECT NULL::BIGINT AS old WHERE false')
  await carryRows(session, final, shadow, (_, value) => value)
}

/** All old rows `o` into the new table; `c` is the row of `carried` that is about it, if any. */
async function carryRows(
  session: Session,
  final: TableLayout,
  shadow: TableLayout,
  valueFor: (id: number, value: string) => string,
): Promise<void> {
  const columns = carriedColumns(final, shadow)
  const into = columns.map(({ to }) => quoteIdentifier(to.name))
  const values = columns.map(({ from }) => valueFor(from.id, `o.${quoteIdentifier(from.name)}`))
  await session.run(
    `INSERT INTO ${tableSql(shadow)} (${into.join(', ')}) SELECT ${values.join(', ')}
     FROM ${tableSql(final)} o LEFT JOIN carried c ON c.old = o.rowid`,
  )
}

/** When the snapshot was taken, in microseconds since 1970; of an empty one, now. */
async function latestUs(session: Session, shadow: TableLayout, columnId: number): Promise<bigint> {
  const { us } = await session.row(
    `SELECT epoch_us(coalesce(max(${columnSql(shadow, columnId)}), now())) AS us FROM ${tableSql(shadow)}`,
  )
  return us as bigint
}
