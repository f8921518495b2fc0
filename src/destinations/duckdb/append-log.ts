/**
 * Appends the changes of a flush to a table in which every change is a row.
 *
 * A change of key is two rows, as it is for whoever looks at one key: the old one is deleted, the new one inserted. A
 * delete has what the source sends with it, at least the key. A value that was not sent because it is unchanged is taken
 * from the row before (`lineage.ts`), else read again; where the row is gone by then, it is NULL and in quarantine.
 */
import {
  DELETE,
  INSERT,
  MOVE_IN,
  PARTIAL_MOVE_IN,
  PARTIAL_UPDATE,
  TRUNCATE,
  UPDATE,
} from '../../warehouse/change-code.ts'
import { dataColumns, POSITION_ID } from '../../warehouse/table-layout.ts'
import { dropDeleted } from './backfill.ts'
import { currentKeysSql } from './current-rows.ts'
import { hasColumnSql } from './fold.ts'
import { quoteIdentifier, timestampLiteral } from './identifiers.ts'
import { findUnchangedIds, joinEmptied, resetSince, resolveUnchanged } from './lineage.ts'
import { deleteColumnList, logColumnList } from './log-rows.ts'
import type { MergeCounts } from './materialize.ts'
import { isInSliceSql, type MergeInput, type Slice } from './merge-input.ts'
import { recordUnknown, unknownPositionsSql } from './quarantine.ts'
import { type Completion, completionCounts, RowValues } from './row-values.ts'
import type { Session } from './session.ts'
import { columnSql, tableSql } from './table-sql.ts'

export interface AppendOptions {
  readonly loadedMs: number
  /** Rows that were read again, not changes: only what is newer than the last change of its row is appended. */
  readonly isBackfill: boolean
  /** Takes what is missing from the rows that were read for it; returns the keys that have to be read, if any. */
  readonly complete: () => Promise<readonly string[] | boolean>
}

const KIND = '(e.code & 7)'
const IS_PARTIAL = `${KIND} IN (${PARTIAL_UPDATE}, ${PARTIAL_MOVE_IN})`
const HAS_MOVED = `${KIND} IN (${MOVE_IN}, ${PARTIAL_MOVE_IN})`

/** Returns the keys of rows that must be read again first, where some are. */
export async function appendChanges(
  session: Session,
  input: MergeInput,
  options: AppendOptions,
): Promise<MergeCounts | readonly string[]> {
  const log = new Log(input, options)
  if (options.isBackfill) {
    await session.run(log.newerReadsSql())
    await dropDeleted(session, input)
    const rows = await log.append(session, 'e.code IN (SELECT last FROM merge_result)')
    return { inserted: rows, updated: 0, deleted: 0 }
  }
  const completion = await completePartial(session, input, options)
  if (completion === undefined || 'unchangedIds' in completion) {
    const counts = await session.row(log.countsSql())
    let written = await log.append(session, completion === undefined ? 'true' : `NOT ${IS_PARTIAL}`)
    if (completion !== undefined) written += await log.appendCompleted(session, completion)
    if (input.features.keyChanges > 0) written += await session.run(log.movedSql())
    return log.checked(counts, written)
  }
  return completion
}

/** Undefined: all rows are whole, as far as the table has their columns. */
async function completePartial(
  session: Session,
  input: MergeInput,
  { loadedMs, complete }: AppendOptions,
): Promise<Completion | readonly string[] | undefined> {
  const unchangedIds = await findUnchangedIds(session, input)
  if (unchangedIds.length === 0) return undefined
  await collectPartial(session, input, unchangedIds)
  await resolveUnchanged(session, input, unchangedIds, false)
  const { layout } = input
  // A value that is not known is not taken for NULL by the next change either.
  await session.run(
    `UPDATE merge_result SET root = NULL, unresolved = true FROM ${tableSql(layout)} b
     WHERE b.rowid = merge_result.root AND b.${columnSql(layout, POSITION_ID)} IN (${unknownPositionsSql(input.relation.schema.table)})`,
  )
  const completed = await complete()
  if (typeof completed !== 'boolean') return completed
  if (completed) await recordUnknown(session, input, unchangedIds, loadedMs)
  return { unchangedIds, isCompleted: completed }
}

