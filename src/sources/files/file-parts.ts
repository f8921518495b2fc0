/**
 * Cuts the records of a delimited file into parts of about the same size, each a file of its own in UTF-8 without what stands
 * before the first record. A run that goes on begins where a part ended that was recorded.
 *
 * The records of a part are counted as they pass, by other rules than those of the reader that parses them.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { FoundFile } from '../../core/file-set.ts'
import { type Prologue, readPrologue } from '../../file-sets/prologue.ts'
import { type RecordMark, RecordScanner, type RecordTotals } from '../../file-sets/record-scanner.ts'
import { FileText } from '../../file-sets/unpack-file.ts'
import { scratchError } from './scratch.ts'

export interface FilePart {
  /** From 0. */
  readonly number: number
  /** Absolute, of what DuckDB reads. */
  readonly path: string
  /** What stands before the first record of the file; undefined for Parquet. */
  readonly prologue: Prologue | undefined
  /** Offset of the part's first byte, and of the first one behind it, in the text as UTF-8; of Parquet, in the row groups. */
  readonly from: number
  readonly next: number
  /** From 1, of its first record in the file; of Parquet, the row. */
  readonly line: number
  /** Counted by another reader; of Parquet, told by the end of the file. */
  readonly records: number
  readonly isLast: boolean
  /** Of the file as it lies there, up to the part's end, and of a packed one about. Absent: not known. */
  readonly fileBytes?: number
  release(): Promise<void>
}

export interface PartStart {
  readonly offset: number
  readonly range: number
}

export interface CutOptions {
  /** Absolute. */
  readonly scratch: string
  readonly partBytes: number
}

/** At least one part, which may be empty. `start`: behind a part that was cut before. */
export async function* cutFile(
  file: FoundFile,
  start: PartStart,
  { scratch, partBytes }: CutOptions,
  signal: AbortSignal,
): AsyncGenerator<FilePart> {
  const { format, columns } = file.set
  if (format.kind === 'parquet') throw new Error('a Parquet file is not cut')
  const prologue = await readPrologue(file, signal)
  const begin = start.range === 0 ? prologue.byteOffset : start.offset
  const isSeekable = file.compression === 'none' && format.encoding === 'utf-8'
  // An empty range would be the whole file.
  const range = isSeekable && begin < file.bytes ? { range: { from: begin, to: file.bytes } } : {}
  const text = new FileText({ ...file, encoding: format.encoding }, range, signal)
  const bytesRead = () => ('range' in range ? begin : 0) + text.facts.bytes
  let skip = 'range' in range ? 0 : begin - prologue.bomBytes
  const scanner = new RecordScanner(format, columns.length, { byteOffset: begin, line: prologue.line }, partBytes)
  const openPart = (number: number, at: RecordMark) =>
    Part.open(join(scratch, `${randomUUID()}.part`), number, at, prologue)
  let part = await openPart(start.range, { byteOffset: begin, line: prologue.line, record: 0 })
  try {
    let at = begin
    for await (const chunk of text) {
      const records = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length))
      skip -= chunk.length - records.length
      // In a piece that is no longer than a part, one part ends at most.
      for (let from = 0; from < records.length; from += partBytes) {
        const piece = records.subarray(from, from + partBytes)
        scanner.scan(piece)
        const mark = scanner.latestMark
        if (mark !== undefined && mark.byteOffset > part.from) {
          const head = mark.byteOffset - at
          await part.write(piece.subarray(0, head))
          const full = part
          part = await openPart(full.number + 1, mark)
          await part.write(piece.subarray(head))
          yield await full.close(mark, bytesRead(), false)
        } else await part.write(piece)
        at += piece.length
      }
    }
    const { records } = requireWhole(file, text, scanner)
    yield await part.close({ byteOffset: at, record: records }, file.bytes, true)
  } finally {
    await part.abandon()
  }
}

function requireWhole(file: FoundFile, { facts }: FileText, scanner: RecordScanner): RecordTotals {
  const totals = scanner.end()
  const { unclosedQuote } = totals
  const problem =
    facts.damage ??
    (unclosedQuote === undefined ? undefined : `the quote in line ${unclosedQuote.line} is never closed`) ??
    (facts.invalidAt === undefined ? undefined : `the byte at ${facts.invalidAt} is none of its encoding`)
  if (problem === undefined) return totals
  throw new PipelineError('source_file', `Reading ${file.name}`, {
    cause: new Error(problem),
    hint: `simplyload files check ${file.name} says more`,
    context: { file: file.name },
  })
}

class Part {
  readonly number: number
  readonly from: number
  readonly #path: string
  readonly #handle: FileHandle
  readonly #prologue: Prologue
  readonly #line: number
  readonly #record: number
  #isClosed = false

  private constructor(path: string, handle: FileHandle, number: number, at: RecordMark, prologue: Prologue) {
    this.#path = path
    this.#handle = handle
    this.number = number
    this.from = at.byteOffset
    this.#line = at.line
    this.#record = at.record
    this.#prologue = prologue
  }

  static async open(path: string, number: number, at: RecordMark, prologue: Prologue): Promise<Part> {
    try {
      return new Part(path, await open(path, 'w'), number, at, prologue)
    } catch (error) {
      throw scratchError(error, path)
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < bytes.length; ) {
        written += (await this.#handle.write(bytes, written, bytes.length - written)).bytesWritten
      }
    } catch (error) {
      throw scratchError(error, this.#path)
    }
  }

  /** `end`: of it, in the text. */
  async close(
    end: { readonly byteOffset: number; readonly record: number },
    fileBytes: number,
    isLast: boolean,
  ): Promise<FilePart> {
    this.#isClosed = true
    await this.#handle.close()
    return {
      number: this.number,
      path: this.#path,
      prologue: this.#prologue,
      from: this.from,
      next: end.byteOffset,
      fileBytes,
      line: this.#line,
      records: end.record - this.#record,
      isLast,
      release: () => rm(this.#path, { force: true }),
    }
  }

  async abandon(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#handle.close()
    await rm(this.#path, { force: true })
  }
}
