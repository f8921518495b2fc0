/**
 * Merges changes into a table of the current state, in one of three ways:
 * - where no row of the target can have one of the keys: INSERT;
 * - where the staged rows alone tell what becomes of each key: one MERGE that folds them on the way;
 * - else: the results of the fold are worked out in a temporary table, and one MERGE writes them.
 */
import { invariant } from '../../core/invariant.ts'
import { PARTIAL_UPDATE } from '../../warehouse/change-code.ts'
import { DELETED_ID, LOAD_TIME_ID, POSITION_ID } from '../../warehouse/table-layout.ts'
import { inlineFold, truncatesSql } from './fold.ts'
import type { MergeInput } from './merge-input.ts'
import { insertedValues, type MergeOptions, mergeStatement, targetColumnList } from './merge-statement.ts'
import { type MergeCounts, NOTHING, type PreparedMerge } from './prepared-merge.ts'
import { type Completion, completionCounts, RowValues } from './row-values.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { timestampLiteral } from './sql-time.ts'
import type { Survey } from './survey.ts'
import { columnSql, tableSql } from './table-names.ts'

/** Every insert as it is: nothing to fold, and no key that the target has. */
export function plainInsert(session: SnowflakeSession, input: MergeInput, loadedMs: number): PreparedMerge {
  const sql = `INSERT INTO ${tableSql(input.layout)} (${targetColumnList(input)})
    SELECT ${insertedValues(input, 'e', loadedMs, 'FALSE', 'e.pos').join(', ')} FROM ${input.changes} e`
  return { apply: async () => ({ inserted: await session.run(sql), updated: 0, deleted: 0 }) }
}

export async function inlineMerge(
  session: SnowflakeSession,
  input: MergeInput,
  survey: Survey,
  options: MergeOptions,
): Promise<PreparedMerge> {
  const { keys, alive, valuedDead } = survey
  if (keys === 0) return NOTHING
  const { hardDelete } = options
  const mayDie = input.features.deletes > 0
  const begun = hardDelete ? 0 : await countBegun(session, input, survey)
  const sql = mergeStatement(input, inlineFold(input, survey, hardDelete), mayDie, options)
  const apply = async (): Promise<MergeCounts> => {
    const counts = await session.change(sql)
    const written = counts.inserted + counts.updated
    // More would be a bug, or a target that has a key twice.
    const isOneEach = hardDelete
      ? written === alive && counts.deleted <= keys - alive
      : written >= alive + valuedDead && written <= keys
    invariant(isOneEach, 'a key has one row in the target and one result of a fold')
    if (hardDelete) return counts
    return { inserted: begun, updated: alive - begun, deleted: written - alive }
  }
  return { apply }
}

/**
 * Keys that get a row, or get one that lives again. A source that sends updates sends an insert only for a row that is not
 * there; one that reads rows sends nothing else, so the target is asked.
 */
async function countBegun(session: SnowflakeSession, input: MergeInput, survey: Survey): Promise<number> {
  const { features, layout } = input
  if (features.updates > 0 || survey.begun === 0 || input.isBag) return survey.begun
  const keys = input.keyNames('k').join(', ')
  const { PRESENT: present } = await session.row(
    `SELECT COUNT(*) AS present FROM ${tableSql(layout)} t
     JOIN (SELECT ${keys} FROM ${input.changes} GROUP BY ${keys} HAVING MOD(MAX(code), 8) >= ${PARTIAL_UPDATE}) f
     ON ${input.onTarget('f')}${survey.range} WHERE NOT COALESCE(t.${columnSql(layout, DELETED_ID)}, FALSE)`,
  )
  return survey.alive - Number(present)
}

