/** Changes by asking for them: no slot, no publication, no right but SELECT. */
import type { Finding } from '../../../core/finding.ts'
import type {
  ChangeStream,
  PreparedSource,
  SnapshotRequest,
  SnapshotSession,
  StreamRequest,
  TableRequest,
} from '../../../core/source.ts'
import { readingMode } from '../../../core/source.ts'
import type { SourceRecord } from '../../../core/state.ts'
import type { TableId, TableSchema } from '../../../core/table-schema.ts'
import type { CatalogTable } from '../catalog.ts'
import type { PostgresClient } from '../client.ts'
import type { PostgresSourceConfig } from '../config.ts'
import { sqlState } from '../errors.ts'
import type { PrepareOptions } from '../prepare.ts'
import type { RowScope } from '../read-rows.ts'
import type { Ask, Reading } from '../reading.ts'
import { dropSlotSql, readSlot } from '../slot.ts'
import { type RequestedTable, tableSchema } from '../table-schemas.ts'
import { findCursor } from './cursor-column.ts'
import { cursorFindings, examinePolling } from './examine-polling.ts'
import { openFirstRead } from './first-read.ts'
import { PollClock } from './poll-clock.ts'
import { type PollOptions, pollOptions } from './poll-options.ts'
import {
  LATE_ARRIVALS_BLIND_MS,
  LATE_ARRIVALS_MS,
  LOCK_TIMEOUT_MS,
  PAGE_ROWS,
  type PollSource,
  PollStream,
} from './poll-stream.ts'
import { pollFollowable } from './row-key.ts'
import { rowRules } from './row-rules.ts'

interface IdentityRow {
  readonly system: string
  readonly timeline: number
}

const IDENTITY = `SELECT s.system_identifier::text || '/' || d.oid AS system, c.timeline_id::int AS timeline
  FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()`
// Where the role may not ask: the database alone, as it was made.
const DATABASE =
  "SELECT datname || '/' || oid AS system, 0 AS timeline FROM pg_database WHERE datname = current_database()"

export class PollReading implements Reading {
  readonly mode = 'polling'
  readonly rows: RowScope
  #config: PostgresSourceConfig
  readonly #options: PrepareOptions
  readonly #ask: Ask
  readonly #recorded: Pick<SourceRecord, 'identity'> | undefined
  readonly #clock: PollClock
  readonly #source: PollSource

