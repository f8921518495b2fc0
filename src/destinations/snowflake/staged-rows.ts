/**
 * Stage files of one table, loaded into a table of their own: what is merged from.
 *
 * Its columns, in terms of the table's layout:
 * - `code`: as `warehouse/change-code.ts` describes. NULL for rows that are quarantined whole.
 * - `pos`: the position; never NULL, never before the position from which the flush counts.
 * - `unchanged`, `quarantine`, `content_hash`: the system columns.
 * - `committed`: when it was committed, in microseconds since 1970; where the file does not say, when it was staged. Only for
 *   tables that keep every change or version.
 * - `k1`, `k2`, …: the key; `o1`, …: the key before the change; only for identity `key`.
 * - `v0`, `v1`, …: the values for the columns of `dataColumns(layout)`, as their types.
 * - `w0`, `w1`, …: for JSON columns, the text of a value that Snowflake refused, and whose `v` is NULL.
 *
 * The table is made anew for each flush, so COPY has no memory of files to be in the way: what is in it is what was
 * selected, whether an earlier reply was lost or the files are older than the 64 days for which Snowflake remembers. It is
 * the session's own: a process that lost its lease and does not know it yet would otherwise write into it too, and loading
 * takes no lease. And nothing of it stays when the session ends.
 */
import type { BatchFeatures, SYSTEM_COLUMNS } from '../../core/batch.ts'
import type { Position } from '../../core/position.ts'
import type { StageFile } from '../../core/stage.ts'
import { stageFileError } from '../../core/stage-file-error.ts'
import { type TableSchema, tableName } from '../../core/table-schema.ts'
import {
  DELETE,
  INSERT,
  MOVE_IN,
  PARTIAL_MOVE_IN,
  PARTIAL_UPDATE,
  TRUNCATE,
  UPDATE,
} from '../../warehouse/change-code.ts'
import { dataColumns, identityColumns, type TableLayout, writeModeOf } from '../../warehouse/table-layout.ts'
import { sharesPositions, totalFeatures } from '../../warehouse/total-features.ts'
import { quoteLiteral } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'
import { timestampLiteral } from './sql-time.ts'
import type { StageFiles } from './stage-files.ts'
import {
  byFile,
  COMMITTED_AT,
  type FileColumns,
  oldKeySql,
  ROW_NUMBER,
  shapeOf,
  stagedType,
  systemColumn,
  valueSql,
} from './staged-columns.ts'
import { METADATA_SCHEMA } from './table-names.ts'

export interface StagedRows {
  /** What stands for it after FROM. */
  readonly table: string
  readonly layout: TableLayout
  /** The newest schema among the files. */
  readonly schema: TableSchema
  /** As they lie on the stage, in order; the number of a file in `code` is its place here. */
  readonly files: readonly StageFile[]
  readonly features: BatchFeatures
  /** All rows of some file have one position. */
  readonly sharesPositions: boolean
  /** Rows in the files, those that are left out included. */
  readonly rows: number
}

export interface StagingRequest {
  readonly files: readonly StageFile[]
  readonly layout: TableLayout
  readonly schema: TableSchema
  /** Rows before this position are left out. */
  readonly from: Position | undefined
  /** Different for each staging table that one session has at the same time. */
  readonly name: string
}

/** One statement takes at most so many names. */
const FILES_MAX = 1000

const PARQUET = 'FILE_FORMAT = (TYPE = PARQUET USE_VECTORIZED_SCANNER = TRUE)'

export async function loadStaged(
  session: SnowflakeSession,
  stage: StageFiles,
  request: StagingRequest,
): Promise<StagedRows> {
  const { layout, schema } = request
  const files = stage.uploaded(request.files)
  const staging = new Staging(stage, { ...request, files })
  session.phase('copy', tableName(schema.table))
  await session.run(staging.createSql())
  for (const run of runsOf(files)) await copyFiles(session, stage, run.files, staging.copySql(run.files, run.first))
  const rows = files.reduce((sum, file) => sum + file.rows, 0)
  return {
    table: staging.relationSql(),
    layout,
    schema,
    files,
    features: totalFeatures(files),
    // Small files may have been joined.
    sharesPositions: sharesPositions(request.files),
    rows,
  }
}

/** What is large and of no further use; the rest goes with the session. */
export async function dropStaged(session: SnowflakeSession, name: string): Promise<void> {
  await session.run(`DROP TABLE IF EXISTS ${stagingTable(name)}`)
}

