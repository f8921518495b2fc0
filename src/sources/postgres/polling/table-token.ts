/**
 * What is remembered of a table between polls, as JSON of a bounded size: the token of its stream.
 *
 * An idle table's token does not change. What it says stays true: the row versions that are newer than `covered` are
 * those that came after the token was made, since none came until now.
 */
import { PipelineError } from '../../../core/errors.ts'
import { RowHashes } from './row-hashes.ts'
import type { Cursor, Watermark } from './watermark.ts'

/**
 * Of rows with cursors below `below` (undefined: of all others), every version by a transaction smaller than `horizon`
 * has been sent. Several only after a poll of many rows was cut off.
 */
export interface Coverage {
  readonly below: Cursor
  /** 64-bit transaction id: all smaller ones had ended when the rows were read. */
  readonly horizon: bigint
}

export interface DeleteCheck {
  /** By the server's clock. */
  readonly atUs: bigint
  readonly horizon: bigint
  /** The lowest cursor at which a poll has begun since; `unset` before the first one. */
  readonly from: Cursor | 'unset'
}

export interface TableToken {
  /** See `TableShape`. */
  readonly shape: string
  /** Of `RowRules`. */
  readonly rules: string
  /** Attribute number of the cursor that `mark` is about; 0: polls look at the whole table. */
  readonly cursor: number
  readonly mark: Watermark
  /** Lowest first; the last one has no `below`. */
  readonly covered: readonly Coverage[]
  /** Versions that were sent and are newer than what they are covered by. */
  readonly sent: RowHashes
  /** Only of partitioned tables. */
  readonly leaves: readonly number[] | undefined
  /** Rows that were soft-deleted before the first read are still to be sent. */
  readonly deletedPending: boolean
  readonly check: DeleteCheck
  /** Of a table without key: of all its rows. */
  readonly content: string | undefined
}

interface TokenJson {
  readonly v: 1
  readonly shape: string
  readonly rules: string
  readonly cursor: number
  readonly seen: string | null
  readonly from: string | null
  readonly history: readonly (readonly [string, string | null])[]
  readonly holders: readonly (readonly [string, string | null])[]
  readonly covered: readonly (readonly [string | null, string])[]
  readonly sent?: string
  readonly leaves?: readonly number[]
  readonly deletedPending?: true
  readonly check: readonly [string, string, string | null]
  readonly content?: string
}

export function tokenText(token: TableToken): string {
  const { shape, rules, cursor, mark, covered, sent, leaves, deletedPending, check, content } = token
  const json: TokenJson = {
    v: 1,
    shape,
    rules,
    cursor,
    seen: textOf(mark.seen),
    from: textOf(mark.from),
    history: mark.history.map(([at, seen]) => [String(at), textOf(seen)]),
    holders: [...mark.holders].map(([id, floor]) => [id, textOf(floor)]),
    covered: covered.map(({ below, horizon }) => [textOf(below), String(horizon)]),
    ...(sent.size === 0 ? {} : { sent: sent.toText() }),
    ...(leaves === undefined ? {} : { leaves }),
    ...(deletedPending ? { deletedPending } : {}),
    check: [String(check.atUs), String(check.horizon), check.from === 'unset' ? 'unset' : textOf(check.from)],
    ...(content === undefined ? {} : { content }),
  }
  return JSON.stringify(json)
}

export function parseToken(text: string, table: string): TableToken {
  const json = JSON.parse(text) as TokenJson
  if (json.v !== 1) {
    throw new PipelineError('state_version', `Going on with ${table}`, {
      cause: new Error(`what is remembered of it has format ${json.v}; this version knows 1`),
      hint: 'Use the newer version of SimplyLoad that wrote it',
      context: { table },
    })
  }
  const [checkedAt, checkHorizon, checkFrom] = json.check
  return {
    shape: json.shape,
    rules: json.rules,
    cursor: json.cursor,
    mark: {
      seen: cursorOf(json.seen),
      from: cursorOf(json.from),
      history: json.history.map(([at, seen]) => [BigInt(at), cursorOf(seen)]),
      holders: new Map(json.holders.map(([id, floor]) => [id, cursorOf(floor)])),
    },
    covered: json.covered.map(([below, horizon]) => ({ below: cursorOf(below), horizon: BigInt(horizon) })),
    sent: json.sent === undefined ? new RowHashes() : RowHashes.parse(json.sent),
    leaves: json.leaves,
    deletedPending: json.deletedPending === true,
    check: {
      atUs: BigInt(checkedAt),
      horizon: BigInt(checkHorizon),
      from: checkFrom === 'unset' ? 'unset' : cursorOf(checkFrom),
    },
    content: json.content,
  }
}

function textOf(cursor: Cursor): string | null {
  return cursor === undefined ? null : String(cursor)
}

function cursorOf(text: string | null): Cursor {
  return text === null ? undefined : BigInt(text)
}
