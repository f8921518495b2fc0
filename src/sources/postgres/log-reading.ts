/** Changes from the log: publications, a slot, logical decoding. */
import type { Finding } from '../../core/finding.ts'
import type {
  ChangeStream,
  PreparedSource,
  SnapshotRequest,
  SnapshotSession,
  StreamRequest,
  TableRequest,
} from '../../core/source.ts'
import type { TableId, TableSchema } from '../../core/table-schema.ts'
import type { CatalogTable } from './catalog.ts'
import { tableWarnings } from './discover.ts'
import { examineSource, type FollowedSlot } from './examine.ts'
import { dropReplication, type PrepareOptions, prepareSource, publishTables } from './prepare.ts'
import { readPublications } from './publication.ts'
import { LOGGED_ROWS } from './read-rows.ts'
import type { Ask, Reading } from './reading.ts'
import { openSnapshot } from './snapshot-session.ts'
import { openStream } from './stream.ts'
import type { SystemIdentity } from './system-identity.ts'
import { type RequestedTable, tableSchema } from './table-schemas.ts'

export class LogReading implements Reading {
  readonly mode = 'cdc'
  readonly rows = LOGGED_ROWS
  readonly #options: PrepareOptions
  readonly #chunkBytes: number | undefined
  readonly #ask: Ask
  readonly #followed: FollowedSlot | undefined
  /** As it was prepared: positions of another one are others. */
  #identity: SystemIdentity | undefined

  /** `followed`: what the slot must still have, as an earlier run has recorded it. */
  constructor(
    options: PrepareOptions,
    chunkBytes: number | undefined,
    ask: Ask,
    followed: FollowedSlot | undefined = undefined,
  ) {
    this.#options = options
    this.#chunkBytes = chunkBytes
    this.#ask = ask
    this.#followed = followed
  }

  schema(table: RequestedTable, serverVersion: number): TableSchema {
    return tableSchema(table, serverVersion)
  }

  warnings(table: CatalogTable, serverVersion: number): readonly string[] {
    return tableWarnings(table, serverVersion)
  }

  examine(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly Finding[]> {
    return examineSource(this.#options, this.#ask, tables, signal, this.#followed)
  }

  async prepare(
    tables: readonly TableRequest[],
    mayCreateSlot: boolean,
    signal: AbortSignal,
    beforePublishing: (tables: readonly TableId[]) => Promise<void>,
  ): Promise<PreparedSource> {
    const prepared = await prepareSource(this.#options, this.#ask, tables, mayCreateSlot, signal, beforePublishing)
    this.#identity = prepared.identity
    return prepared
  }

  publish(
    tables: readonly TableRequest[],
    signal: AbortSignal,
    beforePublishing: (tables: readonly TableId[]) => Promise<void>,
  ): Promise<void> {
    return publishTables(this.#options, tables, signal, beforePublishing)
  }

  openSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotSession> {
    const { settings, slotTimeoutMs } = this.#options
    return openSnapshot({ settings, slotTimeoutMs, chunkBytes: this.#chunkBytes }, request, signal)
  }

  async openStream(request: StreamRequest, signal: AbortSignal): Promise<ChangeStream> {
    const { names, settings } = this.#options
    // Where somebody else made the publications, the second one may be missing as long as no table needs it.
    const wanted = [names.publication, names.appendPublication]
    const present = await readPublications(await this.#ask(signal), wanted, signal)
    const publications = wanted.filter((name) => present.some((publication) => publication.name === name))
    return await openStream({ settings, slot: names.slot, publications, identity: this.#identity }, request, signal)
  }

  drop(signal: AbortSignal): Promise<void> {
    return dropReplication(this.#options, signal)
  }
}
