/** Parquet files of our writer, and DuckDB to read them. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { type ParquetOptions, ParquetWriter } from '../../src/columnar/parquet-writer.ts'
import { VectorBuilder } from '../../src/columnar/vector-builder.ts'
import { WireBuffer } from '../../src/columnar/wire-buffer.ts'
import type { ColumnVector } from '../../src/core/batch.ts'
import type { ColumnType } from '../../src/core/table-schema.ts'

export interface ParquetFolder extends AsyncDisposable {
  readonly path: string
  write(
    write: (writer: ParquetWriter) => Promise<unknown>,
    options?: ParquetOptions,
  ): Promise<{ path: string; bytes: number; rows: number }>
  /** Rows of a query, values in the JSON form of the driver. */
  query(sql: string): Promise<unknown[][]>
}

export async function openParquetFolder(): Promise<ParquetFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'parquet-'))
  const duckdb = await (await DuckDBInstance.create(':memory:')).connect()
  await duckdb.run(`SET TimeZone = 'UTC'`)
  let files = 0
  return {
    path: folder,
    async write(write, options = { metadata: {} }) {
      const path = join(folder, `${files++}.parquet`)
      await using file = await open(path, 'w')
      const writer = new ParquetWriter({ write: (bytes) => file.writeFile(bytes) }, options)
      await write(writer)
      return { path, ...(await writer.finish()) }
    },
    async query(sql) {
      return (await duckdb.runAndReadAll(sql)).getRowsJson() as unknown[][]
    },
    async [Symbol.asyncDispose]() {
      duckdb.closeSync()
      await rm(folder, { recursive: true })
    },
  }
}

/** NULL where `write` does not open the row. */
export function vector(
  name: string,
  type: ColumnType,
  count: number,
  write: (builder: VectorBuilder, row: number) => void,
): ColumnVector {
  const builder = new VectorBuilder(name, type, Number(/\d+/.exec(name)?.[0] ?? 0))
  for (let row = 0; row < count; row++) write(builder, row)
  return builder.take(count)
}

export function int64s(name: string, count: number, value: (row: number) => bigint | undefined): ColumnVector {
  return vector(name, { kind: 'int64' }, count, (builder, row) => {
    const found = value(row)
    if (found !== undefined) {
      const at = builder.open(row, 8)
      builder.view.setBigInt64(at, found, true)
    }
  })
}

export function texts(
  name: string,
  count: number,
  value: (row: number) => string | undefined,
  type: ColumnType = { kind: 'text' },
): ColumnVector {
  return vector(name, type, count, (builder, row) => {
    const found = value(row)
    if (found === undefined) return
    const bytes = Buffer.from(found)
    builder.appendBytes(row, new WireBuffer(bytes), 0, bytes.length)
  })
}
