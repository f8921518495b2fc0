/** Values and rows that have no representation: `_simplyload.quarantine`, written with the rows they belong to. */
import type { QuarantineEntry } from '../../core/destination.ts'
import type { Position } from '../../core/position.ts'
import type { TableId } from '../../core/table-schema.ts'
import { dataColumns, identityColumns, POSITION_ID, type TableLayout } from '../../warehouse/table-layout.ts'
import { isParsed, keyText } from './column-type.ts'
import { isCurrentSql } from './current-rows.ts'
import { quoteIdentifier, quoteLiteral, timestampLiteral } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { hasQuarantine } from './stage-inspection.ts'
import { relationSql, type StageRelation } from './stage-relation.ts'
import { columnSql, tableSql } from './table-sql.ts'

const ENTRY = '[{"columnId":"INTEGER","reason":"VARCHAR","raw":"VARCHAR","key":"VARCHAR"}]'

/** Records what the source put aside. `rows`: the relation, or where it was copied to. Returns the number of rows. */
export async function recordQuarantined(
  session: Session,
  relation: StageRelation,
  rows: string,
  loadedMs: number,
): Promise<number> {
  if (!hasQuarantine(relation.files)) return 0
  // Text that is no JSON would fail the whole transaction; it is kept as it is.
  const entries = `CASE WHEN json_valid(quarantine) THEN from_json(quarantine, '${ENTRY}')
    ELSE [{'columnId': 0, 'reason': 'unreadable quarantine entry', 'raw': quarantine, 'key': NULL}] END`
  await session.run(
    `${insertInto(relation.schema.table)} x.pos, x.e.key, ${columnNameSql(relation.layout)}, x.e.reason, x.e.raw,
       ${timestampLiteral(loadedMs)}
     FROM (SELECT pos, unnest(${entries}) AS e FROM ${rows} WHERE quarantine IS NOT NULL) x`,
  )
  const { count } = await session.row(`SELECT count(*) AS count FROM ${rows} WHERE quarantine IS NOT NULL`)
  return Number(count)
}

/** Records the values that the careful way of reading leaves out because DuckDB does not accept them. */
export async function recordRejected(session: Session, relation: StageRelation, loadedMs: number): Promise<number> {
  const layout = rawLayout(relation.layout)
  const rows = relationSql({ ...relation, layout })
  let rejected = 0
  for (const [index, column] of dataColumns(relation.layout).entries()) {
    if (!isParsed(column.type)) continue
    const type = column.type.kind === 'json' ? 'JSON' : 'UUID'
    rejected += await session.run(
      `${insertInto(relation.schema.table)} pos, ${keyOfRow(layout)}, ${quoteLiteral(column.name)},
         ${quoteLiteral(`not accepted as ${type}`)}, v${index}, ${timestampLiteral(loadedMs)}
       FROM ${rows} WHERE v${index} IS NOT NULL AND TRY_CAST(v${index} AS ${type}) IS NULL`,
    )
  }
  return rejected
}

/** Enough to tell any two entries of a person's quarantine apart. */
const ID_DIGITS = 12

/** Those that are open, the newest first. */
export async function listQuarantine(
  session: Session,
  source: string,
  table: TableId | undefined,
  limit: number,
): Promise<readonly QuarantineEntry[]> {
  const ofTable = table === undefined ? '' : ' AND namespace = $2 AND table_name = $3'
  const rows = await session.rows(
    `SELECT left(md5(concat_ws(chr(1), source, namespace, table_name, position, key, column_name, reason)), ${ID_DIGITS}) AS id,
       namespace, table_name, position, key, column_name, reason, raw, epoch_ms(loaded_at) AS loaded_ms
     FROM _simplyload.quarantine WHERE closed_at IS NULL AND source = $1${ofTable}
     ORDER BY position DESC, namespace, table_name, key, column_name LIMIT ${Math.trunc(limit)}`,
    table === undefined ? [source] : [source, table.namespace, table.name],
  )
  return rows.map((row) => ({
    id: String(row.id),
    table: { source, namespace: String(row.namespace), name: String(row.table_name) },
    position: row.position as Position,
    key: row.key === null ? null : String(row.key),
    column: String(row.column_name),
    reason: String(row.reason),
    raw: String(row.raw),
    loadedMs: Number(row.loaded_ms),
  }))
}

const UNKNOWN = 'unchanged value that is not known'

/** Records the values of `merge_result` that nothing could tell: their rows were gone when they were looked for. */
export async function recordUnknown(
  session: Session,
  input: MergeInput,
  unchangedIds: readonly number[],
  loadedMs: number,
): Promise<void> {
  const { layout, schema } = input.relation
  const names = unchangedIds.map((id) => {
    const column = layout.columns.find((each) => each.id === id && each.state === 'current')
    return column === undefined ? 'NULL' : `CASE WHEN r.p${id} IS NULL THEN ${quoteLiteral(column.name)} END`
  })
  if (names.length === 0) return
  await session.run(
    `${insertInto(schema.table)} x.pos, x.key, x.name, ${quoteLiteral(UNKNOWN)}, '', ${timestampLiteral(loadedMs)}
     FROM (SELECT e.pos, ${keyOfRow(layout)} AS key, unnest([${names.join(', ')}]::VARCHAR[]) AS name
           FROM merge_result r JOIN ${input.changesSql()} e ON e.code = r.val WHERE r.dead) x
     WHERE x.name IS NOT NULL`,
  )
}