/** `merge_result` with one row for each change that lacks values, as `lineage.ts` takes it. */
async function collectPartial(session: Session, input: MergeInput, ids: readonly number[]): Promise<void> {
  const keys = input.keyNames('k').join(', ')
  const isPartial = `(code & 7) IN (${PARTIAL_UPDATE}, ${PARTIAL_MOVE_IN})`
  for (let bucket = 0; bucket < input.buckets; bucket++) {
    const part = input.buckets === 1 ? '' : ` WHERE hash(${keys}) % ${input.buckets} = ${bucket}`
    const changes = `(SELECT * FROM ${input.keyChangesSql()}${part})`
    const touched = `(SELECT DISTINCT ${keys} FROM ${changes} WHERE ${isPartial})`
    const runs = [
      `max(code) FILTER (WHERE (code & 7) >= ${INSERT} OR (code & 7) < ${PARTIAL_UPDATE}) OVER w AS reset`,
      ...ids.map(
        (id) => `max(code) FILTER (WHERE (code & 7) >= ${PARTIAL_UPDATE} AND ${hasColumnSql(id)}) OVER w AS p${id}`,
      ),
    ]
    const reset = resetSince(input, 'c.reset')
    const known = ids.map((id) => `CASE WHEN ${reset} IS NULL OR c.p${id} >= ${reset} THEN c.p${id} END AS p${id}`)
    const select = `SELECT c.code AS last, c.code AS val, false AS dead, NULL::VARCHAR AS dead_pos, ${reset} AS reset,
        CASE WHEN ${reset} IS NULL THEN t.rid END AS root, NULL::BIGINT AS completion, false AS unresolved
        ${known.map((each) => `, ${each}`).join('')}
      FROM (SELECT ${keys}, code, ${runs.join(', ')} FROM ${changes} SEMI JOIN ${touched} USING (${keys})
            WINDOW w AS (PARTITION BY ${keys} ORDER BY code)) c
      LEFT JOIN ${currentKeysSql(input.layout, touched)} t USING (${keys}) ${joinEmptied(input, 'c')}
      WHERE (c.code & 7) IN (${PARTIAL_UPDATE}, ${PARTIAL_MOVE_IN})`
    await session.run(
      bucket === 0 ? `CREATE OR REPLACE TEMP TABLE merge_result AS ${select}` : `INSERT INTO merge_result ${select}`,
    )
  }
}

class Log {
  readonly #input: MergeInput
  readonly #loaded: string
  readonly #operation: string

