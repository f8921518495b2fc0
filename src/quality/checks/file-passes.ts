/**
 * Passes over one file. A plain file is read where it lies; a packed one, or one of another encoding, passes through a pipe, each
 * time anew. Only the first pass is counted by another reader.
 */

import { PipelineError } from '../../core/errors.ts'
import type { FoundFile } from '../../core/file-set.ts'
import { type FileFeed, openFeed } from '../../file-sets/file-feed.ts'
import { type Prologue, readPrologue } from '../../file-sets/prologue.ts'
import { type ReadStatement, readStatement } from '../../file-sets/read-statement.ts'
import type { RecordCount } from '../../file-sets/record-counter.ts'
import { quotePath } from '../../file-sets/value-cast.ts'
import type { CheckDatabase, CheckSession } from './check-database.ts'
import { type TypedRelation, typedRelation } from './file-relation.ts'
import { isResourceError } from './resource-error.ts'

export interface FilePassesSetting {
  readonly database: CheckDatabase
  /** Absolute, among those that the database may read: for pipes. */
  readonly folder: string
  /** Bytes of the file that have been read. */
  readonly onBytes: (bytes: number) => void
}

export interface PassOptions {
  /** Rows know their number. */
  readonly numbered?: boolean
  /** A session of somebody else's, with tables that are to be there afterwards. */
  readonly session?: CheckSession
  /** As in `ReadRequest`. */
  readonly sound?: ReadonlySet<string>
  /** Records are counted beside. */
  readonly counted?: boolean
  readonly checksum?: boolean
}

export interface OpenPass {
  readonly session: CheckSession
  readonly relation: TypedRelation
  readonly statement: ReadStatement
  /** Runs the statement that reads the file. */
  readonly rows: (sql: string) => Promise<Answer>
  /** When all was read; undefined where nobody counts. */
  readonly count: () => Promise<RecordCount | undefined>
}

export type Answer = { readonly rows: readonly (readonly unknown[])[] } | { readonly failure: string }

/**
 * The counting reader is four times as fast as the one that parses. So far it may be ahead: what it has read is still in the
 * system's memory then, and a file that is larger than that is read from the disk once, and not twice.
 */
const AHEAD_BYTES_MAX = 2 ** 30

/** Names of tables for what cannot be read: each statement needs one that is not there yet. */
let passes = 0

export class FilePasses {
  readonly file: FoundFile
  /** Undefined: Parquet. */
  readonly prologue: Prologue | undefined
  /** Columns of a Parquet file, with their types as DuckDB calls them. */
  readonly parquetColumns: ReadonlyMap<string, string> | undefined
  readonly #setting: FilePassesSetting

  private constructor(
    file: FoundFile,
    setting: FilePassesSetting,
    prologue: Prologue | undefined,
    parquetColumns: ReadonlyMap<string, string> | undefined,
  ) {
    this.file = file
    this.#setting = setting
    this.prologue = prologue
    this.parquetColumns = parquetColumns
  }

  static async open(file: FoundFile, setting: FilePassesSetting, signal: AbortSignal): Promise<FilePasses> {
    if (file.problem !== undefined) throw file.problem
    if (file.set.format.kind === 'delimited') {
      return new FilePasses(file, setting, await readPrologue(file, signal), undefined)
    }
    using session = await setting.database.session(signal)
    const described = await attempt(
      session.rows(`DESCRIBE FROM read_parquet(${quotePath(file.path)}, hive_partitioning = false)`),
      signal,
    )
    const columns = 'rows' in described ? described.rows : []
    return new FilePasses(
      file,
      setting,
      undefined,
      new Map(columns.map(([name, type]) => [String(name), String(type)])),
    )
  }

  /** Offsets that DuckDB gives → those in the text. */
  get offsetShift(): number {
    return this.isPiped ? (this.prologue?.byteOffset ?? 0) : 0
  }

  /** Offsets in the text are those in the unpacked file. */
  get knowsOffsets(): boolean {
    const { format } = this.file.set
    return format.kind === 'delimited' && format.encoding === 'utf-8'
  }

  get isPiped(): boolean {
    const { format } = this.file.set
    if (format.kind === 'parquet') return false
    const isPlain = this.file.compression === 'none' && format.encoding === 'utf-8'
    return !isPlain || !(this.prologue?.beginsWithHeader === true || this.prologue?.hasQuotes === false)
  }

