/**
 * Holds the source's rows (snapshot files) against the final table.
 *
 * Rows of both sides are reduced to their key and a hash of their typed values, so that what is held in memory does not
 * grow with the width of the table; only rows whose hashes differ are looked at column by column. Tables without a key
 * are compared by counting rows with equal values. Rows that are marked deleted do not count.
 */
import type { CompareRequest, RowDifference, TableComparison } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Position } from '../../core/position.ts'
import { tableName } from '../../core/table-schema.ts'
import {
  dataColumns,
  HASH_DIGITS,
  identityColumns,
  type LayoutColumn,
  POSITION_ID,
  ROW_ID_ID,
  type TableLayout,
  writeModeOf,
} from '../../warehouse/table-layout.ts'
import { totalFeatures } from '../../warehouse/total-features.ts'
import { duckdbType, keyText } from './column-type.ts'
import { isCurrentSql } from './current-rows.ts'
import { historyFaults } from './history-quality.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { loadLayouts } from './layout-store.ts'
import { nullShares } from './null-shares.ts'
import { evolveLayout } from './schema-evolution.ts'
import type { Session } from './session.ts'
import { inspectFiles } from './stage-inspection.ts'
import { relationSql } from './stage-relation.ts'
import { columnSql, tableSql } from './table-sql.ts'

/** The two sides as relations with the same columns: `k1`, …; `v0`, … for the columns that are compared. */
export interface Sides {
  readonly layout: TableLayout
  /** As the table is. */
  readonly existing: TableLayout
  /** Numbers of the compared columns. */
  readonly compared: readonly { readonly index: number; readonly column: LayoutColumn }[]
  readonly source: string
  readonly destination: string
}

export async function compareTable(
  session: Session,
  request: CompareRequest,
  locate: (path: string) => string,
): Promise<TableComparison> {
  await session.useThreads('all')
  // Two sides of large values, joined, may need more than a merge of theirs did.
  return session.retryWithMoreMemory(() => compareSides(session, request, locate))
}

async function compareSides(
  session: Session,
  request: CompareRequest,
  locate: (path: string) => string,
): Promise<TableComparison> {
  const sides = await openSides(session, request, locate)
  const isKeyed = sides.layout.identity.kind === 'key'
  const found = isKeyed ? await compareByKey(session, request, sides) : await compareByContent(session, request, sides)
  const isHistory = writeModeOf(sides.layout) === 'history' && request.keys === undefined
  const counts = await session.row(
    `SELECT (SELECT count(*) FROM ${sides.source}) AS source, (SELECT count(*) FROM ${sides.destination}) AS destination`,
  )
  return {
    table: request.target.table,
    sourceRows: Number(counts.source) + found.wholeRows,
    destinationRows: Number(counts.destination),
    duplicateKeys: found.duplicateKeys,
    differing: found.differing,
    // What could not be read into the files either is NULL on both sides.
    explained: found.explained + Math.max(found.wholeRows, totalFeatures(request.files).quarantinedRows),
    examples: found.examples,
    nullShares: request.keys === undefined ? await nullShares(session, sides) : [],
    ...(isHistory ? { history: await historyFaults(session, sides.existing) } : {}),
  }
}

interface Found {
  readonly duplicateKeys: number
  readonly differing: number
  readonly explained: number
  /** Rows of the source that are quarantined whole. */
  readonly wholeRows: number
  readonly examples: readonly RowDifference[]
}

