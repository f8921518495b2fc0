/** File sets as a source of tables: a set is a table, and its files are the changes of it. */
import type { SnapshotBatch } from '../../core/batch.ts'
import { PipelineError } from '../../core/errors.ts'
import type { FileSet } from '../../core/file-set.ts'
import type { Finding } from '../../core/finding.ts'
import type {
  ChangeSource,
  ChangeStream,
  DiscoveredTable,
  PreparedSource,
  SnapshotRequest,
  SnapshotSession,
  StreamRequest,
  StreamToken,
  TableRequest,
  VerificationRead,
} from '../../core/source.ts'
import type { SourceRecord } from '../../core/state.ts'
import type { RowRange, TableSchema } from '../../core/table-schema.ts'
import { tableName } from '../../core/table-schema.ts'
import { FILES_IDENTITY, lostTokenHint, parseFileToken } from '../../file-sets/file-token.ts'
import type { FileProblems, FindWork } from '../../file-sets/file-work.ts'
import { FileClock } from './file-clock.ts'
import { FileReader, type FileReaderOptions } from './file-reader.ts'
import { Beginnings, FileStream } from './file-stream.ts'
import { EmptySnapshot } from './first-read.ts'
import { describeSet, followSet } from './set-schema.ts'

export interface FileSourceOptions extends FileReaderOptions {
  readonly sets: readonly FileSet[]
  readonly findWork: FindWork
  readonly problems?: FileProblems | undefined
  /** What an earlier run has recorded. */
  readonly recorded?: RecordedFiles | undefined
  readonly intervalMs?: number | undefined
}

export interface RecordedFiles {
  readonly source: SourceRecord | undefined
  readonly schemas: readonly TableSchema[]
  readonly tokens: readonly StreamToken[]
}

/** Opens nothing. */
export function createFileSource(name: string, options: FileSourceOptions): FileSource {
  return new FileSource(name, options)
}

export class FileSource implements ChangeSource {
  readonly name: string
  readonly keepsTokens = true
  #options: FileSourceOptions
  readonly #clock: FileClock
  readonly #beginnings = new Beginnings()
  readonly #reader: FileReader

  constructor(name: string, options: FileSourceOptions) {
    this.name = name
    this.#options = options
    this.#clock = new FileClock(options.recorded?.source?.stagedThroughLsn)
    this.#reader = new FileReader(options)
  }

  /** Where its files are. */
  get description(): string {
    const { sets } = this.#options
    return sets.length === 1 ? (sets[0]?.path ?? '') : `${sets.length} file sets`
  }

  /** They are configured otherwise from now on. */
  useSets(sets: readonly FileSet[]): void {
    this.#options = { ...this.#options, sets }
  }

  gapHint(table: string): string {
    return lostTokenHint(table)
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    return this.#options.sets.map((set) => {
      const schema = describeSet(set)
      return {
        table: set.table,
        kind: 'table',
        schema,
        keyColumns: set.key,
        replicaIdentity: 'nothing',
        cursorCandidates: [],
        estimatedRows: 0,
        bytes: 0,
        warnings: [],
      }
    })
  }

  async examine(): Promise<readonly Finding[]> {
    return []
  }

  async describe(tables: readonly TableRequest[]): Promise<readonly TableSchema[]> {
    return tables.map((request) => this.#describe(request))
  }

  async prepare(): Promise<PreparedSource> {
    return { identity: FILES_IDENTITY, created: this.#options.recorded?.source === undefined, restartLsn: 0n }
  }

  async publish(): Promise<void> {}

  async currentLsn(): Promise<bigint> {
    return FileClock.endOfRound(this.#clock.next)
  }

  async openSnapshot(request: SnapshotRequest): Promise<SnapshotSession> {
    return new EmptySnapshot(request, this.#clock, this.#beginnings)
  }

  async resolveRange(schema: TableSchema): Promise<RowRange> {
    throw notReadAgain(schema)
  }

  async openStream(request: StreamRequest, signal: AbortSignal): Promise<ChangeStream> {
    const place = {
      clock: this.#clock,
      beginnings: this.#beginnings,
      reader: this.#reader,
      findWork: this.#options.findWork,
      problems: this.#options.problems ?? { note: () => undefined },
      intervalMs: this.#options.intervalMs,
      setOf: ({ schema }: { readonly schema: TableSchema }) => this.#setOf(schema),
    }
    return new FileStream(place, request, signal)
  }

  async readRows(schema: TableSchema): Promise<SnapshotBatch> {
    throw notReadAgain(schema)
  }

  readForVerification(schema: TableSchema): VerificationRead {
    throw notReadAgain(schema)
  }

  async dropSlot(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
  }

  #describe(request: TableRequest): TableSchema {
    const set = this.#options.sets.find((each) => tableName(each.table) === tableName(request.table))
    if (set === undefined) {
      throw new PipelineError('source_table_missing', `Finding ${tableName(request.table)}`, {
        cause: new Error(`source ${this.name} has ${this.#options.sets.map((each) => each.table.name).join(', ')}`),
        hint: 'Correct its name',
        context: { table: tableName(request.table) },
      })
    }
    const described = describeSet(set, request.exclude)
    const name = tableName(request.table)
    const known = this.#options.recorded?.schemas.find(({ table }) => tableName(table) === name)
    if (known === undefined) return described
    const token = this.#options.recorded?.tokens.find(({ table }) => tableName(table) === name)?.token
    const lastColumnId = token === undefined ? 0 : parseFileToken(token, name).lastColumnId
    return followSet(known, described, lastColumnId).schema
  }

  #setOf({ table }: TableSchema): FileSet | undefined {
    return this.#options.sets.find((set) => tableName(set.table) === tableName(table))
  }
}

function notReadAgain({ table }: TableSchema): PipelineError {
  return new PipelineError('source_query', `Reading rows of ${tableName(table)} again`, {
    cause: new Error('they come from files, which are loaded once'),
    hint: 'simplyload files load --again loads a file again; simplyload files check compares files with what is loaded',
    context: { table: tableName(table) },
  })
}