  /** What a pass would read, without reading it. */
  planned(): TypedRelation {
    return typedRelation(this.#statement(undefined, 'planned'), false)
  }

  async pass<T>(options: PassOptions, signal: AbortSignal, work: (pass: OpenPass) => Promise<T>): Promise<T> {
    const { database, folder, onBytes } = this.#setting
    using own = options.session === undefined ? await database.session(signal) : undefined
    const session = own ?? options.session
    if (session === undefined) throw new PipelineError('internal', 'Reading a file without a session')
    const isFed = this.file.set.format.kind === 'delimited' && (this.isPiped || options.counted === true)
    let parsedBytes = 0
    const onParsed = (bytes: number): void => {
      parsedBytes += bytes
      onBytes(bytes)
    }
    // A pipe paces its writer by itself.
    const more = this.isPiped ? { onBytes } : { waitsAt: () => parsedBytes + AHEAD_BYTES_MAX }
    await using feed = isFed
      ? await openFeed(this.file, { folder, checksum: options.checksum ?? false, ...more }, signal)
      : undefined
    const statement = this.#statement(feed, `pass_${++passes}`, options.sound)
    const result = await work({
      session,
      statement,
      relation: typedRelation(statement, options.numbered === true),
      // What comes through a pipe is measured there; of what DuckDB reads by itself it says how far it is.
      rows: async (sql) =>
        this.#shown(
          await (this.isPiped
            ? attempt(session.rows(sql), signal)
            : watched(session, sql, this.file.bytes, onParsed, signal)),
        ),
      count: async () => (options.counted === true ? await feed?.count() : undefined),
    })
    // Who counts has asked.
    if (options.counted !== true && feed?.failure !== undefined) throw feed.failure
    return result
  }

  /** What DuckDB says of a value has the value in it. */
  #shown(answer: Answer): Answer {
    if (!('failure' in answer) || !this.file.set.columns.some(({ sensitive }) => sensitive)) return answer
    return { failure: answer.failure.replace(/(['"]).*\1/s, "'***'").replace(/\(.*\)/s, '(***)') }
  }

  #statement(feed: FileFeed | undefined, rejects: string, sound: ReadonlySet<string> = new Set()): ReadStatement {
    const path = feed?.path ?? this.file.path
    const request = {
      set: this.file.set,
      path,
      prologue: this.prologue,
      rejects,
      sound,
      recordsOnly: feed?.recordsOnly ?? false,
    }
    return readStatement(request, this.parquetColumns)
  }
}

/** That a file cannot be read is a finding; that this machine cannot read it is an error. */
export async function attempt(work: Promise<readonly (readonly unknown[])[]>, signal: AbortSignal): Promise<Answer> {
  try {
    return { rows: await work }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PipelineError) throw error
    if (isResourceError(error)) throw error
    const text = error instanceof Error ? error.message : String(error)
    const [first = text] = text.split('\n')
    return { failure: readingFailure(first) }
  }
}

/** DuckDB's words, but for those that say something of its inside alone. */
function readingFailure(message: string): string {
  const text = message.replace(/^(?:[A-Z]\w* )*Error: /, '').replace(/\.$/, '')
  return /state machine|INTERNAL|csv_scanner/i.test(text)
    ? 'its lines do not end alike, or it is no text in the configured encoding'
    : text
}

/** A query over a file that DuckDB reads by itself, with bytes by its own word. */
async function watched(
  session: CheckSession,
  sql: string,
  bytes: number,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Answer> {
  let told = 0
  const whole = sql.includes('GROUP BY') ? READING_PERCENT : 100
  const timer = setInterval(() => {
    const done = Math.floor(Math.min(1, Math.max(0, session.percent / whole)) * bytes)
    if (done <= told) return
    onBytes(done - told)
    told = done
  }, WATCH_MS)
  try {
    return await attempt(session.rows(sql), signal)
  } finally {
    clearInterval(timer)
    onBytes(bytes - told)
  }
}

const WATCH_MS = 200
/** Where a statement stands when the file is read: DuckDB guesses that its groups are two thirds of the rows, and still to come. */
const READING_PERCENT = 60