  constructor(input: MergeInput, { loadedMs, isBackfill }: AppendOptions) {
    this.#input = input
    this.#loaded = timestampLiteral(loadedMs)
    const inserted = isBackfill ? 'read' : 'insert'
    this.#operation = `CASE ${KIND} WHEN ${DELETE} THEN 'delete' WHEN ${TRUNCATE} THEN 'truncate'
      WHEN ${UPDATE} THEN 'update' WHEN ${PARTIAL_UPDATE} THEN 'update' ELSE '${inserted}' END`
  }

  countsSql(): string {
    const count = (name: string, condition: string) => `count(*) FILTER (WHERE ${condition}) AS ${name}`
    return `SELECT ${[
      'count(e.code) AS changes',
      count('inserted', `${KIND} >= ${INSERT} AND ${KIND} <> ${TRUNCATE}`),
      count('updated', `${KIND} IN (${UPDATE}, ${PARTIAL_UPDATE})`),
      count('moved', HAS_MOVED),
      count('deleted', `${KIND} = ${DELETE}`),
    ].join(', ')} FROM ${this.#input.rowsSql()} e`
  }

  /** Throws where not every change became its row or rows. */
  checked(counts: Readonly<Record<string, unknown>>, written: number): MergeCounts {
    const [changes, moved] = [Number(counts.changes), Number(counts.moved)]
    if (written !== changes + moved) throw new Error(`${written} rows were appended for ${changes} changes`)
    return {
      inserted: Number(counts.inserted),
      updated: Number(counts.updated),
      deleted: Number(counts.deleted) + moved,
    }
  }

  /** Changes that have all their values. */
  async append(session: Session, condition: string): Promise<number> {
    const { layout } = this.#input
    const values = dataColumns(layout).map((_, index) => `e.v${index}`)
    let written = 0
    for (const slice of this.#input.slices) {
      written += await session.run(
        `${this.#into()} SELECT ${[...values, ...this.#own()].join(', ')}
         FROM ${this.#input.rowsSql(slice)} e WHERE e.code IS NOT NULL AND ${condition}`,
      )
    }
    return written
  }

  async appendCompleted(session: Session, completion: Completion): Promise<number> {
    const counts = await session.row(
      `SELECT ${['count(*) AS results', ...completionCounts(completion.unchangedIds)].join(', ')} FROM merge_result r`,
    )
    const rows = new RowValues(this.#input, completion, counts)
    let written = 0
    for (const slice of this.#input.slices) written += await session.run(this.#completedSql(rows, slice))
    return written
  }

  /** What a change of key leaves behind. */
  movedSql(): string {
    const { layout } = this.#input
    const own = ["'delete'", 'make_timestamptz(e.committed)', this.#loaded, 'true', 'e.pos']
    return `INSERT INTO ${tableSql(layout)} (${deleteColumnList(layout)})
      SELECT ${[...this.#input.keyNames('e.o'), ...own].join(', ')} FROM ${this.#input.rowsSql()} e WHERE ${HAS_MOVED}`
  }

  /** `merge_result`: the rows that are newer than the last change of their key. */
  newerReadsSql(): string {
    const { layout } = this.#input
    const keys = this.#input.keyNames('k').join(', ')
    const columns = this.#input.targetColumns().map(({ name, alias }) => `${quoteIdentifier(name)} AS ${alias}`)
    const position = columnSql(layout, POSITION_ID)
    const changes = this.#input.changesSql()
    const latest = `SELECT ${keys}, max(pos) AS latest
      FROM (SELECT ${columns.join(', ')}, ${position} AS pos FROM ${tableSql(layout)})
      SEMI JOIN ${changes} USING (${keys}) GROUP BY ${keys}`
    return `CREATE OR REPLACE TEMP TABLE merge_result AS SELECT e.code AS last, e.pos AS newest
      FROM ${changes} e LEFT JOIN (${latest}) t USING (${keys}) WHERE t.latest IS NULL OR t.latest < e.pos`
  }

  #completedSql(rows: RowValues, slice: Slice): string {
    return `${this.#into()} SELECT ${[...rows.values, ...this.#own()].join(', ')}
      FROM (SELECT * FROM merge_result WHERE ${isInSliceSql('val', slice)}) r
      JOIN ${this.#input.rowsSql(slice)} e ON e.code = r.val ${rows.joinsSql(slice)}`
  }

  #into(): string {
    const { layout } = this.#input
    return `INSERT INTO ${tableSql(layout)} (${logColumnList(layout)})`
  }

  /** Our own columns, in the order of `logColumnList`. */
  #own(): readonly string[] {
    const { kind } = this.#input.layout.identity
    const rowId = kind === 'key' ? [] : [kind === 'bag' ? 'e.content_hash' : 'e.pos']
    const isGone = `${KIND} IN (${DELETE}, ${TRUNCATE})`
    return [...rowId, this.#operation, 'make_timestamptz(e.committed)', this.#loaded, isGone, 'e.pos']
  }
}
