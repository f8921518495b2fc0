/**
 * How far down a poll must look: the smallest cursor that a row can have which the poll before did not see.
 *
 * A row that a poll does not see is written by a transaction that was in flight at the poll's snapshot, or that begins
 * after it. All this rests on one promise of the table: **a transaction writes no cursor below the largest one that was
 * visible when the transaction began.** Clocks and sequences keep it; by how much they may break it (clocks of several
 * machines, cached sequences) is the look-back.
 *
 * So the next poll begins at the largest cursor that was visible at the last snapshot before the oldest transaction in
 * flight began. Transactions are told apart by the virtual ids that every role may see in pg_locks, not by start times:
 * one that is in flight now and was not at an earlier poll began after it. For each that is, `holders` has what was
 * visible at the poll before it was first met.
 *
 *   poll 1 sees 100 ── tx A begins ── poll 2 sees 200, meets A ── A writes 130 ── poll 3 sees 300 ── A commits
 *   holders after poll 2: A → 100, so polls begin at 100 until A is gone, and the one after still sees 130
 *
 * A transaction that was prepared has another id than before; it may be any that was in flight. Where transactions
 * cannot be seen (a standby, pg_locks revoked) none is taken to last longer than the look-back, which is then larger.
 * Pure, so that each sequence can be tested.
 */

/** Undefined: below everything. */
export type Cursor = bigint | undefined

export interface Watermark {
  /** The largest cursor that was visible at the last poll; for clock-like cursors at most the server's clock then. */
  readonly seen: Cursor
  /** Where the next poll begins, included. */
  readonly from: Cursor
  /** `seen` over time, by the poll clock, oldest first: only what may still decide `from`. */
  readonly history: readonly (readonly [clock: bigint, seen: Cursor])[]
  /** Transactions in flight for which `seen` is too much, and what is not. */
  readonly holders: ReadonlyMap<string, Cursor>
}

export const NOTHING_SEEN: Watermark = { seen: undefined, from: undefined, history: [], holders: new Map() }

export interface PollObservation {
  /** In flight before the snapshot was taken, and after it. Ids of prepared transactions begin with `x`. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** Of the poll. Microseconds, about. */
  readonly clock: bigint
  /** Among the rows that the poll returned. */
  readonly highest: Cursor
  /** What the server's clock said before the snapshot, as a cursor. Undefined: the cursor is no time. */
  readonly now: Cursor
  readonly lookBackUs: bigint
  readonly scale: CursorScale
  /** The smallest among the rows that were left for a later poll. */
  readonly leftFrom: Cursor | 'none'
}

/** `micro`: cursors count microseconds. `none`: they are no times, or days, and no look-back can be taken off them. */
export type CursorScale = 'micro' | 'none'

/** One entry of history stands for at least this share of the look-back, so that there are few. */
const HISTORY_SHARE = 16n

export function advance(mark: Watermark, poll: PollObservation): Watermark {
  const seen = atMost(larger(mark.seen, poll.highest), poll.now)
  // What a transaction that was prepared since the poll before can have missed.
  const everyFloor = [mark.seen, ...mark.holders.values()].reduce(smaller)
  const floorOf = (id: string): Cursor => {
    if (mark.holders.has(id)) return mark.holders.get(id)
    return id.startsWith('x') ? everyFloor : mark.seen
  }
  const history = noteSeen(mark.history, poll, seen)
  // A transaction may have begun just before the snapshot, when all that was visible was what the poll before saw.
  let from = smaller(larger(lookedBack(history, poll), subtracted(mark.seen, poll)), mark.seen)
  for (const id of poll.before) from = smaller(from, floorOf(id))
  // What held for all that the poll before did not see holds for what this one did not see.
  from = larger(from, mark.from)
  if (poll.now !== undefined) from = atMost(from, subtracted(poll.now, poll) ?? poll.now)
  if (poll.leftFrom !== 'none') from = smaller(from, poll.leftFrom)
  const holders = new Map<string, Cursor>()
  for (const id of poll.after) {
    const floor = floorOf(id)
    if (floor !== seen) holders.set(id, floor)
  }
  return { seen, from, history: stillDeciding(history, poll), holders }
}

/** As of the newest entry that is at least the look-back old. */
function lookedBack(history: Watermark['history'], { clock, lookBackUs }: PollObservation): Cursor {
  return history.findLast(([at]) => at <= clock - lookBackUs)?.[1]
}

/** Of cursors that are times the look-back can be taken off at once, without waiting for it. */
function subtracted(seen: Cursor, { scale, lookBackUs }: PollObservation): Cursor {
  return seen === undefined || scale === 'none' ? undefined : seen - lookBackUs
}

function noteSeen(
  history: Watermark['history'],
  { clock, lookBackUs }: PollObservation,
  seen: Cursor,
): Watermark['history'] {
  const last = history.at(-1)
  if (last !== undefined && (last[1] === seen || clock - last[0] < lookBackUs / HISTORY_SHARE)) return history
  return [...history, [clock, seen]]
}

function stillDeciding(history: Watermark['history'], { clock, lookBackUs }: PollObservation): Watermark['history'] {
  const decides = history.findLastIndex(([at]) => at <= clock - lookBackUs)
  return decides <= 0 ? history : history.slice(decides)
}

export function smaller(a: Cursor, b: Cursor): Cursor {
  if (a === undefined || b === undefined) return undefined
  return a < b ? a : b
}

export function larger(a: Cursor, b: Cursor): Cursor {
  if (a === undefined) return b
  if (b === undefined) return a
  return a > b ? a : b
}

function atMost(cursor: Cursor, limit: Cursor): Cursor {
  if (cursor === undefined || limit === undefined) return cursor
  return cursor < limit ? cursor : limit
}
