/**
 * Which versions of rows are new, as SQL. A row says which transaction wrote it (`xmin`), and of a snapshot it is known
 * below which transaction all had ended. `age` counts back from the newest transaction, so that 32-bit ids compare across
 * their wrap-around; frozen rows from before all counting have the largest age there is.
 */
import { quoteIdentifier } from '../sql-text.ts'
import { type CursorColumn, cursorLiteral } from './cursor-column.ts'
import type { Coverage } from './table-token.ts'
import type { Cursor } from './watermark.ts'

/** Half of what 32-bit ids can tell apart. Older ones say nothing: all rows are then new. */
const AGE_MAX = 1n << 30n
/** A token of an idle table is renewed long before that. */
export const RENEW_AFTER = 1n << 28n

/** Nothing is known to have been sent. */
export const NOTHING_COVERED: readonly Coverage[] = [{ below: undefined, horizon: -1n }]

/** Written by a transaction that is not smaller than `horizon`. `now`: horizon of the present snapshot. */
export function newerThan(horizon: bigint, now: bigint): string {
  if (horizon < 0n || now - horizon > AGE_MAX || horizon > now) return 'true'
  return `age(xmin) BETWEEN 0 AND (SELECT age('${horizon & 0xffff_ffffn}'::xid))`
}

/** Versions of which it is not known that they were sent. */
export function notCovered(covered: readonly Coverage[], cursor: CursorColumn | undefined, now: bigint): string {
  const last = covered.at(-1)
  if (last === undefined) return 'true'
  const rest = newerThan(last.horizon, now)
  if (covered.length === 1 || cursor === undefined) return rest
  const name = quoteIdentifier(cursor.column.name)
  const cases = covered
    .slice(0, -1)
    .flatMap(({ below, horizon }) =>
      below === undefined ? [] : [`WHEN ${name} < ${cursorLiteral(cursor, below)} THEN ${newerThan(horizon, now)}`],
    )
  return `CASE ${cases.join(' ')} ELSE ${rest} END`
}

/** A page of rows below `below` was read in a snapshot with this horizon; undefined: the rest was. */
export function coverBelow(covered: readonly Coverage[], below: Cursor, horizon: bigint): readonly Coverage[] {
  if (below === undefined) return [{ below, horizon }]
  const above = covered.filter((piece) => piece.below === undefined || piece.below > below)
  return [{ below, horizon }, ...above]
}