export async function openSides(
  session: Session,
  { target, schema, files, keys }: CompareRequest,
  locate: (path: string) => string,
): Promise<Sides> {
  const stored = (await loadLayouts(session, target.table.source, [target.table])).get(target.table, 'final')
  if (stored === undefined) {
    throw new PipelineError('not_found', `Comparing ${tableName(target.table)}`, {
      cause: new Error('it has no final table yet'),
      hint: 'Run simplyload sync until the table is live',
      context: { table: tableName(target.table) },
    })
  }
  const existing = stored.layout
  const policy = target.schemaChanges === 'discard' ? 'discard' : 'evolve'
  // Columns that the source has and the destination does not (yet) count as NULL there.
  const { layout } = evolveLayout(existing, schema, { ...target, schemaChanges: policy })
  const data = dataColumns(layout)
  const compared = data.flatMap((column, index) => (column.state === 'current' ? [{ index, column }] : []))
  const inspected = await inspectFiles(session, files, locate)
  const rows = relationSql({ files: inspected, layout, schema, from: undefined, careful: true })
  await session.run(`CREATE OR REPLACE TEMP VIEW compare_rows AS SELECT * FROM ${rows}`)
  const isNamed = keyFilter(layout, keys)
  const own = [
    ...identityColumns(layout).map(
      (_, index) => `${ownName(existing, layout, identityIndex(layout, index))} AS k${index + 1}`,
    ),
    ...data.map((column, index) => `${ownName(existing, layout, layout.columns.indexOf(column))} AS v${index}`),
    `${columnSql(existing, POSITION_ID)} AS pos`,
    existing.identity.kind === 'key'
      ? 'NULL AS content_hash'
      : `left(${columnSql(existing, ROW_ID_ID)}, ${HASH_DIGITS}) AS content_hash`,
  ]
  const live = `SELECT ${own.join(', ')} FROM ${tableSql(existing)} WHERE ${isCurrentSql(existing)}`
  return {
    layout,
    existing,
    compared,
    source: `(SELECT * FROM compare_rows WHERE code IS NOT NULL${isNamed === undefined ? '' : ` AND ${isNamed}`})`,
    destination: isNamed === undefined ? `(${live})` : `(SELECT * FROM (${live}) WHERE ${isNamed})`,
  }
}

function identityIndex(layout: TableLayout, index: number): number {
  const column = identityColumns(layout)[index]
  return column === undefined ? -1 : layout.columns.indexOf(column)
}

/** The column at this place in the layout, as the table has it; NULL where it does not. */
function ownName(existing: TableLayout, layout: TableLayout, place: number): string {
  const column = existing.columns[place]
  const wanted = layout.columns[place]
  if (column === undefined || wanted === undefined) return 'NULL'
  return `CAST(${quoteIdentifier(column.name)} AS ${duckdbType(wanted.type)})`
}

function keyFilter(layout: TableLayout, keys: readonly string[] | undefined): string | undefined {
  if (keys === undefined || layout.identity.kind !== 'key') return undefined
  const list = keys.map(quoteLiteral).join(', ')
  return keys.length === 0 ? 'false' : `${keyOf(layout, '')} IN (${list})`
}

export function keyOf(layout: TableLayout, prefix: string): string {
  return keyText(
    identityColumns(layout).map((column, index) => ({ expression: `${prefix}k${index + 1}`, type: column.type })),
  )
}

async function compareByKey(session: Session, { target, limit }: CompareRequest, sides: Sides): Promise<Found> {
  const { layout, compared, source, destination } = sides
  const keys = identityColumns(layout).map((_, index) => `k${index + 1}`)
  const values = contentSql(compared)
  const onKey = keys.map((key) => `s.${key} = d.${key}`).join(' AND ')
  await session.run(
    `CREATE OR REPLACE TEMP TABLE compare_differing AS
     SELECT ${keys.map((key) => `coalesce(s.${key}, d.${key}) AS ${key}`).join(', ')}, d.pos,
       CASE WHEN d.present IS NULL THEN 'missing' WHEN s.present IS NULL THEN 'extra' ELSE 'different' END AS kind
     FROM (SELECT ${keys.join(', ')}, ${values} AS content, true AS present FROM ${source}) s
     FULL OUTER JOIN (SELECT ${keys.join(', ')}, ${values} AS content, pos, true AS present FROM ${destination}) d ON ${onKey}
     WHERE s.content IS DISTINCT FROM d.content OR s.present IS NULL OR d.present IS NULL`,
  )
  await session.run(
    `CREATE OR REPLACE TEMP TABLE compare_quarantine AS SELECT key, list(DISTINCT column_name) AS columns,
       max(position) FILTER (WHERE column_name = '') AS whole
     FROM _simplyload.quarantine WHERE source = $1 AND namespace = $2 AND table_name = $3 AND key IS NOT NULL AND closed_at IS NULL GROUP BY key`,
    [target.table.source, target.table.namespace, target.table.name],
  )
  await session.run(detailsSql(sides, keys, limit))
  const counts = await session.row(
    `SELECT (SELECT count(*) FROM compare_differing) AS differing,
       (SELECT count(*) FROM compare_details WHERE explained) AS explained,
       (SELECT count(*) FROM compare_details WHERE equal) AS equal,
       (SELECT count(*) FROM (SELECT 1 FROM ${destination} GROUP BY ${keys.join(', ')} HAVING count(*) > 1)) AS duplicates,
       (SELECT count(*) FROM compare_rows WHERE code IS NULL) AS whole`,
  )
  const examples = await session.rows(
    `SELECT key, kind, pos, columns FROM compare_details WHERE NOT explained AND NOT equal ORDER BY key LIMIT ${Math.trunc(limit)}`,
  )
  return {
    duplicateKeys: Number(counts.duplicates),
    differing: Number(counts.differing) - Number(counts.explained) - Number(counts.equal),
    explained: Number(counts.explained),
    wholeRows: Number(counts.whole),
    examples: examples.map((row) => ({
      key: String(row.key),
      kind: row.kind as RowDifference['kind'],
      columns: (row.columns as unknown[]).map(String),
      position: (row.pos ?? undefined) as Position | undefined,
    })),
  }
}

