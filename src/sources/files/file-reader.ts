/**
 * Reads files into stage files. A part of a delimited file is parsed and written by one statement of DuckDB; what of it cannot
 * be read goes into quarantine, and records that came out are held against those that were counted by another reader.
 *
 * All rows of a part have one position: which of two rows of one key is the later one is told by their order in the file,
 * which is kept where a set has a key.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { dataColumn, type FileBatch, NO_FEATURES, SYSTEM_COLUMNS } from '../../core/batch.ts'
import { PipelineError } from '../../core/errors.ts'
import type { FoundFile } from '../../core/file-set.ts'
import { position } from '../../core/position.ts'
import type { StageCompression } from '../../core/stage.ts'
import type { ValueLimits } from '../../core/value-limits.ts'
import { changeOf } from '../../file-sets/file-fingerprint.ts'
import { quotePath } from '../../file-sets/value-cast.ts'
import { ahead } from './ahead.ts'
import { cutFile, type FilePart, type PartStart } from './file-parts.ts'
import type { FollowedSet } from './file-table.ts'
import { hidesRowNumber, type PartStatement, partStatement } from './part-statement.ts'
import { type ReaderLimits, ReaderSession } from './reader-session.ts'
import { type RowGroup, rowGroupParts } from './row-groups.ts'
import { scratchError } from './scratch.ts'

export interface FileReaderOptions extends ReaderLimits {
  /** What the destination holds of values; undefined: everything that a column type allows. */
  readonly limits?: ValueLimits | undefined
  /** Of what a plain or unpacked file is cut into. */
  readonly partBytes?: number | undefined
  /** Of stage files. Absent: `full`. */
  readonly compression?: StageCompression | undefined
}

/** Half a second of parsing, and a stage file of the size that Snowflake asks for: text shrinks to a third or less. */
const PART_BYTES = 256 * 2 ** 20
/**
 * A dictionary is made of what repeats; left alone, DuckDB gives it up after 24,576 values of a row group only, which is a twentieth of
 * the time of a part. What DuckDB alone reads, once, is of Parquet's second version, which takes a tenth less time, and has no filters.
 */
const FORMATS: Readonly<Record<StageCompression, string>> = {
  full: 'FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 4000',
  light: 'FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 4000, WRITE_BLOOM_FILTER false',
}

export interface WriteRequest {
  readonly table: FollowedSet
  readonly file: FoundFile
  readonly generation: number
  readonly lsn: bigint
  readonly signal: AbortSignal
}

export interface WrittenPart {
  readonly batches: readonly FileBatch[]
  /** In the table, those of which values are in quarantine included. */
  readonly rows: number
  readonly quarantined: number
}

export class FileReader implements AsyncDisposable {
  readonly #options: FileReaderOptions
  readonly #session: ReaderSession
  /** Of these files parts had something to put aside: the fast way is not tried again. */
  readonly #dirty = new Set<string>()

  constructor(options: FileReaderOptions) {
    this.#options = options
    this.#session = new ReaderSession(options)
  }