function stagingTable(name: string): string {
  return `${METADATA_SCHEMA}.staged_${name}`
}

/** Files that one COPY loads: read alike, one after the other. */
export function runsOf(files: readonly StageFile[]): readonly { first: number; files: readonly StageFile[] }[] {
  const runs: { first: number; shape: string; files: StageFile[] }[] = []
  for (const [index, file] of files.entries()) {
    const shape = shapeOf(file)
    const last = runs.at(-1)
    if (last !== undefined && last.shape === shape && last.files.length < FILES_MAX) last.files.push(file)
    else runs.push({ first: index, shape, files: [file] })
  }
  return runs
}

/** Throws `stage_file_damaged` where not all rows that were written were loaded. Returns how many were. */
export async function copyFiles(
  session: SnowflakeSession,
  stage: StageFiles,
  files: readonly StageFile[],
  sql: string,
): Promise<number> {
  const answers = await session.rows(sql)
  const loaded = new Map(answers.map((row) => [String(row.file).split('/').at(-1), Number(row.rows_loaded)]))
  let rows = 0
  for (const file of files) {
    const count = loaded.get(stage.pathOf(file).split('/').at(-1)) ?? 0
    if (count !== file.rows) {
      const cause = new Error(`${count} of its rows were loaded, and ${file.rows} were written`)
      throw stageFileError('stage_file_damaged', file, cause)
    }
    rows += count
  }
  return rows
}

/** `into`: table and columns. `selected`: what they are filled with. */
export function copySql(
  into: string,
  selected: readonly string[],
  stage: StageFiles,
  files: readonly StageFile[],
): string {
  const [first] = files
  if (first === undefined) throw new Error('Nothing is copied of no files')
  const names = files.map((file) => quoteLiteral(stage.pathOf(file)))
  return `COPY INTO ${into} FROM (SELECT ${selected.join(', ')} FROM ${stage.urlOf(first)}/)
    FILES = (${names.join(', ')}) ${PARQUET} ON_ERROR = ABORT_STATEMENT FORCE = TRUE`
}

class Staging {
  readonly #stage: StageFiles
  readonly #request: StagingRequest
  readonly #columns: FileColumns
  readonly #features: BatchFeatures
  readonly #table: string

  constructor(stage: StageFiles, request: StagingRequest) {
    this.#stage = stage
    this.#request = request
    this.#columns = { layout: request.layout, schema: request.schema, parseJson: false }
    this.#features = totalFeatures(request.files)
    this.#table = stagingTable(request.name)
  }

