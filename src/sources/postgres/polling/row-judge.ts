/** Decides for each row that a poll returns whether it is sent, and keeps what the next poll must know. */
import {
  type INSERT_ROW,
  LEAVE_OUT,
  PUT_AND_DELETE_ROW,
  type PUT_ROW,
  type RowJudge,
  type RowVerdict,
} from '../../../columnar/row-version-builder.ts'
import type { WireBuffer } from '../../../columnar/wire-buffer.ts'
import type { WireRow } from '../../../columnar/wire-row.ts'
import { hashRow, type RowHash, type RowHashes } from './row-hashes.ts'
import { type Cursor, smaller } from './watermark.ts'

/** Places are those in the select list; -1: it is not there. */
export interface RowPlaces {
  readonly cursor: number
  readonly cursorBytes: 2 | 4 | 8
  readonly softDelete: number
  readonly softDeleteIsFlag: boolean
  /** A flag behind all columns: the version is too new for the next poll to know it as sent. */
  readonly unsettled: number
}

/** Only what was already sent is left out. */
export class PollJudge implements RowJudge {
  /** Rows that were returned and rows that were left for later. */
  returned = 0
  sent = 0
  left = 0
  /** The smallest cursor of rows that were left for later. */
  leftFrom: Cursor | 'none' = 'none'
  nullCursors = 0
  readonly #places: RowPlaces
  readonly #verdict: typeof PUT_ROW | typeof INSERT_ROW
  readonly #before: RowHashes
  readonly #now: RowHashes
  readonly #hash: RowHash = { high: 0, low: 0 }
  #highestHigh = 0
  #highestLow = 0
  #hasHighest = false

  /** `before`: what polls before this one have sent. `now`: takes what this one has sent and the next one will meet. */
  constructor(places: RowPlaces, verdict: typeof PUT_ROW | typeof INSERT_ROW, before: RowHashes, now: RowHashes) {
    this.#places = places
    this.#verdict = verdict
    this.#before = before
    this.#now = now
  }

  /** The largest cursor that was returned. */
  get highest(): Cursor {
    if (!this.#hasHighest) return undefined
    return (BigInt(this.#highestHigh) << 32n) | BigInt(this.#highestLow)
  }

  judge(row: WireRow, source: WireBuffer, start: number, end: number): RowVerdict {
    const { cursor, softDelete, unsettled } = this.#places
    this.returned++
    if (cursor >= 0) this.#noteCursor(row, source, cursor)
    const isUnsettled = unsettled >= 0 && source.view.getUint8(row.offsets[unsettled] ?? 0) === 1
    if ((isUnsettled || this.#before.size > 0) && !this.#isNew(row, source, start, end, isUnsettled)) return LEAVE_OUT
    this.sent++
    return softDelete >= 0 && this.#isDeleted(row, source, softDelete) ? PUT_AND_DELETE_ROW : this.#verdict
  }

  #isNew(row: WireRow, source: WireBuffer, start: number, end: number, isUnsettled: boolean): boolean {
    const { unsettled } = this.#places
    // Without the number of fields and without the flag: the same version has the same hash in every poll.
    hashRow(source, start + 2, unsettled >= 0 ? (row.offsets[unsettled] ?? end) - 4 : end, this.#hash)
    const wasSent = this.#before.has(this.#hash)
    if (isUnsettled && !wasSent && this.#now.isFull) {
      this.left++
      const { cursor } = this.#places
      const length = row.lengths[cursor] ?? -1
      if (cursor >= 0 && length >= 0) {
        const value = this.#cursorOf(row, source, cursor)
        this.leftFrom = this.leftFrom === 'none' ? value : smaller(this.leftFrom, value)
      }
      return false
    }
    if (isUnsettled) this.#now.add(this.#hash)
    return !wasSent
  }

  #isDeleted(row: WireRow, source: WireBuffer, place: number): boolean {
    if ((row.lengths[place] ?? -1) < 0) return false
    return !this.#places.softDeleteIsFlag || source.view.getUint8(row.offsets[place] ?? 0) === 1
  }

  #noteCursor(row: WireRow, source: WireBuffer, place: number): void {
    if ((row.lengths[place] ?? -1) < 0) {
      this.nullCursors++
      return
    }
    const at = row.offsets[place] ?? 0
    const { view } = source
    let high: number
    let low: number
    if (this.#places.cursorBytes === 8) {
      high = view.getInt32(at)
      low = view.getUint32(at + 4)
    } else {
      const value = this.#places.cursorBytes === 4 ? view.getInt32(at) : view.getInt16(at)
      high = value < 0 ? -1 : 0
      low = value >>> 0
    }
    const isHigher = high > this.#highestHigh || (high === this.#highestHigh && low > this.#highestLow)
    if (this.#hasHighest && !isHigher) return
    this.#hasHighest = true
    this.#highestHigh = high
    this.#highestLow = low
  }

  #cursorOf(row: WireRow, source: WireBuffer, place: number): bigint {
    const at = row.offsets[place] ?? 0
    if (this.#places.cursorBytes === 8) return source.view.getBigInt64(at)
    return BigInt(this.#places.cursorBytes === 4 ? source.view.getInt32(at) : source.view.getInt16(at))
  }
}

/** For keys of rows that are gone, and for rows that are sent in any case. */
export class FixedJudge implements RowJudge {
  returned = 0
  readonly #verdict: RowVerdict

  constructor(verdict: RowVerdict) {
    this.#verdict = verdict
  }

  judge(): RowVerdict {
    this.returned++
    return this.#verdict
  }
}
