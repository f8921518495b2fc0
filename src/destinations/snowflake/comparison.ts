/**
 * Holds the source's rows (snapshot files) against the final table.
 *
 * The files are loaded beside it and joined by key; only rows that differ are kept, with the numbers of the columns that
 * do. Tables without a key are compared by counting rows with equal values. Rows that are marked deleted do not count.
 */
import type { CompareRequest, RowDifference, TableComparison } from '../../core/destination.ts'
import type { Position } from '../../core/position.ts'
import { writeModeOf } from '../../warehouse/table-layout.ts'
import { totalFeatures } from '../../warehouse/total-features.ts'
import { type ComparisonSetting, keyOf, openSides, type Sides } from './comparison-sides.ts'
import { historyFaults } from './history-quality.ts'
import { quoteLiteral } from './identifiers.ts'
import { textForm } from './key-text.ts'
import { nullShares } from './null-shares.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { METADATA_SCHEMA, metadataTable } from './table-names.ts'

const DIFFERING = `${METADATA_SCHEMA}.compare_differing`
const EXPLAINED = `${METADATA_SCHEMA}.compare_explained`

export async function compareTable(
  session: SnowflakeSession,
  request: CompareRequest,
  setting: ComparisonSetting,
): Promise<TableComparison> {
  const sides = await openSides(session, request, setting)
  const isKeyed = sides.layout.identity.kind === 'key'
  const found = isKeyed ? await compareByKey(session, request, sides) : await compareByContent(session, request, sides)
  const isHistory = writeModeOf(sides.layout) === 'history' && request.keys === undefined
  return {
    table: request.target.table,
    ...found,
    nullShares: request.keys === undefined ? await nullShares(session, sides) : [],
    ...(isHistory ? { history: await historyFaults(session, sides.existing) } : {}),
  }
}

type Found = Omit<TableComparison, 'table' | 'nullShares' | 'history'>

async function compareByKey(session: SnowflakeSession, request: CompareRequest, sides: Sides): Promise<Found> {
  await session.run(`CREATE OR REPLACE TEMPORARY TABLE ${DIFFERING} AS ${differingSql(sides)}`)
  await session.run(`CREATE OR REPLACE TEMPORARY TABLE ${EXPLAINED} AS ${explainedSql(request, sides)}`)
  const keys = sides.keys.join(', ')
  const counts = await session.row(
    `SELECT ${[
      `(SELECT COUNT(*) FROM ${DIFFERING}) AS differing`,
      `(SELECT COUNT(*) FROM ${EXPLAINED}) AS explained`,
      `(SELECT COUNT(*) FROM (SELECT ${keys} FROM ${sides.destination} GROUP BY ${keys} HAVING COUNT(*) > 1)) AS duplicates`,
      ...sideCounts(sides),
    ].join(', ')}`,
  )
  const examples = await session.rows(
    `SELECT d.key AS key, d.kind AS kind, d.pos AS pos, d.differs AS differs FROM ${DIFFERING} d
     LEFT JOIN ${EXPLAINED} x ON x.key = d.key WHERE x.key IS NULL ORDER BY d.key LIMIT ${Math.trunc(request.limit)}`,
  )
  const wholeRows = Number(counts.WHOLE)
  return {
    ...countedSides(counts),
    duplicateKeys: Number(counts.DUPLICATES),
    differing: Number(counts.DIFFERING) - Number(counts.EXPLAINED),
    explained: Number(counts.EXPLAINED) + unreadRows(request, wholeRows),
    examples: examples.map((row) => ({
      key: String(row.KEY),
      kind: row.KIND as RowDifference['kind'],
      columns: row.KIND === 'different' ? namesOf(sides, String(row.DIFFERS)) : [],
      position: (row.POS ?? undefined) as Position | undefined,
    })),
  }
}

function sideCounts(sides: Sides): readonly string[] {
  return [
    `(SELECT COUNT(*) FROM ${sides.source}) AS source_rows`,
    `(SELECT COUNT(*) FROM ${sides.destination}) AS destination_rows`,
    `${sides.wholeRows} AS whole`,
  ]
}

function countedSides(counts: Row): { readonly sourceRows: number; readonly destinationRows: number } {
  return {
    sourceRows: Number(counts.SOURCE_ROWS) + Number(counts.WHOLE),
    destinationRows: Number(counts.DESTINATION_ROWS),
  }
}

/** Of `differs`: `,1,3,`. */
function namesOf({ compared }: Sides, differs: string): readonly string[] {
  const differing = new Set(differs.split(',').filter((part) => part !== ''))
  return compared.flatMap(({ index, column }) => (differing.has(String(index)) ? [column.name] : []))
}

