/**
 * Stage files made from plain rows by DuckDB's own Parquet writer, so that a destination is tested without the writer of
 * the product. Values are text in the form that DuckDB casts to the column's type; null is NULL.
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import {
  type BatchFeatures,
  dataColumn,
  type Operation,
  oldKeyColumn,
  type QuarantinedValue,
  SYSTEM_COLUMNS,
} from '../../src/core/batch.ts'
import type { Position } from '../../src/core/position.ts'
import type { StageFile } from '../../src/core/stage.ts'
import type { ColumnType, TableSchema } from '../../src/core/table-schema.ts'

export type RowValues = Readonly<Record<number, string | null>>

export interface ChangeRow {
  readonly op: Operation
  /** Absent: the row belongs to an aborted subtransaction. */
  readonly position: Position | undefined
  readonly values?: RowValues
  /** The key before the change, by column id. */
  readonly oldKey?: RowValues
  readonly unchanged?: readonly number[]
  readonly quarantine?: readonly QuarantinedValue[]
  readonly contentHash?: string
  /** When it was committed. Microseconds since 1970. */
  readonly committedUs?: number
}

export interface SnapshotRow {
  readonly values: RowValues
  readonly quarantine?: readonly QuarantinedValue[]
  readonly contentHash?: string
  /** The row is quarantined whole. */
  readonly whole?: boolean
}

/** One that only writes files, for all: making one takes longer than most tests write. */
let writing: Promise<DuckDBInstance> | undefined

export class StageRows {
  readonly folder: string
  readonly #connection: DuckDBConnection
  #files = 0

  private constructor(folder: string, connection: DuckDBConnection) {
    this.folder = folder
    this.#connection = connection
  }

  static async open(folder: string): Promise<StageRows> {
    writing ??= DuckDBInstance.create(':memory:', { threads: '1' })
    return new StageRows(folder, await (await writing).connect())
  }

  location(path: string): string {
    return join(this.folder, path)
  }

  close(): void {
    this.#connection.closeSync()
  }

  /** Rows with `op` `p`, of which the values have the column with this id. */
  async removal(schema: TableSchema, columnId: number, rows: readonly ChangeRow[]): Promise<StageFile> {
    const file = await this.changes(schema, rows)
    return { ...file, features: { ...file.features, removal: { columnId, days: rows.length } } }
  }

  async changes(schema: TableSchema, rows: readonly ChangeRow[]): Promise<StageFile> {
    const positions = rows.flatMap((row) => row.position ?? [])
    const [first] = positions
    const last = positions.at(-1)
    if (first === undefined || last === undefined) throw new Error('A stage file has at least one change')
    const path = await this.#write(schema, rows, true)
    return this.#file(schema, path, 'changes', rows, first, last)
  }

  /** `takenUs`: when the snapshot was taken. Microseconds since 1970. */
  async snapshot(
    schema: TableSchema,
    position: Position,
    rows: readonly SnapshotRow[],
    takenUs?: number,
  ): Promise<StageFile> {
    const taken = takenUs === undefined ? {} : { committedUs: takenUs }
    const changes = rows.map((row) => ({
      ...row,
      ...taken,
      op: row.whole === true ? ('q' as const) : ('i' as const),
      position,
    }))
    const path = await this.#write(schema, changes, false)
    return this.#file(schema, path, 'snapshot', changes, position, position)
  }

  /** Any Parquet file, for what only DuckDB or only a large table can show. `select` names stage columns. */
  async query(file: Omit<StageFile, 'path' | 'bytes' | 'batchId' | 'stagedMs'>, select: string): Promise<StageFile> {
    const path = this.#nextPath(file.schema)
    await this.#copy(path, select)
    const bytes = statSync(this.location(path)).size
    return { ...file, path, bytes, batchId: `b${this.#files}`, stagedMs: 0 }
  }

