/** A Postgres database as a source of tables and their changes. */
import type { SnapshotBatch } from '../../core/batch.ts'
import type { WrittenRange } from '../../core/control-request.ts'
import type { Finding } from '../../core/finding.ts'
import type { Position } from '../../core/position.ts'
import type {
  ChangeSource,
  ChangeStream,
  DiscoveredTable,
  PreparedSource,
  SnapshotRequest,
  SnapshotSession,
  StreamRequest,
  TableRequest,
  VerificationRead,
} from '../../core/source.ts'
import type { RowRange, TableId, TableSchema } from '../../core/table-schema.ts'
import { connect, type PostgresClient } from './client.ts'
import type { PostgresSourceConfig } from './config.ts'
import { type ConnectionSettings, connectionSettings, describeConnection } from './connection-settings.ts'
import { discoverTables } from './discover.ts'
import { examineSource } from './examine.ts'
import { parseLsn } from './lsn.ts'
import { currentLsn, dropReplication, type PrepareOptions, prepareSource } from './prepare.ts'
import { readPublications } from './publication.ts'
import { readForVerification, readRowsByKey } from './read-rows.ts'
import { replicationNames } from './replication-names.ts'
import { resolveRange } from './row-range.ts'
import { openSnapshot } from './snapshot-session.ts'
import { openStream } from './stream.ts'
import { requestedTables, tableSchema } from './table-schemas.ts'

/** Opens nothing: connections are made when first needed. `folder`: where relative paths of certificates start. */
export function createPostgresSource(name: string, config: PostgresSourceConfig, folder = '.'): PostgresSource {
  return new PostgresSource(name, config, folder)
}

export class PostgresSource implements ChangeSource {
  readonly name: string
  /** `db.example.com:5432/shop`. */
  readonly description: string
  readonly #settings: ConnectionSettings
  readonly #options: PrepareOptions
  readonly #chunkBytes: number
  /** For short questions. Made when first needed, and again after it was lost. */
  #client: Promise<PostgresClient> | undefined

  constructor(name: string, config: PostgresSourceConfig, folder: string) {
    this.name = name
    const seconds = {
      connect_timeout: config.connect_timeout === undefined ? undefined : config.connect_timeout / 1000,
      statement_timeout: config.statement_timeout / 1000,
    }
    this.#settings = connectionSettings({ ...config, ...seconds }, folder)
    this.description = describeConnection(this.#settings)
    this.#options = {
      settings: this.#settings,
      names: replicationNames(name, config),
      ownsPublications: config.publication === undefined,
      failover: config.failover,
      slotTimeoutMs: config.slot_timeout,
    }
    this.#chunkBytes = config.snapshot.chunk_bytes
  }

  async discover(signal: AbortSignal): Promise<readonly DiscoveredTable[]> {
    return discoverTables(await this.#ask(signal), this.name, signal)
  }

  examine(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly Finding[]> {
    return examineSource(this.#options, tables, signal)
  }

  async describe(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly TableSchema[]> {
    const client = await this.#ask(signal)
    return (await requestedTables(client, tables, signal)).map((table) => tableSchema(table, client.serverVersion))
  }

  prepare(
    tables: readonly TableRequest[],
    mayCreateSlot: boolean,
    signal: AbortSignal,
    beforePublishing: (tables: readonly TableId[]) => Promise<void> = async () => undefined,
  ): Promise<PreparedSource> {
    return prepareSource(this.#options, tables, mayCreateSlot, signal, beforePublishing)
  }

  async currentLsn(signal: AbortSignal): Promise<bigint> {
    return parseLsn(await currentLsn(await this.#ask(signal), signal))
  }

  openSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotSession> {
    const { slotTimeoutMs } = this.#options
    return openSnapshot({ settings: this.#settings, slotTimeoutMs, chunkBytes: this.#chunkBytes }, request, signal)
  }

  async resolveRange(schema: TableSchema, range: WrittenRange, signal: AbortSignal): Promise<RowRange> {
    return resolveRange(await this.#ask(signal), schema, range, signal)
  }

  async openStream(request: StreamRequest, signal: AbortSignal): Promise<ChangeStream> {
    const { names } = this.#options
    // Where somebody else made the publications, the second one may be missing as long as no table needs it.
    const wanted = [names.publication, names.appendPublication]
    const present = await readPublications(await this.#ask(signal), wanted, signal)
    const publications = wanted.filter((name) => present.some((publication) => publication.name === name))
    return await openStream({ settings: this.#settings, slot: names.slot, publications }, request, signal)
  }

  async readRows(
    schema: TableSchema,
    keys: readonly string[],
    at: Position,
    signal: AbortSignal,
  ): Promise<SnapshotBatch> {
    await using client = await connect(this.#settings, { purpose: 'read rows' }, signal)
    return await readRowsByKey(client, schema, keys, at, signal)
  }

  readForVerification(schema: TableSchema, signal: AbortSignal): VerificationRead {
    return readForVerification(this.#settings, schema, signal)
  }

  dropSlot(signal: AbortSignal): Promise<void> {
    return dropReplication(this.#options, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client
    this.#client = undefined
    const opened = await client?.catch(() => undefined)
    await opened?.close()
  }

  async #ask(signal: AbortSignal): Promise<PostgresClient> {
    const present = await this.#client?.catch(() => undefined)
    if (present?.usable === true) return present
    const client = connect(this.#settings, {}, signal)
    this.#client = client
    try {
      return await client
    } catch (error) {
      if (this.#client === client) this.#client = undefined
      throw error
    }
  }
}