/** `key`, `kind`, `pos`; numbers of the columns that differ (`differs`), and of those with a value here (`filled`). */
function differingSql(sides: Sides): string {
  const { layout, keys, compared, source, destination } = sides
  const differs = ({ index }: { readonly index: number }) => `s.v${index} IS DISTINCT FROM d.v${index}`
  const numbers = (condition: (each: (typeof compared)[number]) => string) =>
    ["','", ...compared.map((each) => `CASE WHEN ${condition(each)} THEN '${each.index},' ELSE '' END`)].join(' || ')
  const any = ['s.present IS NULL', 'd.present IS NULL', ...compared.map(differs)].join(' OR ')
  const kind = `CASE WHEN d.present IS NULL THEN 'missing' WHEN s.present IS NULL THEN 'extra' ELSE 'different' END`
  const either = keys.map((key) => `COALESCE(s.${key}, d.${key}) AS ${key}`)
  return `SELECT ${keyOf(layout, '')} AS key, kind, pos, differs, filled FROM (
      SELECT ${either.join(', ')}, d.pos AS pos, ${kind} AS kind, ${numbers(differs)} AS differs,
        ${numbers((each) => `${differs(each)} AND d.v${each.index} IS NOT NULL`)} AS filled
      FROM (SELECT s.*, TRUE AS present FROM ${source} s) s
      FULL OUTER JOIN (SELECT d.*, TRUE AS present FROM ${destination} d) d
        ON ${keys.map((key) => `s.${key} = d.${key}`).join(' AND ')}
      WHERE ${any})`
}

/**
 * Keys whose difference the quarantine explains: each column that differs is NULL here and in quarantine for this key, or a
 * newer version of the row is in quarantine whole.
 */
function explainedSql({ target: { table } }: CompareRequest, { compared }: Sides): string {
  const [source, namespace, name] = [table.source, table.namespace, table.name].map(quoteLiteral)
  const isNamed = compared.map(({ index, column }) => `WHEN ${quoteLiteral(column.name)} THEN ',${index},'`)
  const number = isNamed.length === 0 ? "''" : `CASE q.column_name ${isNamed.join(' ')} END`
  const put = `COUNT(DISTINCT CASE WHEN CONTAINS(d.differs, ${number}) THEN q.column_name END)`
  const differing = `(LENGTH(d.differs) - LENGTH(REPLACE(d.differs, ',', '')) - 1)`
  return `SELECT d.key AS key FROM ${DIFFERING} d JOIN ${metadataTable('QUARANTINE')} q ON q.key = d.key
    WHERE q.source = ${source} AND q.namespace = ${namespace} AND q.table_name = ${name} AND q.closed_at IS NULL
    GROUP BY d.key, d.kind, d.pos, d.differs, d.filled
    HAVING (d.kind = 'different' AND d.filled = ',' AND ${put} = ${differing})
      OR (d.kind = 'missing' AND COUNT_IF(q.column_name = '') > 0)
      OR COALESCE(MAX(CASE WHEN q.column_name = '' THEN q.position END) > d.pos, FALSE)`
}

/** What could not be read into the files either is NULL on both sides. */
function unreadRows({ files }: CompareRequest, wholeRows: number): number {
  return Math.max(wholeRows, totalFeatures(files).quarantinedRows)
}

/** Rows with equal values are counted on both sides. */
async function compareByContent(session: SnowflakeSession, request: CompareRequest, sides: Sides): Promise<Found> {
  const { limit } = request
  const { compared, source, destination } = sides
  const values = compared.map(({ index }) => `v${index}`)
  const side = (from: string, isSource: boolean) =>
    `SELECT ${[...values, 'content_hash', 'pos', `${isSource ? 1 : 0} AS here`, `${isSource ? 0 : 1} AS there`].join(', ')} FROM ${from}`
  const texts = compared.map(({ index, column }) => `COALESCE(${textForm(`v${index}`, column.type)}, '')`)
  const name = `COALESCE(MIN(content_hash), MD5(${texts.length === 0 ? "''" : texts.join(" || '/' || ")}))`
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${DIFFERING} AS
     SELECT ${name} AS key, MIN(CASE WHEN there = 1 THEN pos END) AS pos, SUM(here) AS source_n, SUM(there) AS destination_n
     FROM (${side(source, true)} UNION ALL ${side(destination, false)})
     ${values.length === 0 ? '' : `GROUP BY ${values.join(', ')}`} HAVING SUM(here) <> SUM(there)`,
  )
  const counts = await session.row(
    `SELECT ${[
      `(SELECT COALESCE(SUM(ABS(source_n - destination_n)), 0) FROM ${DIFFERING}) AS differing`,
      ...sideCounts(sides),
    ].join(', ')}`,
  )
  const examples = await session.rows(
    `SELECT key, pos, source_n > destination_n AS is_missing FROM ${DIFFERING} ORDER BY key LIMIT ${Math.trunc(limit)}`,
  )
  return {
    ...countedSides(counts),
    duplicateKeys: 0,
    differing: Number(counts.DIFFERING),
    explained: unreadRows(request, Number(counts.WHOLE)),
    examples: examples.map((row) => ({
      key: String(row.KEY),
      kind: row.IS_MISSING === true ? 'missing' : 'extra',
      columns: [],
      position: (row.POS ?? undefined) as Position | undefined,
    })),
  }
}