/**
 * `compare_details`: the differing rows that are examples or that the quarantine may explain, column by column. A
 * difference is explained where each column that differs is NULL at the destination and in quarantine for this key, or
 * where a newer version of the row is in quarantine whole.
 */
function detailsSql({ layout, compared, source, destination }: Sides, keys: readonly string[], limit: number): string {
  const differs = ({ index }: { readonly index: number }) => `s.v${index} IS DISTINCT FROM d.v${index}`
  const named = (condition: (each: (typeof compared)[number]) => string) =>
    `list_filter([${compared.map((each) => `CASE WHEN ${condition(each)} THEN ${quoteLiteral(each.column.name)} END`).join(', ')}]::VARCHAR[], x -> x IS NOT NULL)`
  const using = keys.join(', ')
  return `CREATE OR REPLACE TEMP TABLE compare_details AS
    SELECT key, kind, pos, CASE WHEN kind = 'different' THEN columns ELSE [] END AS columns,
      kind = 'different' AND len(columns) = 0 AS equal,
      coalesce(CASE kind WHEN 'different' THEN len(columns) > 0 AND len(filled) = 0 AND list_has_all(quarantined, columns)
                WHEN 'missing' THEN list_contains(quarantined, '') END, false)
        OR coalesce(whole > pos, false) AS explained
    FROM (SELECT c.key, c.kind, c.pos, q.columns AS quarantined, q.whole, ${named(differs)} AS columns,
            ${named((each) => `${differs(each)} AND d.v${each.index} IS NOT NULL`)} AS filled
          FROM (SELECT *, ${keyOf(layout, '')} AS key, row_number() OVER () AS number FROM compare_differing) c
          LEFT JOIN compare_quarantine q ON q.key = c.key
          LEFT JOIN ${source} s USING (${using}) LEFT JOIN ${destination} d USING (${using})
          WHERE q.key IS NOT NULL OR c.number <= ${Math.trunc(limit)})`
}

/** A table may have no column at all. */
function contentSql(compared: Sides['compared']): string {
  return compared.length === 0 ? '0' : `hash(${compared.map(({ index }) => `v${index}`).join(', ')})`
}

/** Rows with equal values are counted on both sides. */
async function compareByContent(session: Session, { limit }: CompareRequest, sides: Sides): Promise<Found> {
  const values = contentSql(sides.compared)
  const counted = (side: string) =>
    `(SELECT ${values} AS content, count(*) AS n, min(content_hash) AS name, min(pos) AS pos FROM ${side} GROUP BY 1)`
  await session.run(
    `CREATE OR REPLACE TEMP TABLE compare_differing AS
     SELECT coalesce(s.name, d.name, to_hex(coalesce(s.content, d.content))) AS key, d.pos,
       coalesce(s.n, 0) AS source, coalesce(d.n, 0) AS destination
     FROM ${counted(sides.source)} s FULL OUTER JOIN ${counted(sides.destination)} d ON s.content = d.content
     WHERE s.n IS DISTINCT FROM d.n`,
  )
  const counts = await session.row(
    `SELECT (SELECT coalesce(sum(abs(source - destination)), 0)::BIGINT FROM compare_differing) AS differing,
       (SELECT count(*) FROM compare_rows WHERE code IS NULL) AS whole`,
  )
  const examples = await session.rows(
    `SELECT key, pos, source > destination AS missing FROM compare_differing ORDER BY key LIMIT ${Math.trunc(limit)}`,
  )
  return {
    duplicateKeys: 0,
    differing: Number(counts.differing),
    explained: 0,
    wholeRows: Number(counts.whole),
    examples: examples.map((row) => ({
      key: String(row.key),
      kind: row.missing === true ? 'missing' : 'extra',
      columns: [],
      position: (row.pos ?? undefined) as Position | undefined,
    })),
  }
}