/** Positions of rows with such a value, as a query. */
export function unknownPositionsSql(table: TableId): string {
  const names = [table.source, table.namespace, table.name].map(quoteLiteral)
  return `SELECT position FROM _simplyload.quarantine WHERE source = ${names[0]} AND namespace = ${names[1]}
    AND table_name = ${names[2]} AND closed_at IS NULL AND reason = ${quoteLiteral(UNKNOWN)}`
}

/** What an earlier reading of the table put aside says nothing about a new one. */
export async function forgetQuarantine(session: Session, table: TableId, before: Position): Promise<void> {
  await session.run(
    'DELETE FROM _simplyload.quarantine WHERE source = $1 AND namespace = $2 AND table_name = $3 AND position < $4',
    [table.source, table.namespace, table.name, before],
  )
}

const ENTRY_COLUMNS = 'source, namespace, table_name, position, key, column_name, reason, raw, loaded_at'

/**
 * Closes entries of rows that were read again as of `position`, by what was found of each row: it is there as it was read;
 * it is in quarantine again, with an entry of its own; or it is gone. Those of rows that have changed since stay open: what
 * they have now may still be what it was. Returns how many were closed.
 */
export async function closeEntries(
  session: Session,
  layout: TableLayout,
  table: TableId,
  keys: readonly string[],
  position: Position,
  nowMs: number,
): Promise<number> {
  const of = [table.source, table.namespace, table.name]
  await session.run('CREATE OR REPLACE TEMP TABLE replay_keys (key VARCHAR)')
  const AT_ONCE = 1_000
  for (let start = 0; start < keys.length; start += AT_ONCE) {
    const rows = keys.slice(start, start + AT_ONCE).map((key) => `(${quoteLiteral(key)})`)
    await session.run(`INSERT INTO replay_keys VALUES ${rows.join(', ')}`)
  }
  const parts = identityColumns(layout).map((column) => ({
    expression: quoteIdentifier(column.name),
    type: column.type,
  }))
  await session.run(
    `CREATE OR REPLACE TEMP TABLE replay_rows AS SELECT * FROM
       (SELECT ${keyText(parts)} AS key, ${columnSql(layout, POSITION_ID)} AS position FROM ${tableSql(layout)}
        WHERE ${isCurrentSql(layout)}) WHERE key IN (SELECT key FROM replay_keys)`,
  )
  const at = quoteLiteral(position)
  const again = `SELECT key FROM _simplyload.quarantine WHERE source = $1 AND namespace = $2 AND table_name = $3
    AND closed_at IS NULL AND position >= ${at} AND key IS NOT NULL`
  return session.run(
    `UPDATE _simplyload.quarantine SET closed_at = ${timestampLiteral(nowMs)},
       closed_as = CASE WHEN key IN (${again}) THEN 'again' WHEN key IN (SELECT key FROM replay_rows) THEN 'replayed' ELSE 'gone' END
     WHERE source = $1 AND namespace = $2 AND table_name = $3 AND closed_at IS NULL AND position < ${at}
       AND key IN (SELECT key FROM replay_keys)
       AND (key IN (${again}) OR key NOT IN (SELECT key FROM replay_rows WHERE position <> ${at}))`,
    of,
  )
}

function insertInto(table: TableId): string {
  const names = [table.source, table.namespace, table.name].map(quoteLiteral)
  return `INSERT INTO _simplyload.quarantine (${ENTRY_COLUMNS}) SELECT ${names.join(', ')},`
}

/** The name that the column has on the destination; '' for a whole row. */
function columnNameSql(layout: TableLayout): string {
  const cases = dataColumns(layout)
    .filter((column) => column.state !== 'retired')
    .map((column) => `WHEN ${column.id} THEN ${quoteLiteral(column.name)}`)
  return `CASE x.e.columnId WHEN 0 THEN '' ${cases.join(' ')} ELSE '#' || x.e.columnId END`
}

/** The layout with texts where DuckDB would parse them. */
function rawLayout(layout: TableLayout): TableLayout {
  const columns = layout.columns.map((column) =>
    isParsed(column.type) ? { ...column, type: { kind: 'text' as const } } : column,
  )
  return { ...layout, columns }
}

function keyOfRow(layout: TableLayout): string {
  if (layout.identity.kind !== 'key') return 'NULL'
  return keyText(identityColumns(layout).map((column, index) => ({ expression: `k${index + 1}`, type: column.type })))
}
