/** Values and rows that have no representation: `_SIMPLYLOAD.QUARANTINE`, written with the rows they belong to. */
import type { QuarantineEntry } from '../../core/destination.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { TableId } from '../../core/table-schema.ts'
import { dataColumns, identityColumns, POSITION_ID, type TableLayout } from '../../warehouse/table-layout.ts'
import { currentRowsSql } from './current-rows.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { keyText } from './key-text.ts'
import type { MergeInput } from './merge-input.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { microsOf, timestampLiteral } from './sql-time.ts'
import type { StagedRows } from './staged-rows.ts'
import { columnSql, METADATA_SCHEMA, metadataTable } from './table-names.ts'

/** What of staged rows goes there. */
export interface QuarantineCounts {
  /** Rows with something that the source put aside. */
  readonly rows: number
  /** Values that Snowflake refused. */
  readonly refused: number
}

/** Columns of a query of staged rows, whatever else it asks, that `quarantineCounts` takes; often none. */
export function quarantineColumns(staged: StagedRows): readonly string[] {
  const json = jsonIndexes(staged.layout)
  const count = (values: readonly string[], name: string) =>
    `(SELECT ${values.map((value) => `COUNT(s.${value})`).join(' + ')} FROM ${staged.table} s) AS ${name}`
  return [
    ...(staged.features.quarantinedRows > 0 ? [count(['quarantine'], 'quarantined')] : []),
    ...(json.length > 0
      ? [
          count(
            json.map((index) => `w${index}`),
            'refused',
          ),
        ]
      : []),
  ]
}

export function quarantineCounts(found: Row): QuarantineCounts {
  return { rows: Number(found.QUARANTINED ?? 0), refused: Number(found.REFUSED ?? 0) }
}

export async function countQuarantined(session: SnowflakeSession, staged: StagedRows): Promise<QuarantineCounts> {
  const columns = quarantineColumns(staged)
  return quarantineCounts(columns.length === 0 ? {} : await session.row(`SELECT ${columns.join(', ')}`))
}

/** In the transaction that writes the rows. */
export async function recordQuarantined(
  session: SnowflakeSession,
  staged: StagedRows,
  { rows, refused }: QuarantineCounts,
  loadedMs: number,
): Promise<void> {
  if (rows > 0) await session.run(putAsideSql(staged, loadedMs))
  if (refused === 0) return
  const recorded = await session.run(refusedSql(staged, loadedMs))
  invariant(recorded === refused, 'each value that is refused is in quarantine')
}

function putAsideSql({ schema, layout, table }: StagedRows, loadedMs: number): string {
  const loaded = timestampLiteral(loadedMs)
  const field = (name: string, type: string) => `f.value:"${name}"::${type}`
  const names = dataColumns(layout)
    .filter((column) => column.state !== 'retired')
    .map((column) => `WHEN ${column.id} THEN ${quoteLiteral(column.name)}`)
  // The name that the column has on the destination; '' for a whole row.
  const name = `CASE ${field('columnId', 'NUMBER(10,0)')} WHEN 0 THEN '' ${names.join(' ')}
    ELSE '#' || ${field('columnId', 'VARCHAR')} END`
  const entry = ['s.pos', field('key', 'VARCHAR'), name, field('reason', 'VARCHAR'), field('raw', 'VARCHAR'), loaded]
  const torn = ['s.pos', 'NULL', "''", "'unreadable quarantine entry'", 's.quarantine', loaded]
  // Text that is no JSON would fail the whole transaction; it is kept as it is.
  return `${insertInto(schema.table, entry)}
     FROM ${table} s, LATERAL FLATTEN(INPUT => TRY_PARSE_JSON(s.quarantine)) f WHERE s.quarantine IS NOT NULL
     UNION ALL ${selectOf(schema.table, torn)} FROM ${table} s
     WHERE s.quarantine IS NOT NULL AND TRY_PARSE_JSON(s.quarantine) IS NULL`
}

