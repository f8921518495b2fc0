/**
 * Rows that were completed with what the source had by the time it was asked.
 *
 * That is the value of whatever row had the key by then. For changes of the same key this is no harm: those up to that
 * time are still to come, and either bring another value or none has been given. But a row that leaves the key before that
 * time is not the one that was read. So `_SIMPLYLOAD.COMPLETIONS` tells, for each such key, the boundary behind which
 * nothing was read, and a change of key before it finds no base there. (docs/decisions/0036)
 */
import type { Position } from '../../core/position.ts'
import { quoteLiteral } from './identifiers.ts'
import { keyText } from './key-text.ts'
import type { MergeInput } from './merge-input.ts'
import type { StagedRows } from './staged-rows.ts'
import { metadataTable } from './table-names.ts'

const COMPLETIONS = metadataTable('COMPLETIONS')

/** Statements of the transaction. Those that the checkpoint `from` has passed are forgotten. */
export function completedStatements(
  input: MergeInput,
  { files, table }: StagedRows,
  from: Position,
): readonly string[] {
  const of = ofTable(input)
  const read = files.map((file) => file.firstPosition).sort()
  const behind = read.at(-1)
  if (behind === undefined) return []
  return [
    `DELETE FROM ${COMPLETIONS} WHERE ${of.condition} AND position <= ${quoteLiteral(from)}`,
    `INSERT INTO ${COMPLETIONS} (source, namespace, table_name, key, position)
     SELECT ${of.names}, ${keyOf(input, 'k')}, ${quoteLiteral(behind)} FROM ${table} WHERE code IS NOT NULL`,
  ]
}

/** As a number, in a query: how many the table has. */
export function completedCountSql(input: MergeInput): string {
  return `(SELECT COUNT(*) FROM ${COMPLETIONS} WHERE ${ofTable(input).condition})`
}

/** `moves`, as a query: rows of the target that were read later than the move are not where it began. */
export function withoutLaterRootsSql(input: MergeInput, ids: readonly number[]): string {
  const roots = input.keyNames('r')
  const columns = [
    ...['code', 'pos', 'next_move', ...ids.map((id) => `p${id}`)].map((name) => `m.${name} AS ${name}`),
    ...roots.map((root) => `CASE WHEN c.key IS NULL THEN m.${root} END AS ${root}`),
  ]
  return `SELECT ${columns.join(', ')} FROM ${input.scratch('moves')} m
    LEFT JOIN (SELECT key, MAX(position) AS position FROM ${COMPLETIONS} WHERE ${ofTable(input).condition} GROUP BY key) c
    ON c.key = ${keyOf(input, 'm.r')} AND c.position > m.pos`
}

function ofTable(input: MergeInput): { readonly names: string; readonly condition: string } {
  const { source, namespace, name } = input.schema.table
  const [of, within, table] = [source, namespace, name].map(quoteLiteral)
  return {
    names: `${of}, ${within}, ${table}`,
    condition: `source = ${of} AND namespace = ${within} AND table_name = ${table}`,
  }
}

function keyOf(input: MergeInput, prefix: string): string {
  return keyText(input.keys.map(({ column }, index) => ({ expression: `${prefix}${index + 1}`, type: column.type })))
}
