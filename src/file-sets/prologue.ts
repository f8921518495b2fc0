/** What stands before the first record: lines to be skipped, blank ones, the header with the names of the columns. */
import { PipelineError } from '../core/errors.ts'
import type { DelimitedFormat, FoundFile } from '../core/file-set.ts'
import { firstBytes } from './file-fingerprint.ts'
import { MAGIC_BYTES, refuseOtherFormat } from './other-format.ts'
import { FileText } from './unpack-file.ts'

/** A header with a thousand columns has some ten thousand bytes. */
const PROLOGUE_BYTES_MAX = 1 << 20

export type LineEnd = '\n' | '\r\n' | '\r'

export interface Prologue {
  /** As the file has them; undefined where the set says that there is no header, or where the file ends before one. */
  readonly header: readonly string[] | undefined
  /** Of the first record, in the text as UTF-8; the byte order mark of a file in UTF-8 counts. */
  readonly byteOffset: number
  /** Of the first record, from 1. */
  readonly line: number
  /** As the first record or the header ends, outside of quotes; undefined: there is no end in the first MiB. */
  readonly lineEnd: LineEnd | undefined
  /** Nothing stands before the header. */
  readonly beginsWithHeader: boolean
  /** A quote stands before the first record: lines there may not be what a reader of records takes for them. */
  readonly hasQuotes: boolean
  /** Length of the byte order mark of a file in UTF-8. */
  readonly bomBytes: number
}

/** Throws `source_file` where there is no record in the first MiB, and where the file is not text, or not text as its set says. */
export async function readPrologue(file: FoundFile, signal: AbortSignal): Promise<Prologue> {
  const { format } = file.set
  if (format.kind === 'parquet') throw new Error('a Parquet file has no lines')
  if (file.compression === 'none') refuseOtherFormat(file.name, await firstBytes(file.path, MAGIC_BYTES))
  const { text, isWhole, bomBytes } = await beginOf(file, format, signal)
  refuseOtherFormat(file.name, text)
  if (format.encoding === 'utf-8' && isWhole && isMarkOfUtf16(text)) throw emptyUtf16(file)
  if (format.encoding !== 'utf-16' && looksLikeUtf16(text)) throw otherEncoding(file, format)
  let at = 0
  let line = 1
  for (let skipped = 0; skipped < format.skipLines; skipped++) {
    const end = lineEnd(text, at)
    if (end === undefined && !isWhole) throw tooLong(file)
    at = end ?? text.length
    line++
  }
  const separator = SEPARATOR_LINE.exec(text.subarray(at, at + 16).toString('latin1'))
  if (separator !== null) throw separatorLine(file, format, separator[1] ?? '')
  let header: readonly string[] | undefined
  let beginsWithHeader = false
  if (format.header) {
    for (let end = lineEnd(text, at); end !== undefined && isBlank(text, at, end); end = lineEnd(text, at)) {
      at = end
      line++
    }
    if (at < text.length) {
      const record = readRecord(text, at, format)
      if (!record.ended && !isWhole) throw tooLong(file)
      beginsWithHeader = at === 0
      header = record.values
      line += record.lines
      at = record.next
    }
  }
  const first = readRecord(text, beginsWithHeader ? 0 : at, format)
  const hasQuotes = format.quote !== undefined && text.subarray(0, at).includes(format.quote)
  return { header, byteOffset: at + bomBytes, line, lineEnd: first.lineEnd, beginsWithHeader, hasQuotes, bomBytes }
}

async function beginOf(file: FoundFile, format: DelimitedFormat, signal: AbortSignal) {
  const source = new FileText({ ...file, encoding: format.encoding }, {}, signal)
  const chunks: Buffer[] = []
  let bytes = 0
  let isWhole = true
  for await (const chunk of source) {
    chunks.push(Buffer.from(chunk))
    bytes += chunk.length
    isWhole = bytes < PROLOGUE_BYTES_MAX
    if (!isWhole) break
  }
  return { text: Buffer.concat(chunks), isWhole, bomBytes: source.facts.bom === 'utf-8' ? 3 : 0 }
}

/** Offset of the line after; undefined where there is none. */
function lineEnd(text: Buffer, from: number): number | undefined {
  for (let at = from; at < text.length; at++) {
    if (text[at] === 10) return at + 1
    if (text[at] === 13) return text[at + 1] === 10 ? at + 2 : at + 1
  }
  return undefined
}

