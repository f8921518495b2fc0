/** What depends on how changes of a Postgres database are read: from its log, or by polling. */
import type { Finding } from '../../core/finding.ts'
import type {
  ChangeStream,
  PreparedSource,
  ReadingMode,
  SnapshotRequest,
  SnapshotSession,
  StreamRequest,
  TableRequest,
} from '../../core/source.ts'
import type { TableId, TableSchema } from '../../core/table-schema.ts'
import type { CatalogTable } from './catalog.ts'
import type { PostgresClient } from './client.ts'
import type { RowScope } from './read-rows.ts'
import type { RequestedTable } from './table-schemas.ts'

/** Asks on a connection that is shared; made when first needed. */
export type Ask = (signal: AbortSignal) => Promise<PostgresClient>

export interface Reading {
  readonly mode: ReadingMode
  readonly rows: RowScope
  /** Throws `config_invalid` where the configuration does not fit the table. */
  schema(table: RequestedTable, serverVersion: number): TableSchema
  /** What works, but not as somebody may expect. */
  warnings(table: CatalogTable, serverVersion: number): readonly string[]
  examine(tables: readonly TableRequest[], signal: AbortSignal): Promise<readonly Finding[]>
  prepare(
    tables: readonly TableRequest[],
    mayCreateSlot: boolean,
    signal: AbortSignal,
    beforePublishing: (tables: readonly TableId[]) => Promise<void>,
  ): Promise<PreparedSource>
  publish(
    tables: readonly TableRequest[],
    signal: AbortSignal,
    beforePublishing: (tables: readonly TableId[]) => Promise<void>,
  ): Promise<void>
  openSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<SnapshotSession>
  openStream(request: StreamRequest, signal: AbortSignal): Promise<ChangeStream>
  drop(signal: AbortSignal): Promise<void>
}
