/**
 * The text of a file as UTF-8, in pieces: unpacked and decoded, with what is wrong with its packing and encoding. DuckDB (1.5)
 * reads a gzip file that is cut, or whose checksum is wrong, as if it were shorter, and says nothing; so we unpack.
 */
import { transcode } from 'node:buffer'
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { FileCompression, FileEncoding } from '../core/file-set.ts'
import { fileError } from './file-fingerprint.ts'
import { Utf8Check } from './utf8-check.ts'

export const CHUNK_BYTES = 1 << 20
/** Of what follows packed data: whether it is all zeros is looked at in this many bytes. */
const TRAILING_BYTES_MAX = 1 << 20
/** How often it is asked whether a reader that is far ahead may go on. */
const AHEAD_CHECK_MS = 20

export interface PackedFile {
  /** Absolute. */
  readonly path: string
  readonly compression: FileCompression
  readonly encoding: FileEncoding
}

export interface UnpackOptions {
  /** Of the file as it lies there; only of a plain one in UTF-8. Absent: all of it. */
  readonly range?: { readonly from: number; readonly to: number }
  readonly checksum?: boolean
  /** Bytes of the file, as they are read. */
  readonly onBytes?: (bytes: number) => void
  /** Offset in the file from which on it waits, asked before each piece. Absent: it never does. */
  readonly waitsAt?: () => number
}

export interface UnpackFacts {
  /** Read of the file. */
  bytes: number
  /** Of the text before it was decoded. */
  unpackedBytes: number
  /** Byte order mark at the beginning: it is not handed on. */
  bom: FileEncoding | undefined
  /** Offset in the unpacked file of the first character that the encoding does not have. */
  invalidAt: number | undefined
  /** Why not all could be unpacked, as the end of a sentence; undefined: all was. */
  damage: string | undefined
  /** `sha256:` and hex. */
  checksum: string | undefined
}

/** Reads a file once. Iterate to the end before looking at the facts. Throws as `fileError` does. */
export class FileText implements AsyncIterable<Buffer> {
  readonly facts: UnpackFacts = {
    bytes: 0,
    unpackedBytes: 0,
    bom: undefined,
    invalidAt: undefined,
    damage: undefined,
    checksum: undefined,
  }
  readonly #file: PackedFile
  readonly #options: UnpackOptions
  readonly #signal: AbortSignal
  readonly #hash: Hash | undefined

  constructor(file: PackedFile, options: UnpackOptions, signal: AbortSignal) {
    this.#file = file
    this.#options = options
    this.#signal = signal
    this.#hash = options.checksum === true ? createHash('sha256') : undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const { encoding, path } = this.#file
    try {
      await using handle = await open(path)
      const unpacked = this.#file.compression === 'none' ? this.#plain(handle) : this.#unpacked(handle)
      yield* encoding === 'utf-8' ? this.#checked(unpacked) : this.#decoded(unpacked, encoding)
    } catch (error) {
      this.#signal.throwIfAborted()
      throw fileError(path, error)
    }
    const isWhole = this.facts.damage === undefined
    this.facts.checksum = this.#hash === undefined || !isWhole ? undefined : `sha256:${this.#hash.digest('hex')}`
  }