function refusedSql({ schema, layout, table }: StagedRows, loadedMs: number): string {
  const selects = jsonIndexes(layout).map((index) => {
    const name = quoteLiteral(dataColumns(layout)[index]?.name ?? '')
    const entry = ['s.pos', keyOfRow(layout, 's'), name, "'not accepted as JSON'", `s.w${index}`]
    return [...entry, timestampLiteral(loadedMs)]
  })
  const all = selects.map((entry) => `${selectOf(schema.table, entry)} FROM ${table} s WHERE ${entry[4]} IS NOT NULL`)
  return `INSERT INTO ${metadataTable('QUARANTINE')} (${ENTRY_COLUMNS}) ${all.join(' UNION ALL ')}`
}

function jsonIndexes(layout: TableLayout): readonly number[] {
  return dataColumns(layout).flatMap((column, index) => (column.type.kind === 'json' ? [index] : []))
}

/** Enough to tell any two entries of a person's quarantine apart. */
const ID_DIGITS = 12

/** Those that are open, the newest first. */
export async function listQuarantine(
  session: SnowflakeSession,
  source: string,
  table: TableId | undefined,
  limit: number,
): Promise<readonly QuarantineEntry[]> {
  const ofTable = table === undefined ? '' : ' AND namespace = :2 AND table_name = :3'
  const parts = ['source', 'namespace', 'table_name', 'position', "COALESCE(key, '')", 'column_name', 'reason']
  const rows = await session.rows(
    `SELECT LEFT(MD5(${parts.join(' || CHR(1) || ')}), ${ID_DIGITS}) AS id,
       namespace, table_name, position, key, column_name, reason, raw, ${microsOf('loaded_at')} AS loaded_us
     FROM ${metadataTable('QUARANTINE')} WHERE closed_at IS NULL AND source = :1${ofTable}
     ORDER BY position DESC, namespace, table_name, key, column_name LIMIT ${Math.trunc(limit)}`,
    table === undefined ? [source] : [source, table.namespace, table.name],
  )
  return rows.map((row) => ({
    id: String(row.ID),
    table: { source, namespace: String(row.NAMESPACE), name: String(row.TABLE_NAME) },
    position: row.POSITION as Position,
    key: row.KEY === null ? null : String(row.KEY),
    column: String(row.COLUMN_NAME),
    reason: String(row.REASON),
    raw: String(row.RAW),
    loadedMs: Number(row.LOADED_US) / 1000,
  }))
}

const UNKNOWN = 'unchanged value that is not known'

/** The values of `result` that nothing could tell: their rows were gone when they were looked for. As an INSERT. */
export function recordUnknownSql(
  input: MergeInput,
  unchangedIds: readonly number[],
  loadedMs: number,
): string | undefined {
  const { layout, schema } = input
  const selects = unchangedIds.flatMap((id) => {
    const column = layout.columns.find((each) => each.id === id && each.state === 'current')
    if (column === undefined) return []
    const entry = ['e.pos', keyOfRow(layout, 'r'), quoteLiteral(column.name), quoteLiteral(UNKNOWN), "''"]
    return `${selectOf(schema.table, [...entry, timestampLiteral(loadedMs)])} FROM ${input.scratch('result')} r
      JOIN ${input.changes} e ON e.code = r.val WHERE r.dead AND r.p${id} IS NULL`
  })
  if (selects.length === 0) return undefined
  return `INSERT INTO ${metadataTable('QUARANTINE')} (${ENTRY_COLUMNS}) ${selects.join(' UNION ALL ')}`
}

/** Positions of rows with such a value, as a query. */
export function unknownPositionsSql(table: TableId): string {
  return `SELECT q.position FROM ${metadataTable('QUARANTINE')} q WHERE ${isOpen(table)} AND q.reason = ${quoteLiteral(UNKNOWN)}`
}

