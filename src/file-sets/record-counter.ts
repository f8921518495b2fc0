/** What a file has by another reader than the one that parses it. */
import { PipelineError } from '../core/errors.ts'
import type { FileEncoding, FoundFile } from '../core/file-set.ts'
import { changeOf } from './file-fingerprint.ts'
import { type Prologue, readPrologue } from './prologue.ts'
import { RecordScanner, type RecordTotals } from './record-scanner.ts'
import { FileText } from './unpack-file.ts'

/** Offsets are in the text as UTF-8 where nothing else is said: for a file in UTF-8, in the unpacked file. */
export interface RecordCount extends RecordTotals {
  /** Of the file as it lies there. */
  readonly bytes: number
  readonly unpackedBytes: number
  readonly header: readonly string[] | undefined
  readonly bom: FileEncoding | undefined
  /** First character that the encoding does not have; offset in the unpacked file. */
  readonly invalidAt: number | undefined
  /** Why the count is not that of the whole file, as the end of a sentence: it was cut, or changed meanwhile. */
  readonly incomplete: string | undefined
  readonly checksum: string | undefined
}

export interface CountOptions {
  readonly checksum?: boolean
  /** Bytes of the file, as they are read. */
  readonly onBytes?: (bytes: number) => void
  readonly markBytes?: number
  /** As in `UnpackOptions`. */
  readonly waitsAt?: () => number
}

/**
 * Reads a delimited file once, in pieces of a MiB, whatever its lines are like. Throws what reading the file throws; that it
 * is wrong is in the result.
 */
export async function countRecords(file: FoundFile, options: CountOptions, signal: AbortSignal): Promise<RecordCount> {
  const { format } = file.set
  if (format.kind === 'parquet') throw notDelimited(file)
  const prologue = await readPrologue(file, signal)
  const text = new FileText({ ...file, encoding: format.encoding }, options, signal)
  const counting = new CountingText(file, text, prologue, options)
  for await (const _ of counting);
  return await counting.count()
}

/** A part of a plain file that begins and ends with records. */
export interface CountedRange {
  /** Bytes of the file; the end is not included. */
  readonly from: number
  readonly to: number
  /** Of the first record, from 1. */
  readonly line: number
}

/** Hands the records of a file on, as UTF-8 without what stands before the first one, and counts them as they pass. */
export class CountingText implements AsyncIterable<Buffer> {
  readonly #file: FoundFile
  readonly #text: FileText
  readonly #prologue: Prologue
  readonly #range: CountedRange | undefined
  readonly #scanner: RecordScanner

  /** With a range, `text` is that of the range alone. */
  constructor(
    file: FoundFile,
    text: FileText,
    prologue: Prologue,
    { markBytes, range }: { readonly markBytes?: number | undefined; readonly range?: CountedRange | undefined } = {},
  ) {
    const { format, columns } = file.set
    if (format.kind === 'parquet') throw notDelimited(file)
    this.#file = file
    this.#text = text
    this.#prologue = prologue
    this.#range = range
    const start = range === undefined ? prologue : { byteOffset: range.from, line: range.line }
    // A header tells how many columns the file has; a line without a byte is a record where that is one.
    this.#scanner = new RecordScanner(format, prologue.header?.length ?? columns.length, start, markBytes)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const { byteOffset, bomBytes } = this.#prologue
    let skip = this.#range === undefined ? byteOffset - bomBytes : 0
    for await (const chunk of this.#text) {
      const records = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length))
      skip -= chunk.length - records.length
      this.#scanner.scan(records)
      if (records.length > 0) yield records
    }
  }

  /** Once all was read. */
  async count(): Promise<RecordCount> {
    const { facts } = this.#text
    const change = await changeOf(this.#file)
    const bytes = this.#range === undefined ? this.#file.bytes : this.#range.to - this.#range.from
    const incomplete =
      facts.damage ??
      (change !== undefined
        ? `it changed while it was read: ${change}`
        : facts.bytes < bytes
          ? `${facts.bytes} of ${bytes} bytes were read`
          : undefined)
    return {
      ...this.#scanner.end(),
      bytes: facts.bytes,
      unpackedBytes: facts.unpackedBytes,
      header: this.#prologue.header,
      bom: facts.bom,
      invalidAt: facts.invalidAt,
      incomplete,
      checksum: facts.checksum,
    }
  }
}

function notDelimited(file: FoundFile): PipelineError {
  return new PipelineError('internal', `Counting the records of ${file.name}`, {
    cause: new Error('a Parquet file says itself how many rows it has'),
  })
}
