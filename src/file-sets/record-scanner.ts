/**
 * Counts the records of delimited text, by rules of its own and not by those of the reader that parses it: what the two find
 * is held against each other.
 *
 * A record ends at LF, CRLF or CR outside of quotes. A quote opens a value only where one begins (spaces before it are
 * skipped, as DuckDB does); elsewhere it is a letter. Within quotes the escape character makes the next one a letter; where it
 * is the quote itself, two of them are one. After the closing quote everything up to the delimiter is outside of quotes.
 * A line without a byte is no record, except where the set has one column: there it is a NULL.
 *
 * What is usual is left to the kernel, which takes 64 bytes at a time; what it stops at, and what is unusual, goes byte by byte.
 */
import type { DelimitedFormat } from '../core/file-set.ts'
import { BLOCK_BYTES, makeRecordKernel, type RecordKernel, STATE, TEXT_BYTES } from './record-kernel.ts'

/** Where a record begins. */
export interface RecordMark {
  readonly byteOffset: number
  /** From 1. */
  readonly line: number
  /** Records before it, blank lines and the header not counted. */
  readonly record: number
}

export interface RecordTotals {
  readonly records: number
  readonly blankLines: number
  /** Outside of quotes. */
  readonly lineEnds: { readonly lf: number; readonly crlf: number; readonly cr: number }
  readonly lastLineEnded: boolean
  /** Of the first byte 0. */
  readonly firstNul: number | undefined
  /** The quote that nothing closes: line and offset of it. */
  readonly unclosedQuote: { readonly line: number; readonly byteOffset: number } | undefined
  /** At the first record and every `markBytes` after it; the last is the end. */
  readonly marks: readonly RecordMark[]
}

export interface ScanStart {
  readonly byteOffset: number
  /** From 1. */
  readonly line: number
}

/** Close enough to find a record by reading from the mark before it; 100 GB have 25,000 of them. */
export const MARK_BYTES = 4 << 20

const [LF, CR, SPACE] = [10, 13, 32]
/** The most that goes byte by byte before the kernel is asked again; it begins with a block. */
const STEP_BYTES_MAX = 1 << 16
const NO_BYTE = -1

export class RecordScanner {
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  readonly #countsBlank: boolean
  readonly #markBytes: number
  /** Of each byte, whether it ends a run of letters outside of quotes, and within. */
  readonly #stopsOutside = new Uint8Array(256)
  readonly #stopsInside = new Uint8Array(256)
  /** Undefined: the quote is escaped by something else. */
  readonly #kernel: RecordKernel | undefined

  /** Of the text that is scanned now. */
  #offset: number
  #line: number
  #records = 0
  #blankLines = 0
  #lf = 0
  #crlf = 0
  #cr = 0
  #firstNul = NO_BYTE
  #recordStart: number
  #inQuotes = false
  /** The byte before is the escape (within quotes), or a quote that closes unless another one follows. */
  #escaped = false
  #closing = false
  /** The byte before is a CR outside of quotes. */
  #afterCr = false
  /** What follows begins a value: a quote opens it. */
  #valueStart = true
  #quoteLine = 0
  #quoteOffset = 0
  #nextMark: number
  readonly #marks: RecordMark[] = []