/** What an earlier reading of the table put aside says nothing about a new one. */
export async function forgetQuarantine(session: SnowflakeSession, table: TableId, before: Position): Promise<void> {
  await session.run(
    `DELETE FROM ${metadataTable('QUARANTINE')} WHERE source = :1 AND namespace = :2 AND table_name = :3 AND position < :4`,
    [table.source, table.namespace, table.name, before],
  )
}

const ENTRY_COLUMNS = 'source, namespace, table_name, position, key, column_name, reason, raw, loaded_at'
const REPLAY_KEYS = `${METADATA_SCHEMA}.replay_keys`
const REPLAYED = `${METADATA_SCHEMA}.replayed`
const KEYS_AT_ONCE = 1_000

/**
 * Before the transaction of `closeEntries`: by what was found of each row that was read again as of `position`, its entries
 * are closed: it is there as it was read; it is in quarantine again, with an entry of its own; or it is gone. Those of rows
 * that have changed since stay open: what they have now may still be what it was.
 */
export async function findReplayed(
  session: SnowflakeSession,
  layout: TableLayout,
  table: TableId,
  keys: readonly string[],
  position: Position,
): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMPORARY TABLE ${REPLAY_KEYS} (key VARCHAR)`)
  for (let start = 0; start < keys.length; start += KEYS_AT_ONCE) {
    const rows = keys.slice(start, start + KEYS_AT_ONCE).map((key) => `(${quoteLiteral(key)})`)
    await session.run(`INSERT INTO ${REPLAY_KEYS} VALUES ${rows.join(', ')}`)
  }
  const at = quoteLiteral(position)
  const parts = identityColumns(layout).map((column) => ({
    expression: `t.${quoteIdentifier(column.name)}`,
    type: column.type,
  }))
  const rows = currentRowsSql(layout, `${keyText(parts)} AS key, t.${columnSql(layout, POSITION_ID)} AS position`)
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${REPLAYED} AS
     SELECT k.key AS key,
       CASE WHEN a.key IS NOT NULL THEN 'again' WHEN r.key IS NOT NULL THEN 'replayed' ELSE 'gone' END AS outcome
     FROM (SELECT DISTINCT key FROM ${REPLAY_KEYS}) k
     LEFT JOIN (SELECT DISTINCT q.key FROM ${metadataTable('QUARANTINE')} q WHERE ${isOpen(table)} AND q.position >= ${at}) a
       ON a.key = k.key
     LEFT JOIN (${rows}) r ON r.key = k.key
     WHERE a.key IS NOT NULL OR r.key IS NULL OR r.position = ${at}`,
  )
}

/** Returns how many were closed. */
export async function closeEntries(
  session: SnowflakeSession,
  table: TableId,
  position: Position,
  nowMs: number,
): Promise<number> {
  return session.run(
    `MERGE INTO ${metadataTable('QUARANTINE')} q USING ${REPLAYED} r
     ON q.key = r.key AND q.position < ${quoteLiteral(position)} AND ${isOpen(table)}
     WHEN MATCHED THEN UPDATE SET closed_at = ${timestampLiteral(nowMs)}, closed_as = r.outcome`,
  )
}

/** Of an entry `q`. */
function isOpen(table: TableId): string {
  const [source, namespace, name] = [table.source, table.namespace, table.name].map(quoteLiteral)
  return `q.source = ${source} AND q.namespace = ${namespace} AND q.table_name = ${name} AND q.closed_at IS NULL`
}

function insertInto(table: TableId, entry: readonly string[]): string {
  return `INSERT INTO ${metadataTable('QUARANTINE')} (${ENTRY_COLUMNS}) ${selectOf(table, entry)}`
}

function selectOf(table: TableId, entry: readonly string[]): string {
  return `SELECT ${[...[table.source, table.namespace, table.name].map(quoteLiteral), ...entry].join(', ')}`
}

function keyOfRow(layout: TableLayout, alias: string): string {
  if (layout.identity.kind !== 'key') return 'NULL'
  const parts = identityColumns(layout).map((column, index) => ({
    expression: `${alias}.k${index + 1}`,
    type: column.type,
  }))
  return keyText(parts)
}
