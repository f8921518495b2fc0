/**
 * Folds the changes of a flush to one result per key, and finds each result's row in the target.
 *
 * The last change of a key decides; the last one with values tells the values. Only codes are aggregated: one integer
 * per key instead of rows, so that millions of keys fit, and a key's values are fetched by their code afterwards.
 * Window functions over all changes were tried and run out of memory.
 *
 * `merge_result`, one row per key:
 * - `last`: code of the last change. `val`: code of the last change with values, if any.
 * - `dead`: the row is gone after the flush; `dead_pos`: the position at which it went (only meaningful where dead).
 * - `rid`: `rowid` of the key's row in the target; `live`: it is there and not marked deleted.
 * - only where values are unchanged in some row (`lineage.ts`): `reset`, code of the last change that began a new row, or
 *   took the one before away; `p<id>`, code of the change that has the value of the column; `root`, `rowid` of the row that values which no change
 *   has are taken from; `completion`; `unresolved`.
 */
import { invariant } from '../../core/invariant.ts'
import { INSERT, PARTIAL_UPDATE, TRUNCATE } from '../../warehouse/change-code.ts'
import { DELETED_ID, POSITION_ID } from '../../warehouse/table-layout.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { columnSql, tableSql } from './table-sql.ts'

export interface FoldOptions {
  /** Rows of the target may be newer than some of the changes: those changes are then ignored. */
  readonly guarded: boolean
  /** Ids of columns that some row does not have because they are unchanged. */
  readonly unchangedIds: readonly number[]
}

export async function foldChanges(session: Session, input: MergeInput, options: FoldOptions): Promise<void> {
  const { buckets } = input
  let folded = 0n
  for (let bucket = 0; bucket < buckets; bucket++) {
    const part = buckets === 1 ? undefined : { bucket, buckets }
    const select = foldSql(input, options, part)
    await session.run(
      bucket === 0 ? `CREATE OR REPLACE TEMP TABLE merge_result AS ${select}` : `INSERT INTO merge_result ${select}`,
    )
    // Counted with all else where there is one bucket only; for all at once it would take too much memory.
    if (buckets > 1) folded += requireOneResultPerKey(await session.row(keyCountsSql(folded)))
  }
  // A target row is never changed by an older change.
  if (options.guarded) await session.run('DELETE FROM merge_result WHERE target_pos >= newest')
  if (input.features.truncates > 0) await applyTruncates(session, input)
}

/** Of the results behind the first `folded`; within a transaction `rowid` does not count them. */
export function keyCountsSql(folded: bigint): string {
  return `SELECT count(*) AS results, count(DISTINCT last) AS keys FROM (SELECT last FROM merge_result OFFSET ${folded})`
}

/** Two results for one key are a bug, or a target that has a key twice. Returns the number of results. */
export function requireOneResultPerKey(counts: Readonly<Record<string, unknown>>): bigint {
  invariant(counts.results === counts.keys, 'a key has one row in the target and one result of a fold')
  return counts.results as bigint
}

interface BucketPart {
  readonly bucket: number
  readonly buckets: number
}

function foldSql(input: MergeInput, { guarded, unchangedIds }: FoldOptions, part: BucketPart | undefined): string {
  const { layout } = input
  const keys = input.keyNames('k')
  const hasValues = `(code & 7) >= ${PARTIAL_UPDATE}`
  const dies = input.features.deletes > 0 || input.features.keyChanges > 0
  const aggregates = [
    'max(code) AS last',
    `max(code) FILTER (WHERE ${hasValues}) AS val`,
    // Positions rise with codes, so the largest is that of the last.
    dies ? `max(pos) FILTER (WHERE NOT ${hasValues}) AS dead_pos` : 'NULL::VARCHAR AS dead_pos',
    ...(guarded ? ['max(pos) AS newest'] : []),
    ...(unchangedIds.length === 0 ? [] : resetAggregates()),
    ...unchangedIds.map((id) => `max(code) FILTER (WHERE ${hasValues} AND ${hasColumnSql(id)}) AS p${id}`),
  ]
  const target = [
    'rowid AS rid',
    `${columnSql(layout, DELETED_ID)} IS NOT TRUE AS live`,
    ...input.targetColumns().map(({ name, alias }) => `${quoteIdentifier(name)} AS ${alias}`),
    ...(guarded ? [`${columnSql(layout, POSITION_ID)} AS target_pos`] : []),
  ]
  const live = 'coalesce(t.live, false)'
  const reset = resetSql('f.')
  const result = [
    // Of a key that is NULL nothing could be known: the source promises that there is none.
    `CASE WHEN ${keys.map((key) => `f.${key} IS NULL`).join(' OR ')} THEN error('A change has no key') ELSE f.last END AS last`,
    'f.val',
    `(f.last & 7) < ${PARTIAL_UPDATE} AS dead`,
    'f.dead_pos',
    't.rid',
    `${live} AS live`,
    ...(guarded ? ['f.newest', 't.target_pos'] : []),
    ...(unchangedIds.length === 0
      ? []
      : [
          `${reset} AS reset`,
          `CASE WHEN ${reset} IS NULL AND ${live} THEN t.rid END AS root`,
          'NULL::BIGINT AS completion',
        ]),
    ...unchangedIds.map((id) => `CASE WHEN ${reset} IS NULL OR f.p${id} >= ${reset} THEN f.p${id} END AS p${id}`),
    ...(unchangedIds.length === 0 ? [] : ['false AS unresolved']),
  ]
  const inBucket = (names: readonly string[]) =>
    part === undefined ? '' : ` WHERE hash(${names.join(', ')}) % ${part.buckets} = ${part.bucket}`
  const targetKeys = input.targetColumns().map(({ name }) => quoteIdentifier(name))
  return `SELECT ${result.join(', ')}
    FROM (SELECT ${keys.join(', ')}, ${aggregates.join(', ')} FROM ${input.keyChangesSql()}${inBucket(keys)}
      GROUP BY ${keys.join(', ')}) f
    LEFT JOIN (SELECT ${target.join(', ')} FROM ${tableSql(layout)}${inBucket(targetKeys)}) t
      ON ${keys.map((key) => `t.${key} = f.${key}`).join(' AND ')}`
}

/** What `resetSql` is made of. */
export function resetAggregates(): readonly string[] {
  return [
    `max(code) FILTER (WHERE (code & 7) >= ${INSERT}) AS begun`,
    `max(code) FILTER (WHERE (code & 7) < ${PARTIAL_UPDATE}) AS died`,
  ]
}

/**
 * Nothing older has values of the row that change `val` made. A transform that leaves a row out sends its delete, and an
 * update when it takes the row in again: so a row may be changed that went and did not come.
 */
export function resetSql(of = ''): string {
  return `greatest(${of}begun, CASE WHEN ${of}died < ${of}val THEN ${of}died END)`
}

/** The row's own value of the column came with the change. */
export function hasColumnSql(id: number): string {
  return `(unchanged IS NULL OR NOT contains(unchanged, ',${id},'))`
}

/** A row that lives at the time of a truncate dies of it: of the first one after its last change. */
async function applyTruncates(session: Session, input: MergeInput): Promise<void> {
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_truncates AS
     SELECT code, pos FROM ${input.rowsSql()} WHERE (code & 7) = ${TRUNCATE}`,
  )
  await session.run(
    `UPDATE merge_result SET dead = true, dead_pos = x.pos
     FROM (SELECT r.last, t.pos FROM (SELECT last FROM merge_result WHERE NOT dead) r
           ASOF JOIN merge_truncates t ON r.last < t.code) x
     WHERE merge_result.last = x.last`,
  )
}
