/**
 * The journal: every step of operational state but the records of tables, one line per step, in the order in which the
 * steps were acknowledged. State is what comes of applying them one after the other.
 *
 * A step costs one appended line and one flush, however long the journal is. When most of it is history it is written
 * anew as the shortest journal that leads to the same state, beside the old one, and takes its place by a rename.
 *
 *   appended ──flushed──▶ acknowledged
 *      └──failed──▶ cut off again; where flushing failed nobody knows what is on the disk, so a new journal is written
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from './durable-file.ts'
import { damaged, errnoOf, newerFormat } from './errors.ts'
import { encodeLine } from './journal-line.ts'
import { scanLines } from './journal-scan.ts'

const FORMAT = 1
/** Below it writing anew gains nothing. */
const HISTORY_BYTES_MIN = 1 << 20
const WRITE_BYTES = 1 << 20

interface Header {
  readonly journal: 'simplyload'
  readonly format: number
  /** Number of the line after it. */
  readonly next: number
}

/** What becomes of the steps. */
export interface JournalSink {
  /** Another journal begins: what was applied before counts no more. */
  reset(): void
  apply(step: object, number: number): void
}

const MEND =
  "Put back a copy of the whole folder, or move it away: tables then go on from the destination's checkpoints where the source still has their changes, and are `needs_resync` where not"

/** Follows a journal, also while somebody appends to it. */
export class JournalReader {
  readonly #path: string
  readonly #sink: JournalSink
  /** Which file it is: a journal that was written anew is another one. */
  #inode: bigint | undefined
  #end = 0
  #next = 0

  constructor(path: string, sink: JournalSink) {
    this.#path = path
    this.#sink = sink
  }

  /** Offset behind the last whole line. */
  get end(): number {
    return this.#end
  }

  /** Number of the line that comes next. */
  get next(): number {
    return this.#next
  }

  /** Applies what has been appended since the last time. False: there is no journal. */
  async follow(): Promise<boolean> {
    let file: FileHandle
    try {
      file = await open(this.#path, 'r')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      return false
    }
    try {
      const { ino, size } = await file.stat({ bigint: true })
      const isSame = ino === this.#inode && size >= BigInt(this.#end)
      // A line that was seen may have been cut off again because it could not be flushed, and another one be in its place.
      if (isSame && (await this.#scan(file))) return true
      this.#inode = ino
      this.#end = 0
      this.#next = 0
      this.#sink.reset()
      if (!(await this.#scan(file))) throw damaged(this.#path, `the line at byte ${this.#end} is damaged`, MEND)
      if (this.#end === 0) throw damaged(this.#path, 'it has no beginning', MEND)
      return true
    } finally {
      await file.close()
    }
  }

  async #scan(file: FileHandle): Promise<boolean> {
    const { end, damagedAt } = await scanLines(file, this.#end, (value) => this.#take(value))
    this.#end = end
    return damagedAt === undefined
  }

  #take(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false
    if (this.#next === 0) {
      if (!isHeader(value)) return false
      if (value.format !== FORMAT) throw newerFormat(this.#path, value.format, FORMAT)
      this.#next = value.next
      return true
    }
    if (!('n' in value) || value.n !== this.#next) return false
    this.#next++
    this.#sink.apply(value, this.#next - 1)
    return true
  }
}

function isHeader(value: object): value is Header {
  return 'journal' in value && value.journal === 'simplyload' && 'format' in value && 'next' in value
}

/** The one that appends. Calls must not overlap. */
export class JournalWriter implements AsyncDisposable {
  readonly #path: string
  #file: FileHandle
  #bytes: number
  #next: number
  /** When the journal was last written anew. */
  #shortestBytes: number
  /** Bytes may follow the last acknowledged line. */
  #hasTail = false
  #isSuspect = false

  private constructor(path: string, file: FileHandle, bytes: number, next: number) {
    this.#path = path
    this.#file = file
    this.#bytes = bytes
    this.#next = next
    this.#shortestBytes = bytes
  }

  /** Behind what `reader` has read, which must have been everything; a torn line after it is cut off. */
  static async open(path: string, reader: JournalReader): Promise<JournalWriter> {
    const file = await open(path, 'r+')
    try {
      const { size } = await file.stat()
      if (size > reader.end) {
        await file.truncate(reader.end)
        await file.sync()
      }
      return new JournalWriter(path, file, reader.end, reader.next)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Where there is none. */
  static async create(path: string): Promise<JournalWriter> {
    const { file, bytes, next } = await writeAnew(path, 1, [])
    try {
      await syncFolder(dirname(path))
      return new JournalWriter(path, file, bytes, next)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Number of the last line. */
  get last(): number {
    return this.#next - 1
  }

  /** True where most of it is history, or nobody knows what is on the disk. */
  get needsRewrite(): boolean {
    return this.#isSuspect || this.#bytes > 2 * this.#shortestBytes + HISTORY_BYTES_MIN
  }

  /** True where nothing may be appended before it was written anew. */
  get isSuspect(): boolean {
    return this.#isSuspect
  }

  /** Resolves when the step is on the disk. Where it rejects the step is not in the journal. */
  async append(step: object): Promise<void> {
    const line = encodeLine({ n: this.#next, ...step })
    if (this.#hasTail) await this.#cutTail()
    this.#hasTail = true
    await writeAll(this.#file, line, this.#bytes)
    try {
      await this.#file.datasync()
    } catch (error) {
      // The kernel may have dropped what it could not write, and tells so only once.
      this.#isSuspect = true
      throw error
    }
    this.#hasTail = false
    this.#bytes += line.length
    this.#next++
  }

  /** Puts a journal in its place that has these steps alone. */
  async rewrite(steps: Iterable<object>): Promise<void> {
    const { file, bytes, next } = await writeAnew(this.#path, this.#next, steps)
    const old = this.#file
    this.#file = file
    this.#bytes = bytes
    this.#next = next
    this.#shortestBytes = bytes
    this.#hasTail = false
    // The new one is in its place, but after a loss of power it may be the old one again.
    this.#isSuspect = true
    await old.close()
    await syncFolder(dirname(this.#path))
    this.#isSuspect = false
  }

  /** Writing anew did not work; it is not tried again before the journal has grown. */
  postponeRewrite(): void {
    this.#shortestBytes = this.#bytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }

  async #cutTail(): Promise<void> {
    await this.#file.truncate(this.#bytes)
    this.#hasTail = false
  }
}

/** In its place when it resolves, but the folder is not flushed yet. */
async function writeAnew(
  path: string,
  first: number,
  steps: Iterable<object>,
): Promise<{ readonly file: FileHandle; readonly bytes: number; readonly next: number }> {
  const temporary = `${path}.tmp`
  const file = await open(temporary, 'w+')
  try {
    const header: Header = { journal: 'simplyload', format: FORMAT, next: first }
    let pending = [encodeLine(header)]
    let pendingBytes = pending[0]?.length ?? 0
    let bytes = 0
    let next = first
    const flush = async (): Promise<void> => {
      await writeAll(file, Buffer.concat(pending), bytes)
      bytes += pendingBytes
      pending = []
      pendingBytes = 0
    }
    for (const step of steps) {
      const line = encodeLine({ n: next++, ...step })
      pending.push(line)
      pendingBytes += line.length
      if (pendingBytes >= WRITE_BYTES) await flush()
    }
    await flush()
    await file.sync()
    await rename(temporary, path)
    return { file, bytes, next }
  } catch (error) {
    await file.close()
    // On a full disk it would be in the way of the next attempt.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at + written)
    written += bytesWritten
  }
}
