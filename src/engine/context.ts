/** What a run of one source works with: the ports, the settings, and who listens. */
import type { Clock } from '../core/clock.ts'
import type { Destination, KeyComparingDestination, TargetTable } from '../core/destination.ts'
import type { Log } from '../core/log.ts'
import type { ProgressEvent } from '../core/progress.ts'
import type { ChangeSource, TableRequest } from '../core/source.ts'
import type { Stage } from '../core/stage.ts'
import type { State } from '../core/state.ts'
import type { LedgerPages } from './ledger-pages.ts'

export interface EngineSettings {
  /** How often changes are flushed to the stage. */
  readonly intervalMs: number
  /** How old a final table may be, and so how often it is merged, unless its own configuration says otherwise. */
  readonly freshnessMs: number
  readonly batchRowsMax: number
  readonly batchBytesMax: number
  /** Bound on rows held by one run outside the destination. */
  readonly memoryBytesMax: number
  /** Snapshot files are loaded when there are so many bytes of them, or nothing more is to be read. */
  readonly gatherBytes: number
  /** Of a table that is read for the first time; undefined: as the source likes it. */
  readonly chunkBytesMax?: number | undefined
  /** Connections that read a snapshot. */
  readonly snapshotConnections: number
  /** First part of stage paths. */
  readonly customer: string
  /** How long stage files stay after their load. */
  readonly retentionMs: number
}

export interface ConfiguredTable {
  readonly request: TableRequest
  readonly target: TargetTable
  /** How old its final table may be. Milliseconds; undefined: as the settings say. */
  readonly freshnessMs?: number | undefined
}

/** What another configuration has come to in a run. */
export interface Reconfiguration {
  /** Names of tables. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Tables that could not be added, with the reason. */
  readonly problems: readonly string[]
}

/** The way to a run that goes on: set by it, absent before and after. */
export interface RunHandle {
  reconfigure?: ((tables: readonly ConfiguredTable[], settings: EngineSettings) => Promise<Reconfiguration>) | undefined
}

export interface SourceContext {
  readonly name: string
  readonly source: ChangeSource
  /** May be replaced while a run goes on, through `handle`. */
  tables: readonly ConfiguredTable[]
  /** Names (`namespace.name`) that this run merges; undefined: all. The others are staged. */
  readonly only: ReadonlySet<string> | undefined
  readonly destination: Destination
  /** The destination, where it can compare keys. */
  readonly keyComparison?: KeyComparingDestination
  readonly stage: Stage
  readonly state: State
  /** Where the stage is shared: the ledger as it carries it. */
  readonly ledgerPages?: LedgerPages
  /** May be replaced while a run goes on: what depends on them asks anew each time. */
  settings: EngineSettings
  readonly clock: Clock
  readonly log: Log
  readonly emit: (event: ProgressEvent) => void
  readonly runId: string
  /** Reads the configuration again and takes what is different. Returns why not, where it cannot. */
  readonly reload?: () => Promise<string | undefined>
  readonly handle?: RunHandle
}

/** `graceful` first: finish what is in hand and commit it. `immediate`: stop now; nothing is lost. */
export interface StopSignals {
  readonly graceful: AbortSignal
  readonly immediate: AbortSignal
}