  /** `recorded`: where an earlier run has come to. */
  constructor(
    config: PostgresSourceConfig,
    options: PrepareOptions,
    ask: Ask,
    recorded: Pick<SourceRecord, 'identity' | 'stagedThroughLsn'> | undefined,
  ) {
    this.#config = config
    this.#options = options
    this.#ask = ask
    const wasPolled = recorded !== undefined && readingMode(recorded.identity) === 'polling'
    this.#recorded = wasPolled ? recorded : undefined
    this.#clock = new PollClock(wasPolled ? recorded.stagedThroughLsn : 0n)
    this.#source = {
      settings: options.settings,
      clock: this.#clock,
      intervalMs: config.interval,
      lateArrivalsMs: (isBlind) => this.#lateArrivalsMs(isBlind),
      optionsOf: ({ schema }) => this.#optionsOf(schema.table),
      pageRows: PAGE_ROWS,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      historyBroken: false,
      failed: new Set(),
      busy: new Map(),
    }
    const now = async (client: PostgresClient, signal: AbortSignal) =>
      this.#clock.target(await serverUs(client, signal))
    this.rows = {
      condition: (catalog) => rowRules(catalog, pollOptions(this.#config, catalog)).lives,
      now,
      behind: now,
    }
  }

  useTables(tables: PostgresSourceConfig['tables']): void {
    this.#config = { ...this.#config, tables }
  }

  schema({ request, catalog }: RequestedTable, serverVersion: number): TableSchema {
    const options = this.#optionsOf(request.table)
    const schema = tableSchema({ request, catalog }, serverVersion, pollFollowable(catalog, options, request.key))
    findCursor(catalog, options)
    rowRules(catalog, options)
    return schema
  }

  warnings(catalog: CatalogTable): readonly string[] {
    const options = pollOptions(this.#config, catalog)
    const { identity } = pollFollowable(catalog, options, undefined)
    const cursor = cursorFindings('', catalog, findCursor(catalog, options), options)
    return [
      ...(identity.kind === 'bag' ? [`Sent whole when anything in it has changed, because ${identity.reason}`] : []),
      ...(identity.kind === 'append' ? [`Only rows that are new are followed, because ${identity.reason}`] : []),
      ...cursor.filter(({ level }) => level === 'warning').map(({ message }) => message),
    ]
  }

  async examine(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly Finding[]> {
    const findings = await examinePolling(
      {
        settings: this.#options.settings,
        lateArrivalsMs: (isBlind) => this.#lateArrivalsMs(isBlind),
        optionsOf: (table) => this.#optionsOf(table),
      },
      tables,
      signal,
    )
    const slot = await this.#leftSlot(signal).catch(() => undefined)
    if (slot === undefined) return findings
    const subject = `slot ${this.#options.names.slot}`
    return [...findings, { subject, level: 'warning', message: slot, fix: dropSlotSql(this.#options.names.slot) }]
  }

  async publish(): Promise<void> {
    // Tables that are polled are only read.
  }

  async prepare(
    _tables: readonly TableRequest[],
    _mayCreateSlot: boolean,
    signal: AbortSignal,
    _beforePublishing: (tables: readonly TableId[]) => Promise<void>,
  ): Promise<PreparedSource> {
    const client = await this.#ask(signal)
    const { system, timeline } = await identify(client, signal)
    // A run before may have read rows, of a snapshot or a backfill, behind the last boundary that it recorded.
    this.#clock.raise(await serverUs(client, signal))
    const before = this.#recorded?.identity
    // Another timeline numbers other transactions by the ids that we know.
    this.#source.historyBroken = before !== undefined && before.timeline !== timeline
    this.#source.failed.clear()
    const slot = await this.#leftSlot(signal)
    return {
      identity: { system, timeline, slot: '', mode: 'polling' },
      created: this.#recorded === undefined,
      restartLsn: 0n,
      ...(slot === undefined ? {} : { notices: [`${slot}: ${dropSlotSql(this.#options.names.slot)}`] }),
    }
  }

  openSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotSession> {
    const { settings, slotTimeoutMs } = this.#options
    return openFirstRead(
      {
        settings,
        slotTimeoutMs,
        chunkBytes: this.#config.snapshot.chunk_bytes,
        clock: this.#clock,
        lateArrivalsMs: (isBlind) => this.#lateArrivalsMs(isBlind),
        optionsOf: ({ table }) => this.#optionsOf(table),
      },
      request,
      signal,
    )
  }

  async openStream(request: StreamRequest, signal: AbortSignal): Promise<ChangeStream> {
    return new PollStream(this.#source, request, signal)
  }

  async drop(): Promise<void> {
    // Nothing was made.
  }

  #optionsOf({ namespace, name }: TableId): PollOptions {
    return pollOptions(this.#config, { namespace, name })
  }

  #lateArrivalsMs(isBlind: boolean): number {
    return this.#config.late_arrivals ?? (isBlind ? LATE_ARRIVALS_BLIND_MS : LATE_ARRIVALS_MS)
  }

  /** A slot from when changes came from the log, which makes the server keep it for nobody. */
  async #leftSlot(signal: AbortSignal): Promise<string | undefined> {
    const { names } = this.#options
    const slot = await readSlot(await this.#ask(signal), names.slot, signal)
    if (slot === undefined) return undefined
    return `The replication slot ${names.slot} is still there, though the source is polled: the server keeps the log for it until its disk is full`
  }
}

async function identify(client: PostgresClient, signal: AbortSignal): Promise<IdentityRow> {
  const [row] = await client.query<IdentityRow>(IDENTITY, undefined, signal).catch((error: unknown) => {
    if (sqlState(error) !== '42501') throw error
    return client.query<IdentityRow>(DATABASE, undefined, signal)
  })
  return row ?? { system: '', timeline: 0 }
}

async function serverUs(client: PostgresClient, signal: AbortSignal): Promise<bigint> {
  const sql = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS us'
  const [row] = await client.query<{ us: bigint }>(sql, undefined, signal)
  return row?.us ?? 0n
}
