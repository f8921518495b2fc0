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
import { identityColumns } from '../../warehouse/table-layout.ts'
import { keyText } from './column-type.ts'
import { forgetLaterRoots, recordCompleted } from './completed-rows.ts'
import { currentKeysSql } from './current-rows.ts'
import { hasColumnSql } from './fold.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import { relationSql, type StageRelation } from './stage-relation.ts'

/** A chain of n changes of key takes log2(n) rounds. */
const ROUNDS_MAX = 64
/** Single rows are missing after a snapshot in parts; so many mean that something else is wrong. */
const MISSING_MAX = 200_000

/** Ids of the columns that are unchanged in at least one row and that the target has. */
export async function findUnchangedIds(session: Session, input: MergeInput): Promise<readonly number[]> {
  if (input.features.partialRows === 0) return []
  const rows = await session.rows(
    `SELECT DISTINCT unnest(string_split(trim(unchanged, ','), ','))::INTEGER AS id
     FROM (SELECT DISTINCT unchanged FROM ${input.rowsSql()} WHERE unchanged IS NOT NULL) ORDER BY id`,
  )
  const ids = rows.map((row) => Number(row.id))
  return ids.filter((id) => input.layout.columns.some((column) => column.id === id))
}

/** Fills `p<id>`, `root` and `unresolved` of `merge_result`. */
export async function resolveUnchanged(
  session: Session,
  input: MergeInput,
  ids: readonly number[],
  guarded: boolean,
): Promise<void> {
  if (input.features.keyChanges > 0) await followMoves(session, input, ids, guarded)
  const somewhere = ids.map((id) => `p${id} IS NOT NULL`).join(' AND ')
  await session.run(
    `UPDATE merge_result SET unresolved = true WHERE val IS NOT NULL AND root IS NULL AND NOT (${somewhere})`,
  )
}

async function followMoves(
  session: Session,
  input: MergeInput,
  ids: readonly number[],
  guarded: boolean,
): Promise<void> {
  await collectMoves(session, input, ids)
  for (let round = 0; ; round++) {
    const { open } = await session.row('SELECT count(*) AS open FROM merge_moves WHERE next IS NOT NULL')
    if (Number(open) === 0) break
    invariant(round < ROUNDS_MAX, 'a chain of key changes ends')
    await followOneRound(session, input, ids)
  }
  await forgetLaterRoots(session, input)
  const keys = input.keyNames('k')
  const roots = keys.map((key, index) => `r${index + 1} AS ${key}`)
  const rows = currentKeysSql(input.layout, `(SELECT ${roots.join(', ')} FROM merge_moves)`)
  const onKey = keys.map((key, index) => `t.${key} = m.r${index + 1}`).join(' AND ')
  // A row that is newer than the move out of its key is not the row that moved.
  const older = guarded ? ' AND t.pos < m.pos' : ''
  const values = ids.map((id) => `coalesce(r.p${id}, x.p${id}) AS p${id}`)
  // Written anew: an UPDATE of so many rows takes several times as long.
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_result AS
     SELECT r.* REPLACE (CASE WHEN x.code IS NULL THEN r.root ELSE x.rid END AS root, ${values.join(', ')})
     FROM merge_result r LEFT JOIN
       (SELECT m.*, t.rid FROM merge_moves m LEFT JOIN ${rows} t ON ${onKey}${older}) x
     ON r.reset = x.code`,
  )
}

/**
 * `merge_moves`, one row per partial row that came from another key: `p<id>` as far as changes of the old key have it;
 * `next`, the move by which the row had come to the old key; `r1`, …: the old key, where the row was there before, and
 * `pos`, where it left it.
 */
async function collectMoves(session: Session, input: MergeInput, ids: readonly number[]): Promise<void> {
  const old = input.keyNames('o')
  const keys = input.keyNames('k')
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_moves AS SELECT code, code & -8 AS began, pos, ${old.join(', ')}
     FROM ${input.changesSql()} WHERE (code & 7) = ${PARTIAL_MOVE_IN}`,
  )
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_lineage AS SELECT * FROM ${input.keyChangesSql()} e
     SEMI JOIN merge_moves m ON ${keys.map((key, index) => `e.${key} = m.${old[index]}`).join(' AND ')}`,
  )
  const before = (alias: string) =>
    `${keys.map((key, index) => `m.${old[index]} = ${alias}.${key}`).join(' AND ')} AND m.began > ${alias}.code`
  const joins = [
    `ASOF LEFT JOIN (SELECT * FROM merge_lineage WHERE (code & 7) NOT IN (${PARTIAL_UPDATE}, ${UPDATE})) reset ON ${before('reset')}`,
    ...ids.map(
      (id) =>
        `ASOF LEFT JOIN (SELECT * FROM merge_lineage WHERE (code & 7) >= ${PARTIAL_UPDATE} AND ${hasColumnSql(id)}) c${id} ON ${before(`c${id}`)}`,
    ),
  ]
  const began = resetSince(input, 'reset.code')
  const columns = [
    ...old.map((name, index) => `CASE WHEN ${began} IS NULL THEN m.${name} END AS r${index + 1}`),
    `CASE WHEN (${began} & 7) = ${PARTIAL_MOVE_IN} THEN ${began} END AS next`,
    ...ids.map((id) => `CASE WHEN ${began} IS NULL OR c${id}.code >= ${began} THEN c${id}.code END AS p${id}`),
  ]
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_moves AS
     SELECT m.code, m.pos, ${columns.join(', ')} FROM merge_moves m ${joins.join(' ')} ${joinEmptied(input, 'm')}`,
  )
}

