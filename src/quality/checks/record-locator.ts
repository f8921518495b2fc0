/**
 * Where in the file the rows are that a check has found: DuckDB numbers the rows that it has parsed, and knows the offsets of those
 * that it has refused; the text is read again up to the last of them, and records are counted as the independent counter does.
 */
import type { DelimitedFormat, FoundFile } from '../../core/file-set.ts'
import { readPrologue } from '../../file-sets/prologue.ts'
import { FileText } from '../../file-sets/unpack-file.ts'

export interface RecordPlace {
  /** From 1. */
  readonly line: number
  /** In the text as UTF-8: for a file in UTF-8, in the unpacked file. */
  readonly byteOffset: number
  /** As it stands there, without the end of the line; cut at `RAW_BYTES_MAX`. */
  readonly raw: string
}

export const RAW_BYTES_MAX = 65_536
const [LF, CR] = [10, 13]

export interface RecordPlaces {
  /** By number of the parsed row. */
  readonly rows: ReadonlyMap<number, RecordPlace>
  /** By offset in the text. */
  readonly rejected: ReadonlyMap<number, RecordPlace>
}

/**
 * `rows`: numbers of parsed rows, ascending, from 1. `rejected`: offsets of the records that were refused, ascending; places of
 * those up to `lastRejected` are kept. What is beyond the end of the file is absent.
 */
export async function locateRecords(
  file: FoundFile,
  rows: readonly number[],
  rejected: readonly number[],
  lastRejected: number,
  signal: AbortSignal,
): Promise<RecordPlaces> {
  const found = { rows: new Map<number, RecordPlace>(), rejected: new Map<number, RecordPlace>() }
  if (rows.length === 0 && rejected.length === 0) return found
  let next = 0
  const see = (record: WalkedRecord, number: number | undefined): boolean => {
    if (number === undefined) {
      if (record.byteOffset <= lastRejected) found.rejected.set(record.byteOffset, placeOf(record))
    } else if (number === rows[next]) {
      next++
      found.rows.set(number, placeOf(record))
    }
    return next < rows.length || record.byteOffset < lastRejected
  }
  await walkRecords(file, { rejected, see, before: async () => undefined }, signal)
  return found
}

export interface RecordVisitor {
  /** Offsets of the records that were refused, ascending. */
  readonly rejected: readonly number[]
  /** Before records of so many bytes are seen, with the number of parsed rows so far. */
  readonly before: (parsed: number, bytes: number) => Promise<void>
  /** `number`: of the parsed row; undefined: it was refused. False: nothing more is wanted. */
  readonly see: (record: WalkedRecord, number: number | undefined) => boolean
}

export async function walkRecords(
  file: FoundFile,
  { rejected, before, see }: RecordVisitor,
  signal: AbortSignal,
): Promise<void> {
  const { format, columns } = file.set
  if (format.kind === 'parquet') return
  const prologue = await readPrologue(file, signal)
  const walk = new RecordWalk(format, prologue.header?.length ?? columns.length, prologue)
  let parsed = 0
  let next = 0
  const visit = (record: WalkedRecord): boolean => {
    if (record.byteOffset !== rejected[next]) return see(record, ++parsed)
    next++
    return see(record, undefined)
  }
  const text = new FileText({ ...file, encoding: format.encoding }, {}, signal)
  let skip = prologue.byteOffset - prologue.bomBytes
  for await (const chunk of text) {
    const part = chunk.subarray(Math.min(skip, chunk.length))
    skip -= chunk.length - part.length
    await before(parsed, part.length)
    if (!walk.add(part, visit)) return
  }
  walk.end(visit)
}

export interface WalkedRecord {
  readonly line: number
  readonly byteOffset: number
  /** In bytes, without the end of the line. */
  readonly length: number
  readonly bytes: () => Buffer
}

