/**
 * Where the values come from that a change did not send because they are unchanged.
 *
 * A value is in an earlier change of the same row in the flush, else in the row as the target has it: its root. For a
 * row that came by a change of its key, "earlier" leads to the old key as it was just before: to a change there, to the
 * target's row of the old key, or, where that row had itself just come from another key, further back. What leads
 * nowhere is unresolved.
 */
import { PipelineError } from '../../core/errors.ts'
import { invariant } from '../../core/invariant.ts'
import { shellWord } from '../../core/shell-word.ts'
import { tableName } from '../../core/table-schema.ts'
import { PARTIAL_MOVE_IN, PARTIAL_UPDATE, TRUNCATE, UPDATE } from '../../warehouse/change-code.ts'
import { POSITION_ID, writeModeOf } from '../../warehouse/table-layout.ts'
import { completedCountSql, withoutLaterRootsSql } from './completed-rows.ts'
import { currentRowsSql } from './current-rows.ts'
import { keyText } from './key-text.ts'
import { unresolvedSql } from './lineage-columns.ts'
import { hasColumnSql, KIND, lastCode, type MergeInput } from './merge-input.ts'
import { unknownPositionsSql } from './quarantine.ts'
import type { SnowflakeSession } from './session.ts'
import type { Survey } from './survey.ts'
import { columnSql } from './table-names.ts'

/** A chain of n changes of key takes log2(n) rounds. */
const ROUNDS_MAX = 64
/** Single rows are missing after a snapshot in parts; so many mean that something else is wrong. */
const MISSING_MAX = 200_000

/** The results of a fold, and those of their columns that have nothing to do with lineage. */
export interface LineageResults {
  readonly input: MergeInput
  readonly survey: Survey
  readonly guarded: boolean
  readonly columns: readonly string[]
}