/** What `foldChanges` has worked out, completed. */
export async function resultMerge(
  session: SnowflakeSession,
  input: MergeInput,
  options: MergeOptions,
  completion: Completion,
): Promise<PreparedMerge> {
  const { hardDelete } = options
  const { unchangedIds } = completion
  const known = unchangedIds.length === 0 ? 'r.val IS NOT NULL' : '(r.val IS NOT NULL AND NOT r.unresolved)'
  const isValued = hardDelete ? 'NOT r.dead' : `(NOT r.dead OR ${known})`
  const isChanged = hardDelete ? `(NOT r.dead OR r.present)` : `(${isValued} OR (r.dead AND r.live))`
  const counts = await session.row(
    `SELECT ${[
      'COUNT(*) AS results',
      'COUNT(DISTINCT r.last) AS keys',
      'COUNT_IF(NOT r.dead AND NOT r.live) AS inserted',
      'COUNT_IF(NOT r.dead AND r.live) AS updated',
      `COUNT_IF(r.dead AND ${isChanged}) AS deleted`,
      `COUNT_IF(${isChanged} AND NOT r.present) AS added`,
      `COUNT_IF(${isChanged} AND r.present) AS changed`,
      ...completionCounts(unchangedIds),
    ].join(', ')} FROM ${input.scratch('result')} r`,
  )
  invariant(counts.RESULTS === counts.KEYS, 'a key has one row in the target and one result of a fold')
  const statements = [
    ...(Number(counts.ADDED) + Number(counts.CHANGED) === 0
      ? []
      : [mergeStatement(input, resultsSql(input, { isValued, isChanged }, completion, counts), true, options)]),
  ]
  const apply = async (): Promise<MergeCounts> => {
    for (const sql of statements) {
      const { inserted, updated, deleted } = await session.change(sql)
      const isAsWorkedOut = inserted === Number(counts.ADDED) && updated + deleted === Number(counts.CHANGED)
      invariant(isAsWorkedOut, 'each result of a fold is written once')
    }
    const truncated = input.features.truncates > 0 ? await truncateRest(session, input, options) : 0
    return {
      inserted: Number(counts.INSERTED),
      updated: Number(counts.UPDATED),
      deleted: Number(counts.DELETED) + truncated,
    }
  }
  return { apply }
}

/** As `merge-statement.ts` takes them. */
function resultsSql(
  input: MergeInput,
  { isValued, isChanged }: { readonly isValued: string; readonly isChanged: string },
  completion: Completion,
  counts: Row,
): string {
  const rows = new RowValues(input, completion, counts)
  const columns = [
    ...input.keyNames('k').map((key) => `r.${key} AS ${key}`),
    ...rows.values.map((value, index) => `${value} AS v${index}`),
    'r.dead AS dead',
    `${isValued} AS valued`,
    'CASE WHEN r.dead THEN r.dead_pos ELSE e.pos END AS new_pos',
  ]
  return `SELECT ${columns.join(', ')} FROM ${input.scratch('result')} r
    LEFT JOIN ${input.changes} e ON e.code = r.val ${rows.joins} WHERE ${isChanged}`
}

/** Rows that no change of the flush is about, and that are older than its last truncate. After the MERGE. */
async function truncateRest(session: SnowflakeSession, input: MergeInput, options: MergeOptions): Promise<number> {
  const { layout } = input
  const own = (id: number) => columnSql(layout, id)
  if (options.hardDelete) {
    return session.run(
      `DELETE FROM ${tableSql(layout)}
       WHERE ${own(POSITION_ID)} < (SELECT MAX(x.pos) FROM (${truncatesSql(input)}) x)`,
    )
  }
  return session.run(
    `MERGE INTO ${tableSql(layout)} t USING (${truncatesSql(input)}) x
     ON t.${own(POSITION_ID)} < x.pos AND t.${own(POSITION_ID)} >= x.after_pos AND NOT COALESCE(t.${own(DELETED_ID)}, FALSE)
     WHEN MATCHED THEN UPDATE SET ${own(LOAD_TIME_ID)} = ${timestampLiteral(options.loadedMs)},
       ${own(DELETED_ID)} = TRUE, ${own(POSITION_ID)} = x.pos`,
  )
}
