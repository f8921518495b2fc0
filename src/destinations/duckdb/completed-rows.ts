/**
 * Rows that were completed with what the source had by the time it was asked.
 *
 * That is the value of whatever row had the key by then. For changes of the same key this is no harm: those up to that
 * time are still to come, and either bring another value or none has been given. But a row that leaves the key before that
 * time is not the one that was read. So `_simplyload.completions` tells, for each such key, the boundary behind which
 * nothing was read, and a change of key before it finds no base there. (docs/decisions/0036)
 */
import { identityColumns } from '../../warehouse/table-layout.ts'
import { keyText } from './column-type.ts'
import { quoteLiteral } from './identifiers.ts'
import type { MergeInput } from './merge-input.ts'
import type { Session } from './session.ts'
import type { StageRelation } from './stage-relation.ts'

/** The rows of `merge_completion`, which come from these files. Forgets those that the checkpoint has passed. */
export async function recordCompleted(session: Session, input: MergeInput, { files }: StageRelation): Promise<void> {
  const { from } = input.relation
  const of = ofTable(input)
  if (from !== undefined) {
    await session.run(`DELETE FROM _simplyload.completions WHERE ${of.condition} AND position <= ${quoteLiteral(from)}`)
  }
  const read = files.map(({ file }) => file.firstPosition).sort()
  const behind = read.at(-1)
  if (behind === undefined) return
  await session.run(
    `INSERT INTO _simplyload.completions SELECT ${of.names}, ${keyOf(input, 'k')}, ${quoteLiteral(behind)} FROM merge_completion
     WHERE code IS NOT NULL`,
  )
}

/** Of `merge_moves`: rows of the target that were read later than the move are not where it began. */
export async function forgetLaterRoots(session: Session, input: MergeInput): Promise<void> {
  const completions = `_simplyload.completions WHERE ${ofTable(input).condition}`
  const { known } = await session.row(`SELECT EXISTS (FROM ${completions}) AS known`)
  if (known !== true) return
  const roots = input.keyNames('r')
  await session.run(
    `UPDATE merge_moves SET ${roots.map((root) => `${root} = NULL`).join(', ')}
     FROM (SELECT m.code FROM merge_moves m SEMI JOIN (SELECT key, position FROM ${completions}) c
           ON c.key = ${keyOf(input, 'm.r')} AND c.position > m.pos) x WHERE merge_moves.code = x.code`,
  )
}

function ofTable(input: MergeInput): { readonly names: string; readonly condition: string } {
  const { source, namespace, name } = input.relation.schema.table
  const [of, within, table] = [source, namespace, name].map(quoteLiteral)
  return {
    names: `${of}, ${within}, ${table}`,
    condition: `source = ${of} AND namespace = ${within} AND table_name = ${table}`,
  }
}

function keyOf(input: MergeInput, prefix: string): string {
  const parts = identityColumns(input.layout).map((column, index) => ({
    expression: `${prefix}${index + 1}`,
    type: column.type,
  }))
  return keyText(parts)
}