  async *#plain(handle: FileHandle): AsyncGenerator<Buffer> {
    const { from = 0, to = Number.MAX_SAFE_INTEGER } = this.#options.range ?? {}
    yield* this.#read(handle, from, to)
  }

  /** Two buffers in turn: one is read while the other is worked on. What was yielded is good until the piece after the next. */
  async *#read(handle: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
    const buffers = [0, 1, 2].map(() => Buffer.allocUnsafeSlow(CHUNK_BYTES))
    let position = from
    const next = (index: number) => {
      const buffer = buffers[index % 3] as Buffer
      return handle.read(buffer, 0, Math.min(CHUNK_BYTES, to - position), position)
    }
    let reading = next(0)
    for (let index = 1; ; index++) {
      const { bytesRead, buffer } = await reading
      this.#signal.throwIfAborted()
      if (bytesRead === 0) return
      position += bytesRead
      await this.#mayGoOn(position)
      reading = position < to ? next(index) : Promise.resolve({ bytesRead: 0, buffer })
      // The read ahead is awaited in the next turn; where nobody asks for one, its failure is nobody's.
      reading.catch(() => undefined)
      const chunk = buffer.subarray(0, bytesRead)
      this.#passed(chunk, position)
      try {
        yield chunk
      } catch (error) {
        await reading.catch(() => undefined)
        throw error
      }
    }
  }

  async #mayGoOn(position: number): Promise<void> {
    const { waitsAt } = this.#options
    if (waitsAt === undefined) return
    while (position >= waitsAt()) await pause(AHEAD_CHECK_MS, undefined, { signal: this.#signal })
  }

  /** Bytes before a second frame are read with the first one already. */
  #passed(chunk: Buffer, end: number): void {
    const { from = 0 } = this.#options.range ?? {}
    const fresh = Math.min(end - from - this.facts.bytes, chunk.length)
    if (fresh <= 0) return
    this.facts.bytes += fresh
    this.#hash?.update(chunk.subarray(chunk.length - fresh))
    this.#options.onBytes?.(fresh)
  }

  async *#unpacked(handle: FileHandle): AsyncGenerator<Buffer> {
    const { size } = await handle.stat()
    let from = 0
    // zstd files may have several frames, of which Node unpacks one; of gzip it unpacks all members.
    for (;;) {
      const { compression } = this.#file
      const options = { chunkSize: CHUNK_BYTES }
      const engine = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options)
      const output = new PassThrough({ highWaterMark: 1 })
      const done = pipeline(this.#packed(handle, from), engine, output).catch((error: unknown) => error)
      let unpacked = 0
      try {
        for await (const chunk of output as AsyncIterable<Buffer>) {
          unpacked += chunk.length
          yield chunk
        }
      } catch (error) {
        this.#signal.throwIfAborted()
        this.facts.damage = damageOf(error)
        if (this.facts.damage === undefined) throw error
        return
      } finally {
        output.destroy()
        await done
      }
      const consumed = from + engine.bytesWritten
      if (consumed >= size) return
      if (compression === 'zstd' && unpacked > 0 && (await beginsFrame(handle, consumed))) {
        from = consumed
        continue
      }
      this.facts.damage = await trailing(handle, consumed, size)
      return
    }
  }

  /** The stream makes its own copies where it needs them; these buffers are handed over. */
  async *#packed(handle: FileHandle, from: number): AsyncGenerator<Buffer> {
    for await (const chunk of this.#read(handle, from, Number.MAX_SAFE_INTEGER)) yield Buffer.from(chunk)
  }

  async *#checked(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const check = new Utf8Check(this.#options.range?.from ?? 0)
    let isFirst = this.#options.range === undefined
    for await (const chunk of chunks) {
      this.facts.unpackedBytes += chunk.length
      check.add(chunk)
      const hasBom = isFirst && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf
      isFirst = false
      if (hasBom) this.facts.bom = 'utf-8'
      yield hasBom ? chunk.subarray(3) : chunk
    }
    check.end()
    this.facts.invalidAt = check.firstInvalid
  }

  async *#decoded(chunks: AsyncIterable<Buffer>, encoding: 'utf-16' | 'latin-1'): AsyncGenerator<Buffer> {
    if (encoding === 'latin-1') {
      for await (const chunk of chunks) {
        this.facts.unpackedBytes += chunk.length
        yield transcode(chunk, 'latin1', 'utf8')
      }
      return
    }
    let rest: Buffer = Buffer.alloc(0)
    let bigEndian: boolean | undefined
    for await (const chunk of chunks) {
      const offset = this.facts.unpackedBytes - rest.length
      this.facts.unpackedBytes += chunk.length
      let text = Buffer.concat([rest, chunk])
      let at = offset
      if (bigEndian === undefined && text.length >= 2) {
        const mark = text.readUInt16LE()
        // Without a mark: as Windows writes it.
        bigEndian = mark === 0xfffe
        if (mark === 0xfffe || mark === 0xfeff) {
          this.facts.bom = 'utf-16'
          text = text.subarray(2)
          at += 2
        }
      }
      const end = wholeUnits(text, bigEndian ?? false)
      rest = Buffer.from(text.subarray(end))
      const whole = Buffer.from(text.subarray(0, end))
      if (bigEndian === true) whole.swap16()
      this.facts.invalidAt ??= loneSurrogate(whole, at)
      if (whole.length > 0) yield Buffer.from(whole.toString('utf16le'), 'utf8')
    }
    if (rest.length > 0) {
      this.facts.invalidAt ??= this.facts.unpackedBytes - rest.length
      yield Buffer.from('\ufffd')
    }
  }
}

/** Undefined: it is no fault of the packed data. */
function damageOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = error instanceof Error ? error.message : ''
  if (!/^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code)) return undefined
  if (/unexpected end/i.test(message)) return 'it ends in the middle of the packed data: it was cut'
  // That it begins as gzip is known before. Of what fits into one piece nothing is handed on in that case.
  if (message === 'incorrect header check') return 'bytes follow the packed data that are none themselves'
  if (/incorrect (data|length) check|match checksum/.test(message)) return 'the checksum of the packed data is wrong'
  return `the packed data are damaged (${message})`
}

/** RFC 8878: a frame, or one to be skipped. */
async function beginsFrame(handle: FileHandle, at: number): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, at)
  if (bytesRead < 4) return false
  const magic = buffer.readUInt32LE()
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50
}

/** Zeros fill up blocks of tapes and are no damage. */
async function trailing(handle: FileHandle, from: number, size: number): Promise<string | undefined> {
  const length = Math.min(size - from, TRAILING_BYTES_MAX)
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, from)
  return buffer.every((byte) => byte === 0) && length === size - from
    ? undefined
    : `${size - from} bytes follow the packed data that are none themselves`
}

/** Bytes of whole characters: a surrogate at the end waits for the other one. */
function wholeUnits(text: Buffer, bigEndian: boolean): number {
  const even = text.length - (text.length % 2)
  if (even === 0) return 0
  const high = text[bigEndian ? even - 2 : even - 1] ?? 0
  return high >= 0xd8 && high <= 0xdb ? even - 2 : even
}

/** Offset of a half of a character without the other; `at`: of the text. Undefined: none. */
function loneSurrogate(text: Buffer, at: number): number | undefined {
  const string = text.toString('utf16le')
  if (string.isWellFormed()) return undefined
  for (let index = 0; index < string.length; index++) {
    const unit = string.charCodeAt(index)
    if (unit < 0xd800 || unit > 0xdfff) continue
    const next = string.charCodeAt(index + 1)
    if (unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) index++
    else return at + index * 2
  }
  return undefined
}