  /** The parts of a file from `start` on, each cut while the one before is written. */
  async *read(file: FoundFile, start: PartStart, signal: AbortSignal): AsyncGenerator<FilePart> {
    await this.#session.open()
    const { scratch, partBytes = PART_BYTES } = this.#options
    if (file.set.format.kind === 'parquet') {
      return yield* rowGroupParts(file, await this.#rowGroups(file, signal), start, partBytes)
    }
    for await (const part of ahead(cutFile(file, start, { scratch, partBytes }, signal))) {
      try {
        yield part
      } finally {
        await part.release()
      }
    }
  }

  /** Throws `source_file` where the file changes meanwhile. */
  async write(part: FilePart, request: WriteRequest): Promise<WrittenPart> {
    const written = await this.#write(part, request)
    try {
      await requireUnchanged(request.file)
      return written
    } catch (error) {
      await this.discard(written.batches)
      throw error
    }
  }

  /** What was written and is not wanted any more. */
  async discard(batches: readonly FileBatch[]): Promise<void> {
    for (const { file } of batches) await rm(file, { force: true })
  }

  async #write(part: FilePart, request: WriteRequest): Promise<WrittenPart> {
    const { table, file, signal } = request
    const stored = part.prologue === undefined ? await this.#storedTypes(part.path, signal) : undefined
    const statement = partStatement(part, file, table.schema, this.#options.limits, stored)
    const keepsOrder = table.schema.identity.kind === 'key'
    await this.#session.run(`SET preserve_insertion_order = ${keepsOrder}`, signal)
    const path = join(this.#options.scratch, `${randomUUID()}.parquet`)
    try {
      const written = await this.#writeRows(path, statement, request)
      const rejected = await this.#rejected(statement, signal)
      const records = written.rows + rejected
      if (records !== part.records) throw miscounted(file, part, records)
      if (table.set.write === 'replace') await this.#requirePeriod(path, table, file, signal)
      const batches: FileBatch[] = written.rows === 0 ? [] : [this.#batch(path, written, request, 1)]
      if (written.rows === 0) await rm(path, { force: true })
      if (rejected > 0) batches.push(await this.#writeRejected(statement, rejected, request))
      return { batches, rows: written.rows - written.whole, quarantined: written.quarantined + rejected }
    } catch (error) {
      signal.throwIfAborted()
      throw readingError(error, file, path)
    } finally {
      for (const sql of statement.cleanUp) await this.#session.run(sql, signal).catch(() => undefined)
    }
  }

  /** Between two streams nothing is held. */
  async rest(): Promise<void> {
    this.#session.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.close()
  }

  /** First as if all were well; where something is not, again with what is put aside. */
  async #writeRows(path: string, statement: PartStatement, { table, file, generation, lsn, signal }: WriteRequest) {
    // A row with a key may be there already, and its key may come again: it is put, not added.
    const operation = isPut(table) ? 'u' : 'i'
    const putting = isPut(table) ? [`'u' AS ${SYSTEM_COLUMNS.op}`] : []
    const at = `'${position(generation, lsn, 1)}' AS ${SYSTEM_COLUMNS.position}`
    if (!this.#dirty.has(file.name)) {
      try {
        const columns = statement.columns.map(({ id, strict }) => `${strict} AS ${dataColumn(id)}`)
        const select = `SELECT ${[...putting, at, ...columns].join(', ')} FROM ${statement.relation}`
        const rows = await this.#copy(select, path, signal)
        return { rows, whole: 0, quarantined: 0 }
      } catch (error) {
        if (!statement.isRefusal(error)) throw error
        this.#dirty.add(file.name)
        for (const sql of statement.cleanUp) await this.#session.run(sql, signal)
      }
    }
    const columns = statement.columns.map(({ id, value }) => `${value} AS ${dataColumn(id)}`)
    const own = [
      `CASE WHEN ${statement.isBadRow} THEN 'q' ELSE '${operation}' END AS ${SYSTEM_COLUMNS.op}`,
      at,
      `${statement.quarantine} AS ${SYSTEM_COLUMNS.quarantine}`,
    ]
    const rows = await this.#copy(`SELECT ${[...own, ...columns].join(', ')} FROM ${statement.relation}`, path, signal)
    const [counts] = await this.#session.rows(
      `SELECT count(*) FILTER (${SYSTEM_COLUMNS.op} = 'q') AS whole, count(${SYSTEM_COLUMNS.quarantine}) AS quarantined
       FROM read_parquet('${sqlText(path)}')`,
      signal,
    )
    return { rows, whole: Number(counts?.whole), quarantined: Number(counts?.quarantined) }
  }

  #copy(select: string, path: string, signal: AbortSignal): Promise<number> {
    const format = FORMATS[this.#options.compression ?? 'full']
    return this.#session.run(`COPY (${select}) TO '${sqlText(path)}' (${format})`, signal)
  }

  async #rejected({ countRejects }: PartStatement, signal: AbortSignal): Promise<number> {
    if (countRejects === undefined) return 0
    const [row] = await this.#session.rows(countRejects, signal)
    return Number(row?.count ?? 0)
  }

  /** Records that do not have the columns of the set: in quarantine whole, in a file of their own. */
  async #writeRejected({ selectRejects }: PartStatement, rows: number, request: WriteRequest): Promise<FileBatch> {
    const { generation, lsn, signal } = request
    const path = join(this.#options.scratch, `${randomUUID()}.parquet`)
    const at = `'${position(generation, lsn, 2)}' AS ${SYSTEM_COLUMNS.position}`
    const select = `SELECT 'q' AS ${SYSTEM_COLUMNS.op}, ${at}, quarantine AS ${SYSTEM_COLUMNS.quarantine} FROM (${selectRejects})`
    const written = await this.#copy(select, path, signal)
    return this.#batch(path, { rows: written, whole: rows, quarantined: rows }, request, 2)
  }

  /** Those of a file that cannot be cut are told as one. */
  async #rowGroups(file: FoundFile, signal: AbortSignal): Promise<readonly RowGroup[]> {
    try {
      const group = hidesRowNumber(await this.#storedTypes(file.path, signal)) ? "'whole'" : 'row_group_id'
      const rows = await this.#session.rows(
        `SELECT sum(rows)::BIGINT AS rows, sum(packed)::BIGINT AS packed, sum(unpacked)::BIGINT AS unpacked FROM
           (SELECT row_group_id, any_value(row_group_num_rows) AS rows, sum(total_compressed_size) AS packed,
              sum(total_uncompressed_size) AS unpacked FROM parquet_metadata(${quotePath(file.path)}) GROUP BY row_group_id)
         GROUP BY ${group} ORDER BY min(row_group_id)`,
        signal,
      )
      return rows.map((row) => ({
        rows: Number(row.rows),
        packedBytes: Number(row.packed),
        unpackedBytes: Number(row.unpacked),
      }))
    } catch (error) {
      signal.throwIfAborted()
      throw readingError(error, file, file.path)
    }
  }

