/** A Postgres database as a source of tables and their changes. */
import type { SnapshotBatch } from '../../core/batch.ts'
import type { WrittenRange } from '../../core/control-request.ts'
import type { Finding } from '../../core/finding.ts'
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
import type { SourceRecord } from '../../core/state.ts'
import type { RowRange, TableId, TableSchema } from '../../core/table-schema.ts'
import type { ValueLimits } from '../../core/value-limits.ts'
import { connect, type PostgresClient } from './client.ts'
import type { PostgresSourceConfig } from './config.ts'
import { type ConnectionSettings, connectionSettings, describeConnection } from './connection-settings.ts'
import { discoverTables } from './discover.ts'
import { LogReading } from './log-reading.ts'
import { PollReading } from './polling/poll-reading.ts'
import type { PrepareOptions } from './prepare.ts'
import { readForVerification, readRowsByKey } from './read-rows.ts'
import { ReadingChoice } from './reading-choice.ts'
import { replicationNames } from './replication-names.ts'
import { resolveRange } from './row-range.ts'
import { readSlot, requireFreeSlot } from './slot.ts'
import { requestedTables } from './table-schemas.ts'

/** What an earlier run has recorded of the source; undefined where there was none. */
export type RecordedSource =
  | (Pick<SourceRecord, 'identity' | 'stagedThroughLsn'> & {
      /** Rows of tables are at the destination, to which only the slot has what follows. Absent: not known. */
      readonly hasRows?: boolean
    })
  | undefined

/** Opens nothing: connections are made when first needed. `folder`: where relative paths of certificates start. `limits`: of the destination. */
export function createPostgresSource(
  name: string,
  config: PostgresSourceConfig,
  folder = '.',
  recorded?: RecordedSource,
  limits?: ValueLimits,
): PostgresSource {
  return new PostgresSource(name, config, folder, recorded, limits)
}

export class PostgresSource implements ChangeSource {
  readonly name: string
  /** `db.example.com:5432/shop`. */
  readonly description: string
  readonly #settings: ConnectionSettings
  readonly #choice: ReadingChoice
  readonly #polling: PollReading
  readonly #slot: string
  /** For short questions. Made when first needed, and again after it was lost. */
  #client: Promise<PostgresClient> | undefined

  constructor(
    name: string,
    config: PostgresSourceConfig,
    folder: string,
    recorded?: RecordedSource,
    limits?: ValueLimits,
  ) {
    this.name = name
    const seconds = {
      connect_timeout: config.connect_timeout === undefined ? undefined : config.connect_timeout / 1000,
      statement_timeout: config.statement_timeout / 1000,
    }
    this.#settings = { ...connectionSettings({ ...config, ...seconds }, folder), limits }
    this.description = describeConnection(this.#settings)
    const options: PrepareOptions = {
      settings: this.#settings,
      names: replicationNames(name, config),
      ownsPublications: config.publication === undefined,
      failover: config.failover,
      slotTimeoutMs: config.slot_timeout,
    }
    this.#slot = options.names.slot
    const ask = (signal: AbortSignal) => this.#ask(signal)
    this.#polling = new PollReading(config, options, ask, recorded)
    this.#choice = new ReadingChoice(
      config.mode,
      recorded?.identity,
      new LogReading(options, config.snapshot.chunk_bytes, ask, recorded?.hasRows === true ? recorded : undefined),
      this.#polling,
    )
  }

  /** Tables are configured otherwise from now on. */
  useTables(tables: PostgresSourceConfig['tables']): void {
    this.#polling.useTables(tables)
  }

  async discover(signal: AbortSignal): Promise<readonly DiscoveredTable[]> {
    const { reading } = await this.#choice.preview([], signal)
    return discoverTables(await this.#ask(signal), this.name, reading, signal)
  }

  examine(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#choice.examine(tables, signal)
  }

  async describe(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly TableSchema[]> {
    const { reading } = await this.#choice.make(tables, signal)
    const client = await this.#ask(signal)
    const found = await requestedTables(client, tables, signal, reading.mode)
    return found.map((table) => reading.schema(table, client.serverVersion))
  }

  async requireFree(signal: AbortSignal): Promise<void> {
    const slot = await readSlot(await this.#ask(signal), this.#slot, signal)
    if (slot !== undefined) requireFreeSlot(slot)
  }

  async prepare(
    tables: readonly TableRequest[],
    mayCreateSlot: boolean,
    signal: AbortSignal,
    beforePublishing: (tables: readonly TableId[]) => Promise<void> = async () => undefined,
  ): Promise<PreparedSource> {
    const { reading, why } = await this.#choice.make(tables, signal)
    const prepared = await reading.prepare(tables, mayCreateSlot, signal, beforePublishing)
    return why === undefined ? prepared : { ...prepared, notices: [why, ...(prepared.notices ?? [])] }
  }

  async publish(
    tables: readonly TableRequest[],
    signal: AbortSignal,
    beforePublishing: (tables: readonly TableId[]) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const { reading } = await this.#choice.make(tables, signal)
    await reading.publish(tables, signal, beforePublishing)
  }

  async currentLsn(signal: AbortSignal): Promise<bigint> {
    const { reading } = await this.#choice.make([], signal)
    return reading.rows.now(await this.#ask(signal), signal)
  }

  async openSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotSession> {
    const { reading } = await this.#choice.make([], signal)
    return reading.openSnapshot(request, signal)
  }

  async resolveRange(schema: TableSchema, range: WrittenRange, signal: AbortSignal): Promise<RowRange> {
    return resolveRange(await this.#ask(signal), schema, range, signal)
  }

  async openStream(request: StreamRequest, signal: AbortSignal): Promise<ChangeStream> {
    const { reading } = await this.#choice.make([], signal)
    return await reading.openStream(request, signal)
  }

  async readRows(
    schema: TableSchema,
    keys: readonly string[],
    generation: number,
    signal: AbortSignal,
  ): Promise<SnapshotBatch> {
    const { reading } = await this.#choice.make([], signal)
    await using client = await connect(this.#settings, { purpose: 'read rows' }, signal)
    return await readRowsByKey(client, schema, keys, generation, reading.rows, signal)
  }

  readForVerification(schema: TableSchema, signal: AbortSignal): VerificationRead {
    const scope = this.#choice.make([], signal).then(({ reading }) => reading.rows)
    return readForVerification(this.#settings, schema, scope, signal)
  }

  async dropSlot(signal: AbortSignal): Promise<void> {
    const { reading } = await this.#choice.make([], signal)
    await reading.drop(signal)
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
