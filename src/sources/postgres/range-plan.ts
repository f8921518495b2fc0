/**
 * How a range of a table is cut into chunks, so that each can be read, and read again, by itself.
 *
 * The server's planner is asked how it would find the range in each relation with storage. By an index: the range is cut
 * into smaller ones, at the bounds of the column's histogram. Not by an index: the relation is cut into ranges of blocks,
 * as in a snapshot, and rows are picked from them, so that it is read once. A partition that cannot have such rows is not
 * read.
 */
import type { SnapshotChunk } from '../../core/source.ts'
import type { RowRange } from '../../core/table-schema.ts'
import type { CatalogLeaf, CatalogTable } from './catalog.ts'
import { blockRanges, type LeafSize, type PlanLimits } from './snapshot-plan.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './sql-text.ts'

/** Values of a column; a part of a range ends before its neighbour begins. */
export interface ValueRange extends RowRange {
  /** Instead of `to`: not included itself. */
  readonly before?: string
}

/** A query in the transaction of the snapshot. */
export type Ask = <T>(sql: string, values: readonly unknown[]) => Promise<readonly T[]>

const BY_INDEX = new Set(['Index Scan', 'Index Only Scan', 'Bitmap Heap Scan'])
/** More would only be statements. */
const CUTS_MAX = 1_000

export async function planRangeChunks(
  ask: Ask,
  catalog: CatalogTable,
  sizes: readonly LeafSize[],
  limits: PlanLimits,
  range: RowRange,
): Promise<readonly SnapshotChunk[]> {
  // Also for a partition that is named itself, as we name them.
  await ask('SET LOCAL constraint_exclusion = on', [])
  const chunks: Omit<SnapshotChunk, 'index'>[] = []
  for (const leaf of catalog.leaves) {
    const size = sizes.find(({ oid }) => oid === leaf.oid) ?? { oid: leaf.oid, heapBytes: 0, tableBytes: 0 }
    chunks.push(...(await planLeaf(ask, catalog, leaf, size, limits, range)))
  }
  return chunks.map((chunk, index) => ({ index, ...chunk }))
}

async function planLeaf(
  ask: Ask,
  catalog: CatalogTable,
  leaf: CatalogLeaf,
  size: LeafSize,
  limits: PlanLimits,
  range: RowRange,
): Promise<readonly Omit<SnapshotChunk, 'index'>[]> {
  const scan = await explainScan(ask, catalog, leaf, range)
  if (scan === undefined) return []
  const blocks = [...blockRanges(leaf, size, limits)]
  const rows = blocks.reduce((sum, block) => sum + block.estimatedRows, 0)
  const share = rows === 0 ? 1 : Math.min(1, scan.rows / rows)
  if (!BY_INDEX.has(scan.node)) {
    return blocks.map(({ fromBlock, toBlock, estimatedBytes, estimatedRows }) => ({
      spec: JSON.stringify([leaf.oid, fromBlock, toBlock ?? null, range]),
      estimatedBytes: Math.round(estimatedBytes * share),
      estimatedRows: Math.round(estimatedRows * share),
    }))
  }
  const bytes = Math.max(size.tableBytes, size.heapBytes) * share
  const wanted = Math.min(CUTS_MAX, Math.ceil(bytes / limits.chunkBytes))
  const ranges = cutRange(range, wanted > 1 ? await histogram(ask, catalog, leaf, range) : [], wanted)
  return ranges.map((part) => ({
    spec: JSON.stringify([leaf.oid, null, null, part]),
    estimatedBytes: Math.round(bytes / ranges.length),
    estimatedRows: Math.round(scan.rows / ranges.length),
  }))
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Plan Rows': number
  readonly 'One-Time Filter'?: string
  readonly Plans?: readonly PlanNode[]
}

/** Undefined: the relation has no such rows. */
async function explainScan(ask: Ask, catalog: CatalogTable, leaf: CatalogLeaf, range: RowRange) {
  const from = `FROM ONLY ${quoteTable(leaf.namespace, leaf.name)}`
  const sql = `EXPLAIN (FORMAT JSON) SELECT * ${from} WHERE ${rangeCondition(catalog, range)}`
  const [row] = await ask<{ 'QUERY PLAN': string | readonly { readonly Plan: PlanNode }[] }>(sql, [])
  const answer = row?.['QUERY PLAN']
  const plans = typeof answer === 'string' ? (JSON.parse(answer) as readonly { readonly Plan: PlanNode }[]) : answer
  const root = plans?.[0]?.Plan
  if (root === undefined || (root['Node Type'] === 'Result' && root['One-Time Filter'] === 'false')) return undefined
  let node = root
  while (!node['Node Type'].endsWith('Scan') && node.Plans?.[0] !== undefined) node = node.Plans[0]
  return { node: node['Node Type'], rows: root['Plan Rows'] }
}

/** Values inside of the range with about as many rows between each two, in order; none where nothing is known. */
async function histogram(ask: Ask, catalog: CatalogTable, leaf: CatalogLeaf, range: RowRange) {
  const column = rangeColumn(catalog, range)
  const inside = [
    ...(range.from === undefined ? [] : [`b > ${quoteLiteral(range.from)}`]),
    ...(range.to === undefined ? [] : [`b < ${quoteLiteral(range.to)}`]),
  ]
  const [row] = await ask<{ bounds: readonly string[] | null }>(
    `SELECT json_agg(v::text ORDER BY v) AS bounds FROM (
       SELECT DISTINCT b AS v FROM pg_stats s, unnest(s.histogram_bounds::text::${column.sourceType}[]) b
       WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3 AND NOT s.inherited AND ${inside.join(' AND ') || 'true'}) x`,
    [leaf.namespace, leaf.name, column.name],
  )
  return row?.bounds ?? []
}

/** At most `parts` ranges that touch and do not overlap. */
function cutRange(range: RowRange, bounds: readonly string[], parts: number): readonly ValueRange[] {
  const cuts: string[] = []
  const step = (bounds.length + 1) / parts
  for (let part = 1; part < parts; part++) {
    const cut = bounds[Math.round(part * step) - 1]
    if (cut !== undefined && cut !== cuts.at(-1)) cuts.push(cut)
  }
  const { columnId, from, to } = range
  return [...cuts, undefined].map((cut, index): ValueRange => {
    const begin = index === 0 ? from : cuts[index - 1]
    return {
      columnId,
      ...(begin === undefined ? {} : { from: begin }),
      ...(cut !== undefined ? { before: cut } : to === undefined ? {} : { to }),
    }
  })
}

/** SQL. Bare literals take the column's type, without its length: `varchar(3)` would cut them. */
export function rangeCondition(catalog: CatalogTable, range: ValueRange): string {
  const column = quoteIdentifier(rangeColumn(catalog, range).name)
  const conditions = [
    ...(range.from === undefined ? [] : [`${column} >= ${quoteLiteral(range.from)}`]),
    ...(range.to === undefined ? [] : [`${column} <= ${quoteLiteral(range.to)}`]),
    ...(range.before === undefined ? [] : [`${column} < ${quoteLiteral(range.before)}`]),
  ]
  return conditions.length === 0 ? `${column} IS NOT NULL` : conditions.join(' AND ')
}

function rangeColumn(catalog: CatalogTable, { columnId }: RowRange) {
  const column = catalog.columns.find(({ attnum }) => attnum === columnId)
  if (column === undefined) throw new Error(`${catalog.name} has no column ${columnId}`)
  return column
}