  /** Of a Parquet file: name → type as DuckDB calls it. */
  async #storedTypes(path: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#session.rows(
      `DESCRIBE SELECT * FROM read_parquet(${quotePath(path)}, hive_partitioning = false)`,
      signal,
    )
    return new Map(rows.map((row) => [String(row.column_name), String(row.column_type)]))
  }

  /** Rows outside would stay when the period is replaced again. */
  async #requirePeriod(
    path: string,
    table: FollowedSet,
    { name, period }: FoundFile,
    signal: AbortSignal,
  ): Promise<void> {
    const column = dataColumn(table.requireDateColumn().id)
    const isData = `${SYSTEM_COLUMNS.op} <> 'q'`
    const hasOp = this.#dirty.has(name)
    if (period === undefined) return
    const day = (of: number) => `DATE '1970-01-01' + ${of}`
    const [row] = await this.#session.rows(
      `SELECT count(*) AS count FROM read_parquet('${sqlText(path)}') WHERE ${hasOp ? `${isData} AND ` : ''}
       NOT coalesce(${column} >= ${day(period.from)} AND ${column} < ${day(period.through + 1)}, false)`,
      signal,
    )
    const count = Number(row?.count)
    if (count === 0) return
    throw new PipelineError('source_file', `Loading ${name}`, {
      cause: new Error(`${count} of its rows are not of ${period.name}, the period that it replaces`),
      hint: `simplyload files check ${name} says which`,
      context: { table: table.name, file: name },
    })
  }

  #batch(
    path: string,
    { rows, whole, quarantined }: { readonly rows: number; readonly whole: number; readonly quarantined: number },
    { table, generation, lsn }: WriteRequest,
    ordinal: number,
  ): FileBatch {
    const at = position(generation, lsn, ordinal)
    const updates = isPut(table) ? rows - whole : 0
    const features = { ...NO_FEATURES, updates, quarantinedRows: quarantined }
    return { kind: 'file', schema: table.schema, file: path, rows, features, firstPosition: at, lastPosition: at }
  }
}

function isPut({ schema }: FollowedSet): boolean {
  return schema.identity.kind === 'key'
}

async function requireUnchanged(file: FoundFile): Promise<void> {
  const change = await changeOf(file)
  if (change === undefined) return
  throw new PipelineError('source_file', `Reading ${file.name}`, {
    cause: new Error(`it changed while it was read: ${change}`),
    hint: 'Load it once whoever writes it is done; writing under another name and renaming it then keeps it from being found before',
    context: { file: file.name },
  })
}

function miscounted(file: FoundFile, part: FilePart, records: number): PipelineError {
  return new PipelineError('source_file', `Reading ${file.name}`, {
    cause: new Error(`${records} records were read from line ${part.line} on, and ${part.records} were counted there`),
    hint: `simplyload files check ${file.name} says more; nothing of this part was loaded`,
    context: { file: file.name },
  })
}

/** Without values: DuckDB quotes them. */
function readingError(error: unknown, file: FoundFile, path: string): unknown {
  if (error instanceof PipelineError) return error
  const translated = scratchError(error, path)
  if (translated !== error) return translated
  const text = error instanceof Error ? error.message : String(error)
  const [beginning = ''] = text.split(/["'\n]|Input:|value /)
  return new PipelineError('source_file', `Reading ${file.name}`, {
    cause: new Error(beginning.trim()),
    hint: `simplyload files check ${file.name} says more`,
    context: { file: file.name },
  })
}

function sqlText(text: string): string {
  return text.replaceAll("'", "''")
}