function isBlank(text: Buffer, from: number, end: number): boolean {
  return text.subarray(from, end).every((byte) => byte === 10 || byte === 13)
}

/** One record as values, by the rules of `RecordScanner`. For headers and samples, not for files. */
export function readRecord(text: Buffer, from: number, format: DelimitedFormat) {
  const delimiter = format.delimiter.charCodeAt(0)
  const quote = format.quote?.charCodeAt(0)
  const escapeByte = format.escape?.charCodeAt(0) ?? quote
  const values: string[] = []
  let bytes: number[] = []
  let lines = 1
  let at = from
  let quoted = false
  let wasQuoted = false
  const finish = () => {
    values.push(Buffer.from(bytes).toString('utf8'))
    bytes = []
    wasQuoted = false
  }
  for (; at < text.length; at++) {
    const byte = text[at] ?? 0
    if (quoted) {
      if (byte === 10) lines++
      if (byte === escapeByte && escapeByte !== quote && at + 1 < text.length) bytes.push(text[++at] ?? 0)
      else if (byte !== quote) bytes.push(byte)
      else if (escapeByte === quote && text[at + 1] === quote) bytes.push(text[++at] ?? 0)
      else quoted = false
    } else if (byte === quote && !wasQuoted && bytes.every((each) => each === 32)) {
      quoted = true
      wasQuoted = true
      bytes = []
    } else if (byte === delimiter) finish()
    else if (byte === 10 || byte === 13) {
      finish()
      const lineEnd: LineEnd = byte === 10 ? '\n' : text[at + 1] === 10 ? '\r\n' : '\r'
      return { values, next: at + lineEnd.length, lines, ended: true, lineEnd }
      // Spaces outside of the quotes of a value are none of it.
    } else if (!(wasQuoted && byte === 32)) bytes.push(byte)
  }
  finish()
  return { values, next: text.length, lines, ended: false, lineEnd: undefined }
}

/** A byte order mark takes four bytes at most; behind it every second byte of a header in letters is 0. */
function looksLikeUtf16(text: Buffer): boolean {
  const begin = text.subarray(4, 36)
  if (begin.length < 8) return false
  const isZero = (parity: number) => begin.every((byte, at) => at % 2 !== parity || byte === 0)
  return isZero(0) !== isZero(1)
}

function isMarkOfUtf16(text: Buffer): boolean {
  return text.length === 2 && (text.readUInt16LE() === 0xfeff || text.readUInt16LE() === 0xfffe)
}

function emptyUtf16(file: FoundFile): PipelineError {
  return new PipelineError('source_file', `Reading ${file.name}`, {
    cause: new Error('it is empty: a byte order mark of UTF-16, and nothing behind it'),
    hint: 'Have the file sent again. Where UTF-16 is right, say so in the configuration of the table: encoding: utf-16.',
    context: { file: file.name },
  })
}

function otherEncoding(file: FoundFile, { encoding }: DelimitedFormat): PipelineError {
  return new PipelineError('source_file', `Reading ${file.name}`, {
    cause: new Error(`it is UTF-16, and not ${encoding}`),
    hint: 'Say so in the configuration of the table: format: { type: …, encoding: utf-16 }',
    context: { file: file.name },
  })
}

/** Excel reads the delimiter from such a first line, and shows none of it. */
export const SEPARATOR_LINE = /^"?sep=(.)"?[^\r\n]?[\r\n]/i

function separatorLine(file: FoundFile, { delimiter, skipLines }: DelimitedFormat, named: string): PipelineError {
  const other = named === delimiter ? '' : `delimiter: ${JSON.stringify(named)}, `
  return new PipelineError('source_file', `Reading ${file.name}`, {
    cause: new Error(`the line before its header is "sep=${named}", which tells Excel the delimiter`),
    hint: `Skip that line in the configuration of the table: format: { type: csv, ${other}skip_lines: ${skipLines + 1} }`,
    context: { file: file.name },
  })
}

function tooLong(file: FoundFile): PipelineError {
  return new PipelineError('source_file', `Reading the header of ${file.name}`, {
    cause: new Error('there is no end of its header in the first MiB'),
    hint: 'Look at the first line: is the file text, are its lines ended, is each quote of the header closed?',
    context: { file: file.name },
  })
}
