/**
 * Folds the changes of a flush to one result per key, as `merge-statement.ts` takes it: the last change of a key decides;
 * the last one with values tells the values.
 *
 * Within the MERGE where the staged rows alone tell everything (`inlineFold`). Otherwise first into a temporary table
 * (`foldChanges`), which `lineage.ts` and `backfill.ts` then work on. It has one row per key, `k1`, … and
 * - `last`: code of the last change. `val`: code of the last change with values, if any.
 * - `dead`: the row is gone after the flush; `dead_pos`: the position at which it went (only meaningful where dead).
 * - `present`: the key has a row in the target; `live`: it is not marked deleted. `newest`: position of the last change.
 * - only where values are unchanged in some row (`lineage.ts`): `reset`, code of the last change that began a new row, or
 *   took the one before away; `p<id>`, code of the change that has the value of the column; `b1`, …: the key of the target's row that values which
 *   no change has are taken from; `completion`; `unresolved`.
 */
import { PARTIAL_UPDATE, TRUNCATE } from '../../warehouse/change-code.ts'
import { DELETED_ID, dataColumns, POSITION_ID } from '../../warehouse/table-layout.ts'
import { resetAggregates, resetSql, rootColumns, unresolvedSql } from './lineage-columns.ts'
import { hasColumnSql, KIND, lastCode, type MergeInput } from './merge-input.ts'
import type { SnowflakeSession } from './session.ts'
import type { Survey } from './survey.ts'
import { columnSql, tableSql } from './table-names.ts'

/** Columns of the results besides the key and those of `lineage.ts`. */
export const RESULT_COLUMNS = ['last', 'val', 'dead', 'dead_pos', 'present', 'live', 'newest'] as const

const HAS_VALUES = `${KIND} >= ${PARTIAL_UPDATE}`

/** As a query. */
export function inlineFold(input: MergeInput, { keys, changes }: Survey, hardDelete: boolean): string {
  const names = ['k', 'v'].flatMap((prefix) =>
    prefix === 'k' ? input.keyNames('k') : dataColumns(input.layout).map((_, index) => `v${index}`),
  )
  const of = `PARTITION BY ${input.keyNames('k').join(', ')}`
  const isLast = keys === changes ? '' : ` QUALIFY ROW_NUMBER() OVER (${of} ORDER BY code DESC) = 1`
  const own = `SELECT ${[...names, `${KIND} < ${PARTIAL_UPDATE} AS dead`, `${HAS_VALUES} AS valued`, 'pos AS new_pos'].join(', ')}
    FROM ${input.changes}${isLast}`
  if (hardDelete || input.features.deletes === 0 || keys === changes) return own
  return `SELECT ${[
    ...names,
    `MOD(last, 8) < ${PARTIAL_UPDATE} AS dead`,
    'val IS NOT NULL AS valued',
    `CASE WHEN MOD(last, 8) < ${PARTIAL_UPDATE} THEN dead_pos ELSE pos END AS new_pos`,
  ].join(', ')}
    FROM (SELECT ${[...names, 'code', 'pos'].join(', ')}, MAX(code) OVER (${of}) AS last,
            ${lastCode(HAS_VALUES)} OVER (${of}) AS val,
            MAX(CASE WHEN NOT ${HAS_VALUES} THEN pos END) OVER (${of}) AS dead_pos
          FROM ${input.changes})
    WHERE code = COALESCE(val, last)`
}

export interface FoldOptions {
  /** Rows of the target may be newer than some of the changes: those changes are then ignored. */
  readonly guarded: boolean
  readonly survey: Survey
}

export async function foldChanges(session: SnowflakeSession, input: MergeInput, options: FoldOptions): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('result')} AS ${foldSql(input, options)}`)
}

function foldSql(input: MergeInput, { guarded, survey }: FoldOptions): string {
  const { layout, features } = input
  const { unchangedIds, range } = survey
  const keys = input.keyNames('k')
  const aggregates = [
    'MAX(code) AS last',
    `${lastCode(HAS_VALUES)} AS val`,
    // Positions rise with codes, so the largest is that of the last.
    `MAX(CASE WHEN NOT ${HAS_VALUES} THEN pos END) AS dead_pos`,
    'MAX(pos) AS newest',
    ...(unchangedIds.length === 0 ? [] : resetAggregates()),
    ...unchangedIds.map((id) => `${lastCode(`${HAS_VALUES} AND ${hasColumnSql(id)}`)} AS p${id}`),
  ]
  const isDead = `MOD(f.last, 8) < ${PARTIAL_UPDATE}`
  const hasTruncates = features.truncates > 0
  const live = 'COALESCE(t.live, FALSE)'
  const reset = resetSql('f.')
  const root = (index: number) => `CASE WHEN ${reset} IS NULL AND ${live} THEN f.k${index + 1} END`
  const known = (id: number) => `CASE WHEN ${reset} IS NULL OR f.p${id} >= ${reset} THEN f.p${id} END`
  const columns = [
    ...keys.map((key) => `f.${key} AS ${key}`),
    'f.last AS last',
    'f.val AS val',
    // A row that lives at the time of a truncate dies of it: of the first one after its last change.
    ...(hasTruncates
      ? [`(${isDead} OR x.code IS NOT NULL) AS dead`, `CASE WHEN ${isDead} THEN f.dead_pos ELSE x.pos END AS dead_pos`]
      : [`${isDead} AS dead`, 'f.dead_pos AS dead_pos']),
    't.live IS NOT NULL AS present',
    `${live} AS live`,
    'f.newest AS newest',
    ...rootColumns(input, unchangedIds, { reset, root, known }),
  ]
  const truncates = hasTruncates
    ? ` LEFT JOIN (${truncatesSql(input)}) x ON NOT (${isDead}) AND f.last < x.code AND f.last > x.after_code`
    : ''
  // A target row is never changed by an older change.
  const guard = guarded ? ' WHERE t.pos IS NULL OR t.pos < f.newest' : ''
  const select = `SELECT ${columns.join(', ')}
    FROM (SELECT ${[...keys, ...aggregates].join(', ')} FROM ${input.keyChanges} GROUP BY ${keys.join(', ')}) f
    LEFT JOIN (SELECT ${input.targetKeys}, NOT COALESCE(t.${columnSql(layout, DELETED_ID)}, FALSE) AS live,
                 t.${columnSql(layout, POSITION_ID)} AS pos
               FROM ${tableSql(layout)} t WHERE TRUE${range}) t ON ${input.sameKey('t', 'f')}${truncates}${guard}`
  return unchangedIds.length === 0 ? select : `SELECT *, ${unresolvedSql(unchangedIds)} AS unresolved FROM (${select})`
}

/**
 * The truncates of a flush, as a query: `code`, `pos`, and those of the one before, so that each change lies between two:
 * `after_code` (-1 for the first) and `after_pos` ('').
 */
export function truncatesSql(input: MergeInput, more: readonly string[] = []): string {
  const before = (name: string, none: string) => `COALESCE(LAG(${name}) OVER (ORDER BY code), ${none}) AS after_${name}`
  return `SELECT ${['code', 'pos', ...more, before('code', '-1'), before('pos', "''")].join(', ')}
    FROM ${input.rows} WHERE ${KIND} = ${TRUNCATE}`
}