  constructor(format: DelimitedFormat, columnCount: number, start: ScanStart, markBytes = MARK_BYTES) {
    this.#delimiter = format.delimiter.charCodeAt(0)
    this.#quote = format.quote === undefined ? NO_BYTE : format.quote.charCodeAt(0)
    this.#escape = format.escape === undefined ? this.#quote : format.escape.charCodeAt(0)
    this.#countsBlank = columnCount === 1
    this.#markBytes = markBytes
    this.#offset = start.byteOffset
    this.#line = start.line
    this.#recordStart = start.byteOffset
    this.#nextMark = start.byteOffset + markBytes
    this.#marks.push({ byteOffset: start.byteOffset, line: start.line, record: 0 })
    for (const byte of [LF, CR]) this.#stopsOutside[byte] = 1
    if (this.#quote !== NO_BYTE) {
      this.#stopsOutside[this.#quote] = 1
      for (const byte of [this.#quote, this.#escape, LF]) this.#stopsInside[byte] = 1
    }
    const quote = this.#quote === NO_BYTE ? undefined : this.#quote
    const isUsual = quote === undefined || this.#escape === quote
    this.#kernel = isUsual ? makeRecordKernel(this.#delimiter, quote) : undefined
  }

  /** Records that have ended so far. */
  get records(): number {
    return this.#records + (this.#countsBlank ? this.#blankLines : 0)
  }

  /** Undefined before the first one. */
  get latestMark(): RecordMark | undefined {
    return this.#marks.at(-1)
  }

  scan(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    if (this.#firstNul === NO_BYTE) {
      const nul = chunk.indexOf(0)
      if (nul >= 0) this.#firstNul = this.#offset + nul
    }
    for (let from = 0; from < chunk.length; from += TEXT_BYTES) this.#scanText(chunk.subarray(from, from + TEXT_BYTES))
  }

  end(): RecordTotals {
    if (this.#afterCr) this.#endLineByCr(this.#offset)
    const rest = this.#offset > this.#recordStart
    const unclosed = this.#inQuotes && !this.#closing
    if (rest) this.#records++
    const { records } = this
    this.#marks.push({ byteOffset: this.#offset, line: this.#line + (rest ? 1 : 0), record: records })
    return {
      records,
      blankLines: this.#blankLines,
      lineEnds: { lf: this.#lf, crlf: this.#crlf, cr: this.#cr },
      lastLineEnded: !rest,
      firstNul: this.#firstNul === NO_BYTE ? undefined : this.#firstNul,
      unclosedQuote: unclosed ? { line: this.#quoteLine, byteOffset: this.#quoteOffset } : undefined,
      marks: this.#marks,
    }
  }

  #scanText(text: Uint8Array): void {
    this.#kernel?.text.set(text)
    let step = BLOCK_BYTES
    for (let at = 0; at < text.length; ) {
      const stopped = this.#kernel === undefined ? at : this.#scanBlocks(this.#kernel, text, at)
      // A file that is unusual throughout is not asked about for each block.
      step = stopped - at > step ? BLOCK_BYTES : Math.min(2 * step, STEP_BYTES_MAX)
      at = Math.min(text.length, stopped + step)
      this.#scanBytes(text, stopped, at)
    }
    this.#offset += text.length
  }

  /** Returns up to where: where a mark is due, where there is no whole block, or where the kernel has stopped. */
  #scanBlocks({ state, run }: RecordKernel, text: Uint8Array, from: number): number {
    const bytes = Math.min(text.length, this.#nextMark - 1 - this.#offset) - from
    if (bytes < BLOCK_BYTES || this.#afterCr) return from
    const isClosing = this.#inQuotes && this.#closing
    state.fill(0)
    state[STATE.inQuotes] = this.#inQuotes && !isClosing ? -1 : 0
    state[STATE.mayOpen] = isClosing || this.#valueStart ? 1 : 0
    state[STATE.closed] = isClosing ? 1 : 0
    state[STATE.startsRecord] = this.#recordStart === this.#offset + from ? 1 : 0
    state[STATE.recordStart] = NO_BYTE
    state[STATE.quoteAt] = NO_BYTE
    const to = run(from, from + bytes - (bytes % BLOCK_BYTES))
    if (to === from) return from
    const [inQuotes, , closed, , ends = 0, crlf = 0, lines = 0, blanks = 0, recordStart = 0, quoteAt = 0] = state
    this.#lf += ends - crlf
    this.#crlf += crlf
    this.#line += lines
    this.#blankLines += blanks
    this.#records += ends - blanks
    if (recordStart !== NO_BYTE) this.#recordStart = this.#offset + recordStart
    this.#closing = closed === 1
    this.#inQuotes = inQuotes !== 0 || this.#closing
    if (this.#inQuotes && quoteAt !== NO_BYTE) {
      this.#quoteOffset = this.#offset + quoteAt
      this.#quoteLine = this.#line
      for (let at = quoteAt; at < to; at++) if (text[at] === LF) this.#quoteLine--
    }
    let back = to - 1
    if (this.#delimiter !== SPACE) while (back >= from && text[back] === SPACE) back--
    if (back >= from) this.#valueStart = text[back] === this.#delimiter || text[back] === LF
    if (this.#inQuotes) this.#valueStart = false
    return to
  }

  #scanBytes(chunk: Uint8Array, from: number, to: number): void {
    if (from === to) return
    const quote = this.#quote
    const escapeByte = this.#escape
    const stopsOutside = this.#stopsOutside
    const stopsInside = this.#stopsInside
    let at = from
    if (this.#afterCr) {
      if (chunk[from] === LF) {
        at++
        this.#endLineByCrLf(this.#offset + at)
      } else this.#endLineByCr(this.#offset + from)
    }
    // Where the value begins that a quote may open, as far as it is in what is scanned.
    let outsideFrom = at
    let startsValue = this.#valueStart
    while (at < to) {
      if (this.#inQuotes) {
        if (this.#escaped) {
          this.#escaped = false
          if (chunk[at] === LF) this.#line++
          at++
          continue
        }
        if (this.#closing) {
          this.#closing = false
          if (chunk[at] === quote) at++
          else {
            this.#inQuotes = false
            outsideFrom = at
            startsValue = false
            continue
          }
        }
        while (at < to && stopsInside[chunk[at] as number] === 0) at++
        if (at === to) break
        const byte = chunk[at]
        if (byte === LF) this.#line++
        else if (byte === quote && escapeByte === quote) this.#closing = true
        else if (byte === escapeByte) this.#escaped = true
        else {
          this.#inQuotes = false
          outsideFrom = at + 1
          startsValue = false
        }
        at++
        continue
      }
      while (at < to && stopsOutside[chunk[at] as number] === 0) at++
      if (at === to) break
      const byte = chunk[at]
      if (byte === quote) {
        if (this.#beginsValue(chunk, outsideFrom, at, startsValue)) {
          this.#inQuotes = true
          this.#quoteLine = this.#line
          this.#quoteOffset = this.#offset + at
        }
        at++
        continue
      }
      if (byte === LF) this.#endLine(this.#offset + at + 1, 'lf', this.#offset + at)
      else if (at + 1 === to) {
        this.#afterCr = true
        at++
        break
      } else if (chunk[at + 1] === LF) {
        this.#endLine(this.#offset + at + 2, 'crlf', this.#offset + at)
        at++
      } else this.#endLine(this.#offset + at + 1, 'cr', this.#offset + at)
      at++
      outsideFrom = at
      startsValue = true
    }
    this.#valueStart = !this.#inQuotes && this.#beginsValue(chunk, outsideFrom, to, startsValue)
  }

  /** Whether there is nothing but spaces between the begin of a value and `at`. `from` begins one where `startsValue`. */
  #beginsValue(chunk: Uint8Array, from: number, at: number, startsValue: boolean): boolean {
    let back = at - 1
    if (this.#delimiter !== SPACE) while (back >= from && chunk[back] === SPACE) back--
    return back < from ? startsValue : chunk[back] === this.#delimiter
  }

  #endLineByCr(next: number): void {
    this.#afterCr = false
    this.#endLine(next, 'cr', next - 1)
    this.#valueStart = true
  }

  #endLineByCrLf(next: number): void {
    this.#afterCr = false
    this.#endLine(next, 'crlf', next - 2)
    this.#valueStart = true
  }

  #endLine(next: number, by: 'lf' | 'crlf' | 'cr', end: number): void {
    if (by === 'lf') this.#lf++
    else if (by === 'crlf') this.#crlf++
    else this.#cr++
    this.#line++
    if (end === this.#recordStart) this.#blankLines++
    else this.#records++
    this.#recordStart = next
    if (next >= this.#nextMark) this.#mark(next)
  }

  #mark(byteOffset: number): void {
    this.#marks.push({ byteOffset, line: this.#line, record: this.records })
    this.#nextMark = byteOffset + this.#markBytes
  }
}
