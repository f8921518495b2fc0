/**
 * What one look at the staged rows of a flush tells: which keys it touches, what becomes of them, what has to be looked up.
 */
import { invariant } from '../../core/invariant.ts'
import { INSERT, PARTIAL_UPDATE } from '../../warehouse/change-code.ts'
import { dataColumns } from '../../warehouse/table-layout.ts'
import { keyRangeColumns, keyRangeSql } from './key-range.ts'
import { KIND, lastCode, type MergeInput } from './merge-input.ts'
import { type QuarantineCounts, quarantineColumns, quarantineCounts } from './quarantine.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { tableSql } from './table-names.ts'

export interface Survey {
  /** Keys that the flush touches. */
  readonly keys: number
  /** Changes of them; a change of key counts for both. */
  readonly changes: number
  /** Keys whose last change leaves a row. */
  readonly alive: number
  /** Of those: keys whose first change began the row. */
  readonly begun: number
  /** Keys whose row goes, and of which the flush has values. */
  readonly valuedDead: number
  /** No row of the target can have one of the keys. */
  readonly isNew: boolean
  /** Condition on rows `t` of the target; '' or begins with AND. */
  readonly range: string
  /** The same for rows `b`. */
  readonly rootRange: string
  /** Ids of the columns of the target that are unchanged in at least one row, and not sent. */
  readonly unchangedIds: readonly number[]
  readonly quarantine: QuarantineCounts
}

export async function surveyChanges(session: SnowflakeSession, input: MergeInput): Promise<Survey> {
  const { features } = input
  const keys = input.keyNames('k')
  const isMoot = features.updates + features.deletes + features.keyChanges + features.truncates > 0 || input.isBag
  const columns = [
    'COUNT(*) AS keys',
    'COALESCE(SUM(n), 0) AS changes',
    `COUNT_IF(${keys.map((key) => `${key} IS NULL`).join(' OR ')}) AS keyless`,
    `COUNT_IF(MOD(last, 8) >= ${PARTIAL_UPDATE}) AS alive`,
    `COUNT_IF(MOD(last, 8) >= ${PARTIAL_UPDATE} AND MOD(first, 8) >= ${INSERT}) AS begun`,
    `COUNT_IF(MOD(last, 8) < ${PARTIAL_UPDATE} AND val IS NOT NULL) AS valued_dead`,
    ...keyRangeColumns(input),
    // Statistics alone answer for the greatest key of the target.
    ...(isMoot
      ? []
      : [`COALESCE(MIN(k1) > (SELECT MAX(${input.keys[0]?.quoted}) FROM ${tableSql(input.layout)}), TRUE) AS is_new`]),
    ...quarantineColumns(input.staged),
    ...(features.partialRows === 0
      ? []
      : [`(SELECT TO_JSON(ARRAY_AGG(DISTINCT unchanged)) FROM ${input.rows}) AS unchanged`]),
  ]
  const found = await session.row(
    `SELECT ${columns.join(', ')}
     FROM (SELECT ${keys.join(', ')}, COUNT(*) AS n, MAX(code) AS last, MIN(code) AS first,
             ${lastCode(`${KIND} >= ${PARTIAL_UPDATE}`)} AS val
           FROM ${input.keyChanges} GROUP BY ${keys.join(', ')})`,
  )
  // Of a key that is NULL nothing could be known: the source promises that there is none.
  invariant(Number(found.KEYLESS) === 0, 'a change has a key')
  return {
    keys: Number(found.KEYS),
    changes: Number(found.CHANGES),
    alive: Number(found.ALIVE),
    begun: Number(found.BEGUN),
    valuedDead: Number(found.VALUED_DEAD),
    isNew: found.IS_NEW === true,
    range: keyRangeSql(input, found, 't'),
    rootRange: keyRangeSql(input, found, 'b'),
    unchangedIds: unchangedIds(input, found),
    quarantine: quarantineCounts(found),
  }
}

/** Rows list them as `,3,17,`. */
function unchangedIds(input: MergeInput, { UNCHANGED: lists }: Row): readonly number[] {
  if (input.features.partialRows === 0) return []
  invariant(typeof lists === 'string', 'the survey of partial rows lists what is unchanged')
  const named = new Set((JSON.parse(lists) as string[]).flatMap((list) => list.split(',').filter((id) => id !== '')))
  const known = new Set(dataColumns(input.layout).map((column) => column.id))
  return [...named]
    .map(Number)
    .filter((id) => known.has(id))
    .sort((a, b) => a - b)
}
