import type { Position } from '../../core/position.ts'
import { carriedColumns, hasSameKey } from '../../warehouse/shadow-layout.ts'
import {
  ACTIVE_ID,
  COMMITTED_AT_ID,
  DELETED_ID,
  dataColumns,
  END_ID,
  identityColumns,
  OPERATION_ID,
  POSITION_ID,
  START_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import type { PresentTable } from '../../warehouse/writable-table.ts'
import { snowflakeType } from './column-type.ts'
import { currentRowsSql } from './current-rows.ts'
import { findNamed } from './described-table.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { deleteColumnList } from './log-rows.ts'
import type { SnowflakeSession } from './session.ts'
import { microsOf, timestampOf } from './sql-time.ts'
import { columnSql, tableSql } from './table-names.ts'

/** What is there, for whoever asks whether it may be written. */
export function presentTable(session: SnowflakeSession, layout: TableLayout, isAlike: boolean): PresentTable {
  return { layout, isAlike, sql: tableSql(layout), exists: () => tableExists(session, layout) }
}

async function tableExists(session: SnowflakeSession, layout: TableLayout): Promise<boolean> {
  const { namespace, name } = layout
  const found = await findNamed(session, layout, name)
  return found.some((each) => each.namespace === namespace && each.name === name)
}

/** Before the transaction of `continueTable`: whether there is anything to go on with. */
export async function canContinue(
  session: SnowflakeSession,
  final: TableLayout,
  shadow: TableLayout,
): Promise<boolean> {
  const mode = writeModeOf(shadow)
  if (mode === 'merge' || writeModeOf(final) !== mode || !hasSameKey(final, shadow)) return false
  return tableExists(session, final)
}

/**
 * Within the transaction that finishes the snapshot in `shadow`; nothing else has been merged into it, and each of its rows
 * has a key or an id of its own by now.
 */
export async function continueTable(
  session: SnowflakeSession,
  final: TableLayout,
  shadow: TableLayout,
  position: Position,
): Promise<void> {
  if (writeModeOf(shadow) === 'history') await continueVersions(session, final, shadow, position)
  else await continueLog(session, final, shadow, position)
}

/** Rows `o` of the old table and `s` of the new one, of the same key. */
function sameKey(final: TableLayout, shadow: TableLayout, o: string, s: string): string {
  const old = identityColumns(final)
  return identityColumns(shadow)
    .map((column, index) => `${s}.${quoteIdentifier(column.name)} = ${o}.${quoteIdentifier(old[index]?.name ?? '')}`)
    .join(' AND ')
}

/** And that say the same. */
function sameValues(final: TableLayout, shadow: TableLayout, o: string, s: string): string {
  const carried = new Map(carriedColumns(final, shadow).map(({ from, to }) => [to, from]))
  const values = dataColumns(shadow).flatMap((to) => {
    if (to.state !== 'current') return []
    const from = carried.get(to)
    const before = from === undefined ? 'NULL' : `CAST(${o}.${quoteIdentifier(from.name)} AS ${snowflakeType(to.type)})`
    return [`${s}.${quoteIdentifier(to.name)} IS NOT DISTINCT FROM ${before}`]
  })
  return ['TRUE', ...values].join(' AND ')
}

async function continueVersions(
  session: SnowflakeSession,
  final: TableLayout,
  shadow: TableLayout,
  at: Position,
): Promise<void> {
  const own = (id: number) => `o.${columnSql(final, id)}`
  const start = columnSql(shadow, START_ID)
  const takenUs = await latestUs(session, shadow, START_ID)
  const since = `CASE WHEN ${own(ACTIVE_ID)} THEN ${microsOf(own(START_ID))} ELSE ${microsOf(own(END_ID))} END`
  // No version begins before the one before it is over, whatever the clocks were.
  const keys = identityColumns(final).map((column) => `o.${quoteIdentifier(column.name)}`)
  const ends = `SELECT ${keys.join(', ')}, MAX(${since}) AS since FROM ${tableSql(final)} o GROUP BY ${keys.join(', ')}`
  await session.run(
    `MERGE INTO ${tableSql(shadow)} s USING (${ends}) o
     ON ${sameKey(final, shadow, 'o', 's')} AND o.since >= ${microsOf(`s.${start}`)}
     WHEN MATCHED THEN UPDATE SET ${start} = ${timestampOf('o.since + 1')}`,
  )
  const isSame = `(s.${columnSql(shadow, POSITION_ID)} IS NOT NULL AND ${sameValues(final, shadow, 'o', 's')})`
  const isGone = `(${own(ACTIVE_ID)} AND s.${columnSql(shadow, POSITION_ID)} IS NULL)`
  const ended = `CASE WHEN ${isGone} THEN GREATEST(${takenUs}, ${microsOf(own(START_ID))} + 1) ELSE ${microsOf(`s.${start}`)} - 1 END`
  const stays = `(NOT ${own(ACTIVE_ID)} OR ${isSame})`
  const columns = carriedColumns(final, shadow)
  const valueFor = (id: number, value: string) => {
    switch (id) {
      case END_ID:
        return `CASE WHEN ${stays} THEN ${value} ELSE ${timestampOf(ended)} END`
      case ACTIVE_ID:
        return `(${own(ACTIVE_ID)} AND ${isSame})`
      case DELETED_ID:
        return `(${value} OR ${isGone})`
      case POSITION_ID:
        return `CASE WHEN ${isSame} THEN s.${columnSql(shadow, POSITION_ID)} WHEN ${isGone} THEN ${quoteLiteral(at)} ELSE ${value} END`
      default:
        return value
    }
  }
  // The active version of a key against the row of the snapshot: where they say the same, the version takes the row's place.
  const values = columns.map(
    ({ from }, index) => `${valueFor(from.id, `o.${quoteIdentifier(from.name)}`)} AS c${index}`,
  )
  const places = identityColumns(shadow).map(
    (column, index) => `CASE WHEN ${isSame} THEN s.${quoteIdentifier(column.name)} END AS k${index + 1}`,
  )
  const source = `SELECT ${[...places, ...values].join(', ')} FROM ${tableSql(final)} o
    LEFT JOIN ${tableSql(shadow)} s ON ${own(ACTIVE_ID)} AND ${sameKey(final, shadow, 'o', 's')}`
  const onKey = identityColumns(shadow).map((column, index) => `t.${quoteIdentifier(column.name)} = r.k${index + 1}`)
  const names = columns.map(({ to }) => quoteIdentifier(to.name))
  const taken = columns.map((_, index) => `r.c${index}`)
  await session.run(
    `MERGE INTO ${tableSql(shadow)} t USING (${source}) r ON ${onKey.join(' AND ')}
     WHEN MATCHED THEN UPDATE SET ${names.map((name, index) => `${name} = ${taken[index]}`).join(', ')}
     WHEN NOT MATCHED THEN INSERT (${names.join(', ')}) VALUES (${taken.join(', ')})`,
  )
}

async function continueLog(
  session: SnowflakeSession,
  final: TableLayout,
  shadow: TableLayout,
  at: Position,
): Promise<void> {
  const table = tableSql(shadow)
  const committed = timestampOf(await latestUs(session, shadow, COMMITTED_AT_ID))
  const told = (operation: string) => [
    quoteLiteral(operation),
    committed,
    'CURRENT_TIMESTAMP()',
    'TRUE',
    quoteLiteral(at),
  ]
  const into = `INSERT INTO ${table} (${deleteColumnList(shadow)})`
  if (shadow.identity.kind === 'key') {
    const current = currentRowsSql(final, 't.*')
    const keys = identityColumns(final).map((column) => `o.${quoteIdentifier(column.name)}`)
    await session.run(
      `${into} SELECT ${[...keys, ...told('delete')].join(', ')} FROM (${current}) o
       LEFT JOIN ${table} s ON ${sameKey(final, shadow, 'o', 's')} WHERE s.${columnSql(shadow, POSITION_ID)} IS NULL`,
    )
    await session.run(
      `MERGE INTO ${table} s USING (${current}) o ON ${sameKey(final, shadow, 'o', 's')}
         AND s.${columnSql(shadow, OPERATION_ID)} = 'read' AND ${sameValues(final, shadow, 'o', 's')}
       WHEN MATCHED THEN DELETE`,
    )
  } else {
    await session.run(
      `${into} SELECT ${told('truncate').join(', ')} FROM (SELECT COUNT(*) AS n FROM ${tableSql(final)}) WHERE n > 0`,
    )
  }
  const columns = carriedColumns(final, shadow)
  await session.run(
    `INSERT INTO ${table} (${columns.map(({ to }) => quoteIdentifier(to.name)).join(', ')})
     SELECT ${columns.map(({ from }) => quoteIdentifier(from.name)).join(', ')} FROM ${tableSql(final)}`,
  )
}

/** When the snapshot was taken, in microseconds since 1970; of an empty one, now. */
async function latestUs(session: SnowflakeSession, shadow: TableLayout, columnId: number): Promise<string> {
  const latest = `COALESCE(MAX(${columnSql(shadow, columnId)}), CURRENT_TIMESTAMP()::TIMESTAMP_TZ(6))`
  const { US: us } = await session.row(`SELECT ${microsOf(latest)} AS us FROM ${tableSql(shadow)}`)
  return String(us)
}
