/**
 * The port of the whole: what the command line, the demo and library users ask of SimplyLoad. `src/app/` implements
 * it; a command knows nothing else.
 *
 * Opening an application reads and checks the configuration and nothing more: no connection, no file of the stage or the
 * state, no heavy module. Each method takes what it needs and lets go of it before it resolves.
 */
import type { ControlAction, ControlAnswer } from './control-request.ts'
import type { QuarantineEntry, TableComparison } from './destination.ts'
import type { FileCommands } from './file-commands.ts'
import type { FileLoading } from './file-loading.ts'
import type { FileReports } from './file-report.ts'
import type { Finding } from './finding.ts'
import type { Position } from './position.ts'
import type { ProgressListener, SyncSummary } from './progress.ts'
import type { DiscoveredTable } from './source.ts'
import type { TableState } from './state.ts'
import type { TableId } from './table-schema.ts'
import type {
  CostCommand,
  CostReport,
  EstimateCommand,
  EstimateReport,
  SetupCommand,
  SetupStep,
} from './warehouse-cost.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What a configuration file is called where nobody says otherwise. */
export const CONFIG_FILES = [
  'simplyload.yaml',
  'simplyload.config.ts',
  'simplyload.config.mts',
  'simplyload.config.js',
  'simplyload.config.mjs',
] as const

export interface ApplicationOptions {
  /**
   * Path of the configuration file, relative to the working folder. Paths inside it are relative to its own folder.
   * Undefined: the one of `CONFIG_FILES` that the working folder has.
   */
  readonly configFile: string | undefined
  /** Where no file is named, and none is there or an empty one, an application without sources is opened. */
  readonly mayLackFile?: boolean | undefined
  /** `dotted.path=value`, over environment and file. */
  readonly settings: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Structured log, one JSON object per line on standard error. */
  readonly logLevel: LogLevel
}

/** Throws `config_invalid` or `config_missing_variable`; the causes name every problem, not only the first. */
export type OpenApplication = (options: ApplicationOptions) => Promise<Application>

/** For headings and for machines. Descriptions hold no secrets. */
export interface ConfigSummary {
  readonly file: string
  readonly sources: readonly SourceSummary[]
  readonly destination: { readonly type: string; readonly description: string }
  /** Things that work but deserve a look. */
  readonly warnings: readonly string[]
}

export interface SourceSummary {
  readonly name: string
  readonly type: string
  /** `db.example.com:5432/shop`. */
  readonly description: string
  /** `namespace.name` as configured. */
  readonly tables: readonly string[]
}

/** Narrows to one source, and to some of its tables (`namespace.name`, or `name` where that is unique). */
export interface Selection {
  readonly source?: string | undefined
  /** Empty: all. */
  readonly tables: readonly string[]
}

export interface Examination {
  /** `source shop`, `destination`, `stage`, `state`. */
  readonly part: string
  readonly findings: readonly Finding[]
}

export interface Discovery {
  readonly source: string
  readonly tables: readonly (DiscoveredTable & {
    /** `namespace.name` of the table on the destination. */
    readonly target: string
    /** In the order of `schema.columns`: the type on the destination. */
    readonly targetTypes: readonly string[]
    readonly configured: boolean
    /** Of a table of files. What `DiscoveredTable` says of its rows is nothing then. */
    readonly files?: DiscoveredFiles
  })[]
}

export interface DiscoveredFiles {
  /** As configured: `data/sales_{yyyy}-{mm}.tsv`. */
  readonly path: string
  /** `append`, `merge` or `replace`. */
  readonly write: string
  /** That are there now. */
  readonly count: number
}

/** Calls the listener each time that the configuration is to be read again, until disposed. */
export type Reloads = (listener: () => void) => Disposable

export interface SyncRequest extends Selection {
  readonly reloads?: Reloads
  /** Stops at the position that was current at the start. */
  readonly once: boolean
}

export interface SourceStatus {
  readonly source: string
  /** Undefined while nothing was ever copied. */
  readonly position: Position | undefined
  /** Log at the source that is not merged yet. Undefined where the source was not reached. */
  readonly lagBytes: number | undefined
  /** Why the source was not reached. */
  readonly unreachable: string | undefined
  readonly lastRun:
    | {
        readonly outcome: string
        readonly startedMs: number
        readonly endedMs: number | undefined
        /** What ended all of it; what stops a table is with the table. */
        readonly error?: string | undefined
      }
    | undefined
  readonly tables: readonly TableStatus[]
}

export interface TableStatus {
  readonly table: TableId
  /** `namespace.name` on the destination. */
  readonly target: string
  readonly state: TableState
  /** These three: since the table was first seen. */
  readonly rowsSnapshot: number
  readonly changesMerged: number
  readonly quarantined: number
  /** Staged and not merged yet. */
  readonly waitingRows: number
  /** When the oldest of them was staged: so old is the final table. Milliseconds since 1970; undefined: nothing waits. */
  readonly waitingSinceMs: number | undefined
  /** How old it may be. Milliseconds. */
  readonly freshnessMs: number
  readonly lastSyncMs: number | undefined
  readonly lastError: string | undefined
  /** While rows of it are read again. */
  readonly backfill?: { readonly rows: number; readonly chunksDone: number; readonly chunks: number }
  /** Requests that no sync has taken up yet: `pause`, `backfill`. */
  readonly asked?: readonly string[]
}

export interface CheckpointStatus {
  readonly table: TableId
  readonly position: Position
  /** The source's own notation: `0/16B3748`. */
  readonly sourcePosition: string
  /** Moves together with all other live tables of its source and its freshness. */
  readonly inGroup: boolean
  /** Of those that it moves with. Milliseconds; undefined: it stands alone. */
  readonly freshnessMs: number | undefined
}