  get #keys() {
    const { layout } = this.#request
    return layout.identity.kind === 'key' ? identityColumns(layout) : []
  }

  get #hasOldKeys(): boolean {
    return this.#features.keyChanges > 0
  }

  get #isDated(): boolean {
    return writeModeOf(this.#request.layout) !== 'merge'
  }

  createSql(): string {
    const typed = this.#selected(this.#request.files.slice(0, 1), 0).map(({ name, type }) => `${name} ${type}`)
    return `CREATE OR REPLACE TEMPORARY TABLE ${this.#table} (${typed.join(', ')})`
  }

  copySql(files: readonly StageFile[], first: number): string {
    const selected = this.#selected(files, first)
    const names = selected.map(({ name }) => name).join(', ')
    const values = selected.map(({ value }) => value)
    return copySql(`${this.#table} (${names})`, values, this.#stage, files)
  }

  relationSql(): string {
    const { layout, from, files } = this.#request
    const data = dataColumns(layout)
    const json = (index: number) => data[index]?.type.kind === 'json'
    const columns = [
      `CAST((file_number * 4294967296 + row_number) * 8 + ${this.#kindSql()} AS NUMBER(19,0)) AS code`,
      'pos',
      'unchanged',
      'quarantine',
      'content_hash',
      ...(this.#isDated ? ['COALESCE(DATE_PART(EPOCH_MICROSECOND, committed_at), staged_us) AS committed'] : []),
      ...this.#keys.flatMap((key, index) => {
        const now = `v${data.indexOf(key)}`
        return [
          `${now} AS k${index + 1}`,
          `${this.#hasOldKeys ? `COALESCE(o${index + 1}, ${now})` : now} AS o${index + 1}`,
        ]
      }),
      ...data.flatMap((_, index) =>
        json(index)
          ? [
              `TRY_PARSE_JSON(v${index}) AS v${index}`,
              `CASE WHEN TRY_PARSE_JSON(v${index}) IS NULL THEN v${index} END AS w${index}`,
            ]
          : [`v${index}`],
      ),
    ]
    const bound = from === undefined ? '' : boundSql(files, from)
    return `(SELECT ${columns.join(', ')} FROM ${this.#table} WHERE pos IS NOT NULL${bound})`
  }

  /** Name, type and value of the staging table's columns; `file`: of those that are read alike. */
  #selected(files: readonly StageFile[], first: number) {
    const [file] = files
    if (file === undefined) throw new Error('Nothing is staged of no files')
    const column = (name: string, type: string, value: string) => ({ name, type, value })
    const text = (name: keyof typeof SYSTEM_COLUMNS, as: string) => column(as, 'VARCHAR', systemColumn(name))
    const byPath = (value: (each: StageFile, index: number) => string) =>
      byFile(files, (each) => this.#stage.pathOf(each), value)
    const isSnapshot = file.kind === 'snapshot'
    return [
      column(
        'file_number',
        'NUMBER(10,0)',
        byPath((_, index) => String(first + index)),
      ),
      column('row_number', 'NUMBER(19,0)', ROW_NUMBER),
      text('op', 'op'),
      isSnapshot ? column('pos', 'VARCHAR', quoteLiteral(file.firstPosition)) : text('position', 'pos'),
      text('unchanged', 'unchanged'),
      text('quarantine', 'quarantine'),
      text('contentHash', 'content_hash'),
      ...(this.#isDated
        ? [
            column('committed_at', 'TIMESTAMP_TZ(6)', COMMITTED_AT),
            column(
              'staged_us',
              'NUMBER(19,0)',
              byPath((each) => String(Math.round(each.stagedMs * 1000))),
            ),
          ]
        : []),
      ...(this.#hasOldKeys
        ? this.#keys.map((key, index) =>
            column(`o${index + 1}`, stagedType(key, false), oldKeySql(file, this.#columns, key)),
          )
        : []),
      ...dataColumns(this.#request.layout).map((each, index) =>
        column(`v${index}`, stagedType(each, false), valueSql(file, this.#columns, each)),
      ),
    ]
  }

  /** NULL for `q`: a row that is quarantined whole. A file without the column has inserts only. */
  #kindSql(): string {
    const { updates, deletes, truncates, quarantinedRows, partialRows } = this.#features
    if (updates + deletes + truncates + quarantinedRows === 0) return String(INSERT)
    const either = (partial: number, whole: number) =>
      partialRows === 0 ? String(whole) : `CASE WHEN unchanged IS NOT NULL THEN ${partial} ELSE ${whole} END`
    const update = either(PARTIAL_UPDATE, UPDATE)
    const data = dataColumns(this.#request.layout)
    const moved = this.#keys.map((key, index) => {
      const [old, now] = [`o${index + 1}`, `v${data.indexOf(key)}`]
      return `(${old} IS NOT NULL AND ${old} IS DISTINCT FROM ${now})`
    })
    const updated = this.#hasOldKeys
      ? `CASE WHEN ${moved.join(' OR ')} THEN ${either(PARTIAL_MOVE_IN, MOVE_IN)} ELSE ${update} END`
      : update
    return `CASE COALESCE(op, 'i') WHEN 'i' THEN ${INSERT} WHEN 'u' THEN ${updated} WHEN 'd' THEN ${DELETE} WHEN 't' THEN ${TRUNCATE} END`
  }
}

/** Rows of snapshots are as of one boundary, whichever it is. */
function boundSql(files: readonly StageFile[], from: Position): string {
  if (!files.some((file) => file.kind === 'changes' && file.firstPosition < from)) return ''
  const snapshots = files.flatMap((file, index) => (file.kind === 'snapshot' ? [index] : []))
  const later = `pos >= ${quoteLiteral(from)}`
  return snapshots.length === 0 ? ` AND ${later}` : ` AND (${later} OR file_number IN (${snapshots.join(', ')}))`
}

/** When the row was committed, or its file staged. Selected by a COPY, which does not list COALESCE among its functions. */
export function committedSql(files: readonly StageFile[], pathOf: (file: StageFile) => string): string {
  return `NVL(${COMMITTED_AT}, ${byFile(files, pathOf, (file) => timestampLiteral(file.stagedMs))})`
}
