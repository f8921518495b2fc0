/** What bad rows are kept in: lines of text that any program reads, or Parquet with types. Neither is there before it is whole. */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DuckDBAppender } from '@duckdb/node-api'
import type { BadRowsFormat } from '../../core/file-commands.ts'
import { quotePath } from '../../file-sets/value-cast.ts'
import type { CheckDatabase, CheckSession } from './check-database.ts'

export interface BadRow {
  readonly line: number
  /** Undefined: not known. */
  readonly byteOffset: number | undefined
  readonly reason: string
  readonly record: string
}

export interface BadRowFile extends AsyncDisposable {
  /** Enough is held for a write to be worth it. */
  readonly isFull: boolean
  add(row: BadRow): void
  flush(): Promise<void>
  /** From here on it is there. */
  finish(): Promise<void>
}

export interface BadRowPlace {
  /** Absolute. */
  readonly path: string
  readonly format: BadRowsFormat
  readonly database: CheckDatabase
  /** Absolute, on the same disk, where the database may write. */
  readonly scratch: string
}

export async function openBadRowFile(
  { path, format, database, scratch }: BadRowPlace,
  signal: AbortSignal,
): Promise<BadRowFile> {
  await mkdir(dirname(path), { recursive: true })
  if (format === 'parquet') return await ParquetRows.open(path, await database.session(signal), scratch)
  return await TextRows.open(path)
}

const WRITE_BYTES = 1 << 20

/** TSV as PostgreSQL and DuckDB write it for values with tabs and line ends: quoted, quotes doubled. */
class TextRows implements BadRowFile {
  readonly #path: string
  readonly #handle: FileHandle
  #parts: string[] = ['line\tbyte_offset\treason\trecord\n']
  #length = 0
  #isFinished = false

  private constructor(path: string, handle: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  static async open(path: string): Promise<TextRows> {
    return new TextRows(path, await open(temporaryOf(path), 'w', 0o600))
  }

  get isFull(): boolean {
    return this.#length >= WRITE_BYTES
  }

  add({ line, byteOffset, reason, record }: BadRow): void {
    const values = [String(line), byteOffset === undefined ? '' : String(byteOffset), reason, record]
    const text = `${values.map((value) => (/[\t\n\r"]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join('\t')}\n`
    this.#parts.push(text)
    this.#length += text.length
  }

  async flush(): Promise<void> {
    const text = this.#parts.join('')
    this.#parts = []
    this.#length = 0
    if (text !== '') await this.#handle.appendFile(text)
  }

  async finish(): Promise<void> {
    await this.flush()
    await this.#handle.sync()
    await this.#handle.close()
    await rename(temporaryOf(this.#path), this.#path)
    this.#isFinished = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFinished) return
    await this.#handle.close()
    await rm(temporaryOf(this.#path), { force: true })
  }
}

/** Rows wait in a table of the database that checks, which goes to the disk where memory is full. */
class ParquetRows implements BadRowFile {
  readonly isFull = false
  readonly #path: string
  readonly #session: CheckSession
  readonly #appender: DuckDBAppender
  readonly #written: string

  private constructor(path: string, session: CheckSession, appender: DuckDBAppender, written: string) {
    this.#path = path
    this.#session = session
    this.#appender = appender
    this.#written = written
  }

  static async open(path: string, session: CheckSession, scratch: string): Promise<ParquetRows> {
    await session.run('CREATE TEMP TABLE bad_rows (line BIGINT, byte_offset BIGINT, reason VARCHAR, record VARCHAR)')
    const appender = await session.appender('bad_rows')
    return new ParquetRows(path, session, appender, `${scratch}/${process.pid}-${++files}.bad.parquet`)
  }

  add({ line, byteOffset, reason, record }: BadRow): void {
    this.#appender.appendBigInt(BigInt(line))
    if (byteOffset === undefined) this.#appender.appendNull()
    else this.#appender.appendBigInt(BigInt(byteOffset))
    this.#appender.appendVarchar(reason)
    this.#appender.appendVarchar(record)
    this.#appender.endRow()
  }

  async flush(): Promise<void> {
    this.#appender.flushSync()
  }

  async finish(): Promise<void> {
    this.#appender.closeSync()
    await this.#session.run(
      `COPY (FROM bad_rows ORDER BY rowid) TO ${quotePath(this.#written)} (FORMAT parquet, COMPRESSION zstd)`,
    )
    {
      await using handle = await open(this.#written, 'r+')
      await handle.chmod(0o600)
      await handle.sync()
    }
    await rename(this.#written, this.#path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session[Symbol.dispose]()
    await rm(this.#written, { force: true })
  }
}

/** Files of one process must not meet. */
let files = 0

function temporaryOf(path: string): string {
  return `${path}.${process.pid}.tmp`
}