export interface VerifyRequest extends Selection {
  /** Names many differing keys. Every row is compared either way. */
  readonly deep: boolean
}

export interface VerificationReport {
  readonly equal: boolean
  readonly tables: readonly (TableComparison & { readonly target: string; readonly durationMs: number })[]
  /** Tables that cannot be compared now, with the reason: in their snapshot, failed, missing. */
  readonly skipped: readonly { readonly table: TableId; readonly reason: string }[]
}

export interface ReplayRequest extends Selection {
  /** As `QuarantineEntry.id`; empty: all entries of the selected tables. */
  readonly ids: readonly string[]
}

export interface ReplayReport {
  /** Entries of rows whose key is not known or has no form of its own: only a resync reads such rows again. */
  readonly withoutKey: number
  /** False: the next sync takes it up. */
  readonly running: boolean
  readonly tables: readonly {
    readonly table: TableId
    readonly entries: number
    /** Absent: nobody has taken it up yet. */
    readonly outcome?: 'accepted' | 'done' | 'refused'
    readonly message?: string
  }[]
}

/** A value of a query: what JSON can hold exactly. Everything else comes as the destination's text. */
export type QueryValue = string | number | boolean | null

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Iterate once; pulling is the back-pressure. */
  readonly rows: AsyncIterable<readonly QueryValue[]>
}

/** What is asked of the sync that runs, or of the next one, about each of the tables. */
export interface ControlCommand extends Selection {
  readonly action: Exclude<ControlAction, { readonly kind: 'add' | 'replay' }>
  readonly wait: ControlWait
}

export interface ControlWait {
  /** `done`: until it is finished; `taken`: until the sync that runs has taken it up. */
  readonly until: 'taken' | 'done'
  /** Absent: without end for `done`, else some seconds. */
  readonly timeoutMs: number | undefined
}

export interface AddCommand {
  /** Absent: the only one. */
  readonly source: string | undefined
  /** `namespace.name`. */
  readonly tables: readonly string[]
  readonly wait: ControlWait
}

export interface ControlledTable {
  readonly table: TableId
  /** Absent: no sync has taken it up so far. */
  readonly answer?: ControlAnswer
}

export interface ControlReport {
  /** A sync runs. Else the next one takes up what was asked. */
  readonly running: boolean
  readonly tables: readonly ControlledTable[]
}

export interface AddReport extends ControlReport {
  /** Written to the configuration file; the others were there already. */
  readonly added: readonly TableId[]
}

export interface CleanupReport {
  readonly filesRemoved: number
  readonly bytesRemoved: number
  /** Not loaded yet, or younger than the retention. */
  readonly filesKept: number
}

export interface Application extends AsyncDisposable {
  summary(): ConfigSummary
  /** What is asked of files: sources of type `files`. */
  files(): FileCommands
  /** Files that are loaded, and what was loaded of them. */
  fileLoading(): FileLoading
  /** Reports of file checks that were made. */
  fileReports(): FileReports
  /** Connects everywhere and reports what it finds, passed checks included. A part that cannot be reached is a finding. */
  doctor(selection: Selection, signal: AbortSignal): AsyncIterable<Examination>
  discover(source: string | undefined, signal: AbortSignal): Promise<readonly Discovery[]>
  /**
   * Copies and follows. Aborting `signal` finishes what is in hand, commits it and resolves: with `interrupted` where
   * `once` did not get to its end, else as any other run.
   * Rejects where nothing could be done at all; failures of single tables are in the summary.
   */
  sync(request: SyncRequest, listener: ProgressListener, signal: AbortSignal): Promise<SyncSummary>
  status(selection: Selection, signal: AbortSignal): Promise<readonly SourceStatus[]>
  checkpoints(selection: Selection, signal: AbortSignal): Promise<readonly CheckpointStatus[]>
  /** The tables will be copied anew by the next sync. Final tables stay until then. Returns the tables, `source.namespace.name`. */
  resetCheckpoints(selection: Selection, signal: AbortSignal): Promise<readonly string[]>
  verify(request: VerifyRequest, onTable: (table: TableId) => void, signal: AbortSignal): Promise<VerificationReport>
  /** Asks, and waits for answers. `onAnswer` hears of each as it comes. */
  control(
    command: ControlCommand,
    onAnswer: (table: ControlledTable) => void,
    signal: AbortSignal,
  ): Promise<ControlReport>
  /** Writes tables into the configuration file, leaving all else in it as it is, and asks the sync that runs to take them. */
  addTables(command: AddCommand, onAnswer: (table: ControlledTable) => void, signal: AbortSignal): Promise<AddReport>
  quarantine(selection: Selection, limit: number, signal: AbortSignal): Promise<readonly QuarantineEntry[]>
  /**
   * Asks for the rows of quarantined entries to be read again, after the cause is mended: by the sync that runs, which is
   * waited for, or by the next one. Throws `not_found` for an id that there is not.
   */
  replayQuarantine(request: ReplayRequest, signal: AbortSignal): Promise<ReplayReport>
  /** Runs one statement on the destination, read only. */
  query(sql: string, signal: AbortSignal): Promise<QueryResult>
  /** What an administrator of Snowflake has to make once, statement by statement, as they are applied or in order. */
  setUpWarehouse(command: SetupCommand, signal: AbortSignal): AsyncIterable<SetupStep>
  /** What Snowflake says was spent. */
  cost(command: CostCommand, signal: AbortSignal): Promise<CostReport>
  /** What a day costs by the model, and what it would with other settings. Asks nobody. */
  estimateCost(command: EstimateCommand, signal: AbortSignal): Promise<EstimateReport>
  /** Removes stage files that are loaded and older than the retention. */
  cleanup(signal: AbortSignal): Promise<CleanupReport>
}