  #file(
    schema: TableSchema,
    path: string,
    kind: StageFile['kind'],
    rows: readonly ChangeRow[],
    firstPosition: Position,
    lastPosition: Position,
  ): StageFile {
    const bytes = statSync(this.location(path)).size
    const batchId = `b${this.#files}`
    const features = featuresOf(rows)
    return { batchId, path, bytes, rows: rows.length, schema, kind, firstPosition, lastPosition, features, stagedMs: 0 }
  }

  #nextPath(schema: TableSchema): string {
    const path = `default/shop/${schema.table.namespace}.${schema.table.name}/2026112010/b${++this.#files}.parquet`
    mkdirSync(dirname(this.location(path)), { recursive: true })
    return path
  }

  async #write(schema: TableSchema, rows: readonly ChangeRow[], isChanges: boolean): Promise<string> {
    const keyIds = schema.identity.kind === 'key' ? schema.identity.columnIds : []
    const columns: [name: string, type: string, value: (row: ChangeRow) => string | null][] = []
    // Each system column only when the batch needs it.
    const add = (name: string, isNeeded: boolean, value: (row: ChangeRow) => string | null) => {
      if (isNeeded) columns.push([name, 'VARCHAR', value])
    }
    add(
      SYSTEM_COLUMNS.op,
      rows.some((row) => row.op !== 'i'),
      (row) => row.op,
    )
    add(SYSTEM_COLUMNS.position, isChanges, (row) => row.position ?? null)
    add(
      SYSTEM_COLUMNS.unchanged,
      rows.some((row) => row.unchanged !== undefined),
      (row) => (row.unchanged === undefined ? null : `,${row.unchanged.join(',')},`),
    )
    add(
      SYSTEM_COLUMNS.quarantine,
      rows.some((row) => row.quarantine !== undefined),
      (row) => (row.quarantine === undefined ? null : JSON.stringify(row.quarantine)),
    )
    add(SYSTEM_COLUMNS.contentHash, schema.identity.kind === 'bag', (row) => row.contentHash ?? null)
    if (rows.some((row) => row.committedUs !== undefined)) {
      const iso = (row: ChangeRow) => (row.committedUs === undefined ? null : timestampOfUs(row.committedUs))
      columns.push([SYSTEM_COLUMNS.committedAt, 'TIMESTAMPTZ', iso])
    }
    for (const id of keyIds) {
      const column = schema.columns.find((each) => each.id === id)
      if (column === undefined || !rows.some((row) => row.oldKey !== undefined)) continue
      columns.push([oldKeyColumn(id), stageType(column.type), (row) => row.oldKey?.[id] ?? null])
    }
    for (const column of schema.columns) {
      columns.push([dataColumn(column.id), stageType(column.type), (row) => row.values?.[column.id] ?? null])
    }
    const select = columns.map(([name, type], index) => `CAST(x.a${index} AS ${type}) AS "${name}"`)
    const values = rows.map((row) => `(${columns.map(([, , value]) => literal(value(row))).join(', ')})`)
    const names = columns.map((_, index) => `a${index}`)
    const path = this.#nextPath(schema)
    const from =
      rows.length === 0
        ? `(SELECT ${names.map((name) => `NULL::VARCHAR AS ${name}`).join(', ')} WHERE false) x`
        : `(VALUES ${values.join(', ')}) x(${names.join(', ')})`
    await this.#copy(path, `SELECT ${select.join(', ')} FROM ${from}`)
    return path
  }

  async #copy(path: string, select: string): Promise<void> {
    await this.#connection.run(`COPY (${select}) TO ${literal(this.location(path))} (FORMAT parquet, COMPRESSION zstd)`)
  }
}

/** `2026-11-20 12:00:00.000001+00`. */
export function timestampOfUs(us: number): string {
  const ms = Math.floor(us / 1000)
  const micros = String(us - ms * 1000).padStart(3, '0')
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', `${micros}+00`)
}

/** What Parquet holds, as DuckDB writes it. */
function stageType(type: ColumnType): string {
  switch (type.kind) {
    case 'bool':
      return 'BOOLEAN'
    case 'int16':
      return 'SMALLINT'
    case 'int32':
      return 'INTEGER'
    case 'int64':
      return 'BIGINT'
    case 'float32':
      return 'FLOAT'
    case 'float64':
      return 'DOUBLE'
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'bytes':
      return 'BLOB'
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME'
    case 'timestamp':
      return 'TIMESTAMP'
    case 'timestamptz':
      return 'TIMESTAMPTZ'
    case 'text':
    case 'uuid':
    case 'json':
      return 'VARCHAR'
  }
}

function featuresOf(all: readonly ChangeRow[]): BatchFeatures {
  const rows = all.filter((row) => row.position !== undefined)
  const count = (test: (row: ChangeRow) => boolean) => rows.filter(test).length
  return {
    updates: count((row) => row.op === 'u'),
    deletes: count((row) => row.op === 'd'),
    truncates: count((row) => row.op === 't'),
    keyChanges: count((row) => row.oldKey !== undefined),
    partialRows: count((row) => row.unchanged !== undefined),
    quarantinedRows: count((row) => row.quarantine !== undefined),
  }
}

function literal(text: string | null): string {
  return text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`
}
