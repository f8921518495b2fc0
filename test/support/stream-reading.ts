/** Opening a stream over a test database and reading it up to a place. */
import { boundary } from '../../src/core/position.ts'
import type { StreamEvent, StreamRequest, TableRequest } from '../../src/core/source.ts'
import type { TableSchema } from '../../src/core/table-schema.ts'
import { connect } from '../../src/sources/postgres/client.ts'
import { connectionSettings } from '../../src/sources/postgres/connection-settings.ts'
import { parseLsn } from '../../src/sources/postgres/lsn.ts'
import { openStream, type PostgresStream } from '../../src/sources/postgres/stream.ts'
import { requestedTables, tableSchema } from '../../src/sources/postgres/table-schemas.ts'
import type { TestDatabase } from './postgres.ts'
import type { StreamReplica } from './stream-replica.ts'

export interface StreamFixture {
  readonly slot: string
  readonly fromLsn: bigint
  /** Opens a stream; `request` overrides the defaults. */
  open(request?: Partial<StreamRequest>, signal?: AbortSignal, lookEveryMs?: number): Promise<PostgresStream>
  describe(tables: readonly TableRequest[]): Promise<readonly TableSchema[]>
}

export function tableRequest(name: string, options: Partial<TableRequest> = {}): TableRequest {
  return { table: { source: 'shop', namespace: 'public', name }, exclude: [], typeOverrides: {}, ...options }
}

/** Publication and slot over the tables as they are now. */
export async function createStreamFixture(
  database: TestDatabase,
  tables: readonly (string | TableRequest)[],
  publication = 'FOR ALL TABLES',
): Promise<StreamFixture> {
  const requests = tables.map((table) => (typeof table === 'string' ? tableRequest(table) : table))
  const slot = `slot_${database.name}`
  await database.query(`CREATE PUBLICATION everything ${publication}`)
  const [row] = await database.query<{ lsn: string }>('SELECT lsn FROM pg_create_logical_replication_slot($1, $2)', [
    slot,
    'pgoutput',
  ])
  const settings = connectionSettings({ url: database.url })
  const describe = async (wanted: readonly TableRequest[]): Promise<readonly TableSchema[]> => {
    await using client = await connect(settings, {}, AbortSignal.timeout(60_000))
    const found = await requestedTables(client, wanted, AbortSignal.timeout(60_000))
    return found.map((table) => tableSchema(table, client.serverVersion))
  }
  const schemas = await describe(requests)
  const fromLsn = parseLsn(row!.lsn)
  return {
    slot,
    fromLsn,
    describe,
    open: (request = {}, signal = AbortSignal.timeout(110_000), lookEveryMs = 3_600_000) =>
      openStream(
        { settings, slot, publications: ['everything'], lookEveryMs },
        {
          generation: 1,
          fromLsn,
          tables: schemas.map((schema, index) => ({ schema, request: requests[index]!, startAt: boundary(1, 0n) })),
          flushAfterMs: 50,
          batchRowsMax: 10_000,
          batchBytesMax: 8 * 1024 * 1024,
          memoryBytesMax: 32 * 1024 * 1024,
          ...request,
        },
        signal,
      ),
  }
}

/** How far the server has written. */
export async function currentLsn(database: TestDatabase): Promise<bigint> {
  const [row] = await database.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn')
  return parseLsn(row!.lsn)
}

/** Reads until a boundary at or after everything that is committed now. Returns the events. */
export async function readToEnd(
  database: TestDatabase,
  stream: PostgresStream,
  replica?: StreamReplica,
): Promise<StreamEvent[]> {
  const target = await currentLsn(database)
  stream.requestBoundary(target)
  return readUntil(stream, (event) => event.kind === 'boundary' && event.lsn >= target, replica)
}

/** Reads until an event fits. The stream stays open. */
export async function readUntil(
  stream: PostgresStream,
  fits: (event: StreamEvent) => boolean,
  replica?: StreamReplica,
): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  const iterator = stream[Symbol.asyncIterator]()
  for (;;) {
    const next = await iterator.next()
    if (next.done === true) return events
    events.push(next.value)
    replica?.take(next.value)
    if (fits(next.value)) return events
  }
}