/** From record to record, by the rules of `RecordScanner`. Records that are longer than a chunk are kept as far as they are shown. */
class RecordWalk {
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  readonly #countsBlank: boolean
  #offset: number
  #line: number
  #recordOffset: number
  #recordLine: number
  #inQuotes = false
  #afterEscape = false
  #closing = false
  #valueStart = true
  #afterCr = false
  #held: Buffer[] = []
  #heldBytes = 0

  constructor(format: DelimitedFormat, columns: number, start: { readonly byteOffset: number; readonly line: number }) {
    this.#delimiter = format.delimiter.charCodeAt(0)
    this.#quote = format.quote === undefined ? -1 : format.quote.charCodeAt(0)
    this.#escape = format.escape === undefined ? this.#quote : format.escape.charCodeAt(0)
    this.#countsBlank = columns === 1
    this.#offset = start.byteOffset
    this.#line = start.line
    this.#recordOffset = start.byteOffset
    this.#recordLine = start.line
  }

  /** False: nothing more is wanted. */
  add(chunk: Buffer, see: (record: WalkedRecord) => boolean): boolean {
    let from = 0
    let at = 0
    if (this.#afterCr) {
      this.#afterCr = false
      if (chunk[0] === LF) {
        at = 1
        from = 1
        this.#recordOffset++
      }
    }
    while (at < chunk.length) {
      const end = this.#quote === -1 ? this.#plainEnd(chunk, at) : this.#quotedEnd(chunk, at)
      if (end < 0) break
      const record = this.#record(chunk, from, end)
      const isCr = chunk[end] === CR
      if (isCr && end + 1 === chunk.length) this.#afterCr = true
      at = end + (isCr && chunk[end + 1] === LF ? 2 : 1)
      this.#line++
      this.#held = []
      this.#heldBytes = 0
      const isBlank = this.#recordOffset === this.#offset + end
      const goesOn = isBlank && !this.#countsBlank ? true : see(record)
      from = at
      this.#recordOffset = this.#offset + at
      this.#recordLine = this.#line
      this.#valueStart = true
      if (!goesOn) return false
    }
    if (from < chunk.length && this.#heldBytes < RAW_BYTES_MAX) {
      this.#held.push(Buffer.from(chunk.subarray(from, from + RAW_BYTES_MAX)))
      this.#heldBytes += chunk.length - from
    }
    this.#offset += chunk.length
    return true
  }

  end(see: (record: WalkedRecord) => boolean): void {
    if (this.#offset > this.#recordOffset) see(this.#record(Buffer.alloc(0), 0, 0))
  }

  #record(chunk: Buffer, from: number, end: number): WalkedRecord {
    const held = this.#held
    return {
      line: this.#recordLine,
      byteOffset: this.#recordOffset,
      length: this.#offset + end - this.#recordOffset,
      bytes: () => Buffer.concat([...held, chunk.subarray(from, end)]),
    }
  }

  #plainEnd(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from)
    const cr = chunk.subarray(from, lf < 0 ? chunk.length : lf).indexOf(CR)
    return cr < 0 ? lf : from + cr
  }

  #quotedEnd(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (this.#inQuotes) {
        if (this.#afterEscape) this.#afterEscape = false
        else if (this.#closing) {
          this.#closing = false
          if (byte === this.#quote) continue
          this.#inQuotes = false
          this.#valueStart = false
          at--
          continue
        } else if (byte === this.#quote && this.#escape === this.#quote) this.#closing = true
        else if (byte === this.#escape) this.#afterEscape = true
        else if (byte === this.#quote) {
          this.#inQuotes = false
          this.#valueStart = false
        }
        if (byte === LF) this.#line++
        continue
      }
      if (byte === LF || byte === CR) return at
      if (byte === this.#quote && this.#valueStart) this.#inQuotes = true
      else this.#valueStart = byte === this.#delimiter || (this.#valueStart && byte === 32)
    }
    return -1
  }
}

function placeOf({ line, byteOffset, bytes }: WalkedRecord): RecordPlace {
  return { line, byteOffset, raw: bytes().subarray(0, RAW_BYTES_MAX).toString('utf8') }
}