/**
 * The later of a reset and the last truncate before it. A row that a transform left out when it came after the truncate has
 * no change in a log, and what the table has under its key is a row of before.
 */
export function resetSince({ features }: MergeInput, reset: string): string {
  return features.truncates === 0 ? reset : `greatest(${reset}, emptied.at)`
}

/** What `resetSince` needs of a relation of changes with their `code`. */
export function joinEmptied(input: MergeInput, changes: string): string {
  if (input.features.truncates === 0) return ''
  return `LEFT JOIN (SELECT code, max(code) FILTER (WHERE (code & 7) = ${TRUNCATE}) OVER (ORDER BY code) AS at
      FROM ${input.rowsSql()}) emptied ON emptied.code = ${changes}.code`
}

/** Each move takes over what the one before it has found: every round doubles how far back it has looked. */
async function followOneRound(session: Session, input: MergeInput, ids: readonly number[]): Promise<void> {
  const columns = [
    ...['pos', ...input.keyNames('r')].map(
      (name) => `CASE WHEN m.next IS NULL THEN m.${name} ELSE n.${name} END AS ${name}`,
    ),
    'n.next AS next',
    ...ids.map((id) => `coalesce(m.p${id}, n.p${id}) AS p${id}`),
  ]
  await session.run(
    `CREATE OR REPLACE TEMP TABLE merge_moves AS
     SELECT m.code, ${columns.join(', ')} FROM merge_moves m LEFT JOIN merge_moves n ON n.code = m.next`,
  )
}

/** Keys of rows that live and whose values are not all known. Throws `source_gap` where they are too many to be asked for. */
export async function missingKeys(session: Session, input: MergeInput): Promise<readonly string[]> {
  const missing = 'r.unresolved AND NOT r.dead'
  const { count } = await session.row(`SELECT count(*) AS count FROM merge_result r WHERE ${missing}`)
  if (Number(count) === 0) return []
  if (Number(count) > MISSING_MAX) throw tooManyMissing(input, Number(count))
  const parts = identityColumns(input.layout).map((column, index) => ({
    expression: `e.k${index + 1}`,
    type: column.type,
  }))
  const rows = await session.rows(
    `SELECT DISTINCT ${keyText(parts)} AS key FROM ${input.changesSql()} e
     JOIN merge_result r ON r.val = e.code WHERE ${missing} ORDER BY key`,
  )
  return rows.map((row) => String(row.key))
}

function tooManyMissing(input: MergeInput, rows: number): PipelineError {
  const table = tableName(input.relation.schema.table)
  return new PipelineError('source_gap', `Merging ${table}`, {
    cause: new Error(`${rows} changed rows are not in the destination`),
    hint: `Read the table again: simplyload table resync ${shellWord(table)}`,
    context: { table, rows },
  })
}

/**
 * Takes unresolved values from rows that were re-read from the source (`merge_completion`). What is not among them is
 * gone at the source: its row goes here too.
 */
export async function completeFrom(session: Session, input: MergeInput, completion: StageRelation): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE merge_completion AS SELECT * FROM ${relationSql(completion)}`)
  const onKey = input
    .keyNames('k')
    .map((key) => `c.${key} = e.${key}`)
    .join(' AND ')
  const wanted = `SELECT r.val, e.pos, c.code FROM merge_result r JOIN ${input.changesSql()} e ON e.code = r.val
    LEFT JOIN merge_completion c ON ${onKey} WHERE r.unresolved AND NOT r.dead`
  await session.run(
    `UPDATE merge_result SET completion = x.code, unresolved = x.code IS NULL, dead = x.code IS NULL,
       dead_pos = CASE WHEN x.code IS NULL THEN x.pos END
     FROM (${wanted}) x WHERE merge_result.val = x.val`,
  )
  await recordCompleted(session, input, completion)
}
