/** Records that the reader has refused: how many of each kind, and where. */
import type { OpenPass } from './file-passes.ts'

/** What is wrong with a record, in the order in which one thing explains the others. */
export const REJECT_KINDS = ['encoding', 'quotes', 'ragged', 'length'] as const
export type RejectKind = (typeof REJECT_KINDS)[number]

export interface RejectedRecord {
  readonly kind: RejectKind
  /** Of the record's first byte, in what DuckDB has read. */
  readonly offset: number
  /** What was wrong, in the words of the reader. */
  readonly reason: string
  /** The reader did not say so, and what it makes of the rows around cannot be trusted. */
  readonly isPassedOver?: true
}

/** By offset, one for each record. */
export type RejectList = readonly RejectedRecord[]

export async function readRejects({ session, statement }: OpenPass): Promise<RejectList> {
  if (statement.rejected === undefined) return []
  const rows = await session.rows(`SELECT "byteOffset", reason FROM (${statement.rejected}) ORDER BY 1`)
  return rows.map(([offset, reason]) => ({
    kind: kindOf(String(reason)),
    offset: Number(offset),
    reason: REASONS[kindOf(String(reason))],
  }))
}

export const LENGTH_REASON = 'longer than a record may be'

const REASONS: Readonly<Record<RejectKind, string>> = {
  ragged: 'too few or too many values',
  encoding: 'bytes that the encoding does not have',
  quotes: 'a quote that is not closed, or something behind the closing one',
  length: LENGTH_REASON,
}

/** `reason`: error types of DuckDB's reader, in small letters. */
function kindOf(reason: string): RejectKind {
  if (reason.includes('encoding')) return 'encoding'
  if (reason.includes('line size')) return 'length'
  return /unquoted|state/.test(reason) ? 'quotes' : 'ragged'
}