/** Rows that came from another key: fills `b1`, …, `p<id>` and `unresolved` of the results. */
export async function followMoves(session: SnowflakeSession, results: LineageResults): Promise<void> {
  const { input, survey, guarded, columns } = results
  const { unchangedIds: ids } = survey
  if (ids.length === 0 || input.features.keyChanges === 0) return
  const moves = input.scratch('moves')
  const make = (select: string) => session.run(`CREATE OR REPLACE TEMPORARY TABLE ${moves} AS ${select}`)
  await make(movesSql(input, ids))
  for (let round = 0; ; round++) {
    const { OPEN: open, COMPLETED: completed } = await session.row(
      `SELECT COUNT(next_move) AS open, ${completedCountSql(input)} AS completed FROM ${moves}`,
    )
    if (Number(open) === 0) {
      if (Number(completed) > 0) await make(withoutLaterRootsSql(input, ids))
      break
    }
    invariant(round < ROUNDS_MAX, 'a chain of key changes ends')
    await make(oneRoundSql(input, ids))
  }
  // A row that is newer than the move out of its key is not the row that moved.
  const older = guarded ? ' AND t.pos < m.pos' : ''
  const isLog = writeModeOf(input.layout) === 'append'
  const found = [
    'm.code AS code',
    ...input.keys.map((_, index) => `CASE WHEN t.pos IS NOT NULL THEN m.r${index + 1} END AS b${index + 1}`),
    't.pos AS b_pos',
    ...ids.map((id) => `m.p${id} AS p${id}`),
  ]
  const onKey = input.keys.map(({ name }, index) => `t.${name} = m.r${index + 1}`).join(' AND ')
  const roots = [...input.keyNames('b'), ...(isLog ? ['b_pos'] : [])]
  const resolved = [
    ...columns.map((name) => `r.${name} AS ${name}`),
    'r.reset AS reset',
    'r.completion AS completion',
    ...roots.map((name) => `CASE WHEN x.code IS NULL THEN r.${name} ELSE x.${name} END AS ${name}`),
    ...ids.map((id) => `COALESCE(r.p${id}, x.p${id}) AS p${id}`),
  ]
  const select = `SELECT ${resolved.join(', ')} FROM ${input.scratch('result')} r
    LEFT JOIN (SELECT ${found.join(', ')} FROM ${moves} m
               LEFT JOIN (${currentKeysSql(input, survey.range)}) t ON ${onKey}${older}) x ON x.code = r.reset`
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('result')} AS
     SELECT *, ${unresolvedSql(ids)} AS unresolved FROM (${select})`,
  )
}

/** `k1`, …, `pos` of the rows that the target has now. A value that is not known is not taken for NULL by the next change. */
export function currentKeysSql(input: MergeInput, range: string): string {
  const { layout, schema } = input
  const rows = currentRowsSql(layout, `${input.targetKeys}, t.${columnSql(layout, POSITION_ID)} AS pos`, range)
  if (writeModeOf(layout) !== 'append') return rows
  return `SELECT * FROM (${rows}) t WHERE t.pos NOT IN (${unknownPositionsSql(schema.table)})`
}

/**
 * One row per partial row that came from another key: `p<id>` as far as changes of the old key have it; `next_move`, the
 * move by which the row had come to the old key; `r1`, …: the old key, where the row was there before, and `pos`, where it
 * left it.
 */
function movesSql(input: MergeInput, ids: readonly number[]): string {
  const keys = input.keyNames('k')
  const earlier = `OVER (PARTITION BY ${keys.join(', ')} ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`
  const runs = [
    `${lastCode(`${KIND} NOT IN (${PARTIAL_UPDATE}, ${UPDATE})`)} ${earlier} AS reset`,
    ...ids.map((id) => `${lastCode(`${KIND} >= ${PARTIAL_UPDATE} AND ${hasColumnSql(id)}`)} ${earlier} AS c${id}`),
  ]
  const reset = resetSince(input, 'reset')
  const columns = [
    'moved AS code',
    'pos',
    ...keys.map((key, index) => `CASE WHEN ${reset} IS NULL THEN ${key} END AS r${index + 1}`),
    `CASE WHEN MOD(${reset}, 8) = ${PARTIAL_MOVE_IN} THEN ${reset} END AS next_move`,
    ...ids.map((id) => `CASE WHEN ${reset} IS NULL OR c${id} >= ${reset} THEN c${id} END AS p${id}`),
  ]
  return `SELECT ${columns.join(', ')}
    FROM (SELECT ${[...keys, 'pos', 'moved', ...runs].join(', ')} FROM ${input.keyChanges}) m ${joinEmptied(input, 'm.moved')}
    WHERE MOD(moved, 8) = ${PARTIAL_MOVE_IN}`
}

/**
 * The later of a reset and the last truncate before it. A row that a transform left out when it came after the truncate has
 * no change in a log, and what the table has under its key is a row of before.
 */
export function resetSince({ features }: MergeInput, reset: string): string {
  return features.truncates === 0 ? reset : `GREATEST_IGNORE_NULLS(${reset}, emptied.at)`
}

/** What `resetSince` needs of a relation of changes with this code. */
export function joinEmptied(input: MergeInput, code: string): string {
  if (input.features.truncates === 0) return ''
  return `LEFT JOIN (SELECT code, ${lastCode(`${KIND} = ${TRUNCATE}`)} OVER (ORDER BY code ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS at
      FROM ${input.rows}) emptied ON emptied.code = ${code}`
}

/** Each move takes over what the one before it has found: every round doubles how far back it has looked. */
function oneRoundSql(input: MergeInput, ids: readonly number[]): string {
  const moves = input.scratch('moves')
  const columns = [
    'm.code AS code',
    ...['pos', ...input.keyNames('r')].map(
      (name) => `CASE WHEN m.next_move IS NULL THEN m.${name} ELSE n.${name} END AS ${name}`,
    ),
    'n.next_move AS next_move',
    ...ids.map((id) => `COALESCE(m.p${id}, n.p${id}) AS p${id}`),
  ]
  return `SELECT ${columns.join(', ')} FROM ${moves} m LEFT JOIN ${moves} n ON n.code = m.next_move`
}

/** Keys of rows that live and whose values are not all known. Throws `source_gap` where they are too many to be asked for. */
export async function missingKeys(session: SnowflakeSession, input: MergeInput): Promise<readonly string[]> {
  const parts = input.keys.map(({ name, column }) => ({ expression: `r.${name}`, type: column.type }))
  const rows = await session.rows(
    `SELECT DISTINCT ${keyText(parts)} AS key FROM ${input.scratch('result')} r
     WHERE r.unresolved AND NOT r.dead ORDER BY key LIMIT ${MISSING_MAX + 1}`,
  )
  if (rows.length > MISSING_MAX) throw tooManyMissing(input)
  return rows.map((row) => String(row.KEY))
}

function tooManyMissing(input: MergeInput): PipelineError {
  const table = tableName(input.schema.table)
  return new PipelineError('source_gap', `Merging ${table}`, {
    cause: new Error(`more than ${MISSING_MAX} changed rows are not in the destination`),
    hint: `Read the table again: simplyload table resync ${shellWord(table)}`,
    context: { table, rows: MISSING_MAX },
  })
}

/**
 * Takes unresolved values from rows that were read again at the source (`completion`: their table). What is not among
 * them is gone at the source: its row goes here too.
 */
export async function completeFrom(
  session: SnowflakeSession,
  results: LineageResults,
  completion: string,
): Promise<void> {
  const { input, survey, columns } = results
  const isMissing = '(r.unresolved AND NOT r.dead)'
  const isGone = `(${isMissing} AND c.code IS NULL)`
  const roots = [...input.keyNames('b'), ...(writeModeOf(input.layout) === 'append' ? ['b_pos'] : [])]
  const replaced: Readonly<Record<string, string>> = {
    dead: `(r.dead OR ${isGone})`,
    dead_pos: `CASE WHEN ${isMissing} THEN CASE WHEN c.code IS NULL THEN e.pos END ELSE r.dead_pos END`,
  }
  const kept = [...columns, 'reset', ...roots, ...survey.unchangedIds.map((id) => `p${id}`)]
  const selected = [
    ...kept.map((name) => `${replaced[name] ?? `r.${name}`} AS ${name}`),
    'c.code AS completion',
    `(r.unresolved AND (r.dead OR c.code IS NULL)) AS unresolved`,
  ]
  const newest = `SELECT * FROM ${completion} WHERE code IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (PARTITION BY ${input.keyNames('k').join(', ')} ORDER BY code DESC) = 1`
  await session.run(
    `CREATE OR REPLACE TEMPORARY TABLE ${input.scratch('result')} AS
     SELECT ${selected.join(', ')} FROM ${input.scratch('result')} r
     LEFT JOIN ${input.changes} e ON e.code = r.val
     LEFT JOIN (${newest}) c ON ${input.sameKey('c', 'r')} AND ${isMissing}`,
  )
}
