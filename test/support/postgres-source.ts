/** A Postgres source over a test database. */
import type { SnapshotBatch } from '../../src/core/batch.ts'
import type { SnapshotSession, TableRequest } from '../../src/core/source.ts'
import type { TableSchema } from '../../src/core/table-schema.ts'
import { postgresSourceSchema } from '../../src/sources/postgres/config.ts'
import { createPostgresSource, type PostgresSource } from '../../src/sources/postgres/source.ts'
import { vectorValues } from './vector-values.ts'

/** Read from the log unless told otherwise. `name` decides the names of slot and publications, which are unique per server: take the database's. */
export function sourceOf(url: string, name: string, config: Readonly<Record<string, unknown>> = {}): PostgresSource {
  return createPostgresSource(
    name,
    postgresSourceSchema.parse({ type: 'postgres', url, mode: 'cdc', tables: ['public.any'], ...config }),
  )
}

export function request(name: string, options: Partial<TableRequest> = {}): TableRequest {
  return { table: { source: 'shop', namespace: 'public', name }, exclude: [], typeOverrides: {}, ...options }
}

/** All batches of a table, chunk after chunk. */
export async function readAll(
  session: SnapshotSession,
  schema: TableSchema,
  signal: AbortSignal,
): Promise<SnapshotBatch[]> {
  const { chunks } = await session.plan(schema, signal)
  const batches: SnapshotBatch[] = []
  for (const chunk of chunks) batches.push(...(await collect(session.readChunk(schema, chunk, signal))))
  return batches
}

export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of iterable) all.push(each)
  return all
}

/** By name of the column; integers of up to 32 bits as numbers, as the driver has them. */
export function valuesOf(batches: readonly SnapshotBatch[], column: string): unknown[] {
  return batches.flatMap((batch) => {
    const id = batch.schema.columns.find((candidate) => candidate.name === column)?.id
    const vector = batch.vectors.find((candidate) => candidate.name === `c${id}`)
    if (vector === undefined) throw new Error(`the batch has no column ${column}`)
    const values = vectorValues(vector)
    return vector.type.kind === 'int16' || vector.type.kind === 'int32'
      ? values.map((value) => (value === null ? null : Number(value)))
      : values
  })
}
