/**
 * Counts the records of delimited text, by rules of its own and not by those of the reader that parses it: what the two find
 * is held against each other.
 *
 * A record ends at LF, CRLF or CR outside of quotes. A quote opens a value only where one begins (spaces before it are
 * skipped, as DuckDB does); elsewhere it is a letter. Within quotes the escape character makes the next one a letter; where it
 * is the quote itself, two of them are one. After the closing quote everything up to the delimiter is outside of quotes.
 * A line without a byte is no record, except where the set has one column: there it is a NULL.
 */
import type { DelimitedFormat } from '../core/file-set.ts'

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
/** On average so far. */
const LONG_LINE_BYTES = 64
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

  readonly #firstOffset: number
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
    this.#firstOffset = start.byteOffset
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
    const plain = this.#quote === NO_BYTE && !this.#afterCr && !chunk.includes(CR)
    if (plain) this.#scanLines(chunk)
    else this.#scanBytes(chunk)
    this.#offset += chunk.length
  }

  end(): RecordTotals {
    if (this.#afterCr) this.#endLineByCr()
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

  /** No quotes and no CR: four bytes at a time. Lines of a few bytes make anything that goes from LF to LF slow. */
  #scanLines(chunk: Uint8Array): void {
    let from = 0
    const wanted = this.#nextMark - this.#offset
    if (wanted < chunk.length) {
      // Up to the first record after the place where a mark is due.
      const end = chunk.indexOf(LF, Math.max(wanted, 0))
      if (end >= 0) {
        this.#countLines(chunk, 0, end + 1)
        this.#mark(this.#offset + end + 1)
        from = end + 1
      }
    }
    this.#countLines(chunk, from, chunk.length)
  }

  #countLines(chunk: Uint8Array, from: number, to: number): void {
    if (this.#offset + from - this.#firstOffset > this.#lf * LONG_LINE_BYTES) {
      this.#countLongLines(chunk, from, to)
      return
    }
    let at = from
    let lines = 0
    let blanks = 0
    // Whether the byte before is the end of a line, in the place of a word's highest bit.
    let before = this.#recordStart === this.#offset + from ? 1 : 0
    const aligned = Math.min(to, from + ((4 - ((chunk.byteOffset + from) & 3)) & 3))
    for (; at < aligned; at++) {
      const isEnd = chunk[at] === LF ? 1 : 0
      lines += isEnd
      blanks += isEnd & before
      before = isEnd
    }
    const words = wordsOf(chunk, at, to)
    for (let index = 0; index < words.length; index++) {
      const mixed = (words[index] ?? 0) ^ 0x0a0a0a0a
      // Whether any byte was LF; cheaper than which ones.
      if (((mixed - 0x01010101) & ~mixed & 0x80808080) === 0) {
        before = 0
        continue
      }
      // The highest bit of each byte that was LF, exactly: no byte carries into the next one.
      const ends = ~(((mixed & 0x7f7f7f7f) + 0x7f7f7f7f) | mixed | 0x7f7f7f7f)
      const bits = (ends >>> 7) & 0x01010101
      lines += Math.imul(bits, 0x01010101) >>> 24
      const doubled = bits & ((bits << 8) | before)
      if (doubled !== 0) blanks += Math.imul(doubled, 0x01010101) >>> 24
      before = bits >>> 24
    }
    at += words.length << 2
    for (; at < to; at++) {
      const isEnd = chunk[at] === LF ? 1 : 0
      lines += isEnd
      blanks += isEnd & before
      before = isEnd
    }
    if (lines === 0) return
    this.#lf += lines
    this.#line += lines
    this.#blankLines += blanks
    this.#records += lines - blanks
    this.#recordStart = this.#offset + chunk.lastIndexOf(LF, to - 1) + 1
  }

  /** From LF to LF, by a search of the machine's own: twice as fast as the words where lines have a hundred bytes. */
  #countLongLines(chunk: Uint8Array, from: number, to: number): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, to)
    let begin = this.#recordStart - this.#offset
    let lines = 0
    let blanks = 0
    for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, begin)) {
      lines++
      if (at === begin) blanks++
      begin = at + 1
    }
    if (lines === 0) return
    this.#lf += lines
    this.#line += lines
    this.#blankLines += blanks
    this.#records += lines - blanks
    this.#recordStart = this.#offset + begin
  }

  #scanBytes(chunk: Uint8Array): void {
    const { length } = chunk
    const quote = this.#quote
    const escapeByte = this.#escape
    const stopsOutside = this.#stopsOutside
    const stopsInside = this.#stopsInside
    let at = 0
    if (this.#afterCr) {
      if (chunk[0] === LF) {
        this.#endLineByCrLf(1)
        at = 1
      } else this.#endLineByCr()
    }
    // Where the value begins that a quote may open, as far as it is in this chunk.
    let outsideFrom = at
    let startsValue = this.#valueStart
    while (at < length) {
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
        while (at < length && stopsInside[chunk[at] as number] === 0) at++
        if (at === length) break
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
      while (at < length && stopsOutside[chunk[at] as number] === 0) at++
      if (at === length) break
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
      else if (at + 1 === length) {
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
    this.#valueStart = !this.#inQuotes && this.#beginsValue(chunk, outsideFrom, length, startsValue)
  }

  /** Whether there is nothing but spaces between the begin of a value and `at`. `from` begins one where `startsValue`. */
  #beginsValue(chunk: Uint8Array, from: number, at: number, startsValue: boolean): boolean {
    let back = at - 1
    if (this.#delimiter !== SPACE) while (back >= from && chunk[back] === SPACE) back--
    return back < from ? startsValue : chunk[back] === this.#delimiter
  }

  #endLineByCr(): void {
    this.#afterCr = false
    this.#endLine(this.#offset, 'cr', this.#offset - 1)
    this.#valueStart = true
  }

  #endLineByCrLf(skipped: number): void {
    this.#afterCr = false
    this.#endLine(this.#offset + skipped, 'crlf', this.#offset - 1)
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

/** Whole words from `at` on, which is at the begin of one unless there is none. */
function wordsOf(chunk: Uint8Array, at: number, to: number): Int32Array {
  const length = (to - at) >> 2
  return length === 0 ? new Int32Array(0) : new Int32Array(chunk.buffer, chunk.byteOffset + at, length)
}
