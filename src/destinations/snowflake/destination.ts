/** Snowflake as a destination. */
import { type Clock, systemClock } from '../../core/clock.ts'
import type {
  BackfillEnd,
  CompareRequest,
  ComparingDestination,
  Destination,
  Flush,
  FlushResult,
  KeptToken,
  KeyCompareRequest,
  KeyComparingDestination,
  Lease,
  QuarantineEntry,
  SnapshotLoad,
  SnapshotLoaded,
  SourceCheckpoints,
  TableComparison,
  TargetTable,
} from '../../core/destination.ts'
import type { Finding } from '../../core/finding.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { KeyDifference } from '../../core/source.ts'
import type { Stage } from '../../core/stage.ts'
import { type TableId, type TableSchema, tableName } from '../../core/table-schema.ts'
import type { LayoutDialect } from '../../warehouse/layout-plan.ts'
import { totalFeatures } from '../../warehouse/total-features.ts'
import { finishBackfill } from './backfill.ts'
import { forgetCheckpoints, leaveGroup, raiseEpoch, sourceCheckpoints } from './checkpoint.ts'
import { snowflakeType } from './column-type.ts'
import { compareTable } from './comparison.ts'
import type { SnowflakeDestinationConfig } from './config.ts'
import { examineConnection } from './connection-examination.ts'
import { SnowflakePool } from './connection-pool.ts'
import { examineTables } from './examination.ts'
import { runFlush } from './flush.ts'
import { catalogName } from './identifiers.ts'
import { readTokens, TokenTables } from './kept-tokens.ts'
import { compareKeys } from './key-comparison.ts'
import { LayoutCache } from './layout-cache.ts'
import {
  createExternalStage,
  createMetadata,
  EXTERNAL_STAGE,
  hasSource,
  INTERNAL_STAGE,
  readMetadata,
  requireKnownFormat,
} from './metadata-schema.ts'
import { listQuarantine } from './quarantine.ts'
import type { QueryTag } from './query-tag.ts'
import type { SnowflakeSession } from './session.ts'
import { freshFiles, loadSnapshot } from './snapshot-load.ts'
import { beginSnapshot, finishSnapshot } from './snapshot-table.ts'
import { type QueryRows, queryRows } from './sql-query.ts'
import { type FilesOfTable, planUploads, removeFiles, removeLeftovers, type StageFiles } from './stage-files.ts'
import { METADATA_SCHEMA } from './table-names.ts'
import { suspendWarehouse } from './warehouse.ts'

export interface SnowflakeDestinationOptions {
  readonly config: SnowflakeDestinationConfig
  /** Where relative paths of the configuration start. */
  readonly folder: string
  /** Id of this process's run, for the query tags. */
  readonly run: string
  /** Of the stage whose files are loaded: what is uploaded must be on this machine. */
  readonly fetch: Stage['fetch']
  readonly clock?: Clock
  /** `s3://bucket/prefix`: where the stage keeps its files. Only for an external stage. */
  readonly bucketLocation?: string | undefined
}

export function openSnowflakeDestination(options: SnowflakeDestinationOptions): SnowflakeDestination {
  return new SnowflakeDestination(options)
}

export class SnowflakeDestination implements Destination, ComparingDestination, KeyComparingDestination {
  readonly name: string
  readonly #pool: SnowflakePool
  readonly #config: SnowflakeDestinationConfig
  readonly #database: string
  readonly #fetch: Stage['fetch']
  readonly #clock: Clock
  readonly #dialect: LayoutDialect
  readonly #bucketLocation: string | undefined
  readonly #layouts = new LayoutCache()
  readonly #tokens = new TokenTables()
  /** Sources whose tables of ours are known to be there. */
  readonly #known = new Set<string>()
  #calls = 0
  /** The warehouse may have been woken since it was last suspended. */
  #isAwake = false

  constructor({ config, folder, run, fetch, bucketLocation, clock = systemClock }: SnowflakeDestinationOptions) {
    this.#pool = new SnowflakePool({ config, folder, run, clock })
    this.#config = config
    this.#database = catalogName(config.database)
    this.#fetch = fetch
    this.#bucketLocation = bucketLocation
    this.#clock = clock
    this.#dialect = { typeName: snowflakeType, columnName: (name) => this.#nameHere(name) }
    this.name = `${config.account}/${this.#database}`
  }

  async examine(targets: readonly TargetTable[], signal: AbortSignal): Promise<readonly Finding[]> {
    const here = targets.map((target) => this.#here(target))
    const others = new Set(here.flatMap(({ database }) => database ?? []))
    const findings = await examineConnection(this.#pool, this.#config, [...others], signal)
    if (findings.some((finding) => finding.level === 'error')) return findings
    const tables = await this.#use('Examining the destination', { phase: 'doctor' }, signal, (session) =>
      examineTables(session, this.#database, this.name, here),
    )
    return [...findings, ...tables]
  }

  acquireLease(
    source: string,
    signal: AbortSignal,
  ): Promise<{ readonly lease: Lease; readonly checkpoints: SourceCheckpoints }> {
    this.#layouts.forget(source)
    return this.#use('Taking the lease', { source, phase: 'lease' }, signal, async (session) => {
      const metadata = await readMetadata(session, this.#database)
      if (metadata.tables.has('META')) await requireKnownFormat(session, this.name)
      await createMetadata(session, metadata, source)
      this.#tokens.note(source, metadata)
      const taken = await session.transaction(async () => {
        const lease = await raiseEpoch(session, source)
        const checkpoints = await sourceCheckpoints(session, source)
        invariant(checkpoints !== undefined, 'a source with a lease has a group row')
        return { lease, checkpoints }
      })
      this.#known.add(source)
      await removeLeftovers(session, this.#internalStage, source)
      const { stage } = this.#config
      if (stage.type === 'external') {
        invariant(this.#bucketLocation !== undefined, 'an external stage has a bucket')
        await createExternalStage(session, stage, this.#bucketLocation)
      }
      return taken
    })
  }

  checkpoints(source: string, signal: AbortSignal): Promise<SourceCheckpoints | undefined> {
    return this.#read(source, 'Reading checkpoints', signal, undefined, (session) => sourceCheckpoints(session, source))
  }

  tokens(source: string, signal: AbortSignal): Promise<readonly KeptToken[]> {
    return this.#read(source, 'Reading what streams go on from', signal, [], async (session) =>
      readTokens(session, await readMetadata(session, this.#database), source),
    )
  }

  beginSnapshot(
    lease: Lease,
    target: TargetTable,
    schema: TableSchema,
    keep: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const here = this.#here(target)
    const tag = tagOf(target.table, 'snapshot')
    return this.#use(`Beginning the snapshot of ${tableName(target.table)}`, tag, signal, (session) =>
      beginSnapshot(session, lease, here, schema, keep, this.#dialect),
    ).finally(() => this.#layouts.forget(lease.source))
  }

  async loadSnapshot(lease: Lease, load: SnapshotLoad, signal: AbortSignal): Promise<SnapshotLoaded> {
    const target = this.#here(load.target)
    const tag = tagOf(load.target.table, 'copy')
    const use = <T>(work: (session: SnowflakeSession) => Promise<T>) =>
      this.#use(`Loading ${tableName(load.target.table)}`, tag, signal, work)
    for (;;) {
      const fresh = await use((session) => freshFiles(session, lease, { target, files: load.files }))
      const known = load.files.filter((file) => fresh?.files.includes(file) !== true)
      const { quarantinedRows } = totalFeatures(known)
      if (fresh === undefined) return { rows: 0, quarantined: quarantinedRows }
      const files = { target, files: fresh.files, together: true }
      const loaded = await this.#withFiles([files], tag, signal, (stage) =>
        use((session) => loadSnapshot(session, lease, fresh, stage, this.#clock.nowMs())),
      )
      // Undefined: an earlier call, whose reply was lost, was carried out meanwhile.
      if (loaded !== undefined) return { rows: loaded.rows, quarantined: loaded.quarantined + quarantinedRows }
    }
  }

  finishSnapshot(
    lease: Lease,
    target: TargetTable,
    _schema: TableSchema,
    position: Position,
    positions: number,
    signal: AbortSignal,
  ): Promise<void> {
    const tag = tagOf(target.table, 'snapshot')
    return this.#use(`Finishing the snapshot of ${tableName(target.table)}`, tag, signal, (session) =>
      finishSnapshot(session, lease, target.table, position, positions),
    ).finally(() => this.#layouts.forget(lease.source))
  }

  async flush(flush: Flush, signal: AbortSignal): Promise<FlushResult> {
    const { source } = flush.lease
    const tables = flush.tables.map((part) => ({ ...part, target: this.#here(part.target) }))
    const tag = { source, phase: 'merge' }
    const setting = { dialect: this.#dialect, layouts: this.#layouts, tokens: this.#tokens, place: this.#config }
    const files = tables.flatMap(({ target, files, into, completion }) => [
      // Those of a backfill may have been merged by an earlier call, each by itself.
      { target, files, together: into !== 'backfill' },
      { target, files: completion?.files ?? [], together: true },
    ])
    try {
      const result = await this.#withFiles(files, tag, signal, (stage) =>
        this.#use(`Merging ${source}`, tag, signal, (session) =>
          runFlush(session, { ...flush, tables }, { ...setting, stage }),
        ),
      )
      if (tables.some((part) => part.into === 'promote')) this.#layouts.forget(source)
      return result
    } catch (error) {
      this.#layouts.forget(source)
      throw error
    }
  }

  finishBackfill(lease: Lease, end: BackfillEnd, signal: AbortSignal): Promise<number | undefined> {
    const here = { ...end, target: this.#here(end.target) }
    const tag = tagOf(end.target.table, 'backfill')
    return this.#use(`Finishing the backfill of ${tableName(end.target.table)}`, tag, signal, (session) =>
      finishBackfill(session, lease, here),
    )
  }

  detach(lease: Lease, table: TableId, signal: AbortSignal): Promise<void> {
    return this.#use(`Detaching ${tableName(table)}`, tagOf(table, 'lease'), signal, (session) =>
      session.transaction(() => leaveGroup(session, lease, table)),
    )
  }

  resetCheckpoint(lease: Lease, table: TableId | undefined, signal: AbortSignal): Promise<void> {
    const tag = { source: lease.source, phase: 'lease' }
    return this.#use(`Resetting checkpoints of ${lease.source}`, tag, signal, (session) =>
      session.transaction(async () => {
        await forgetCheckpoints(session, lease, table)
        await this.#tokens.forget(session, lease.source, table)
      }),
    )
  }

  quarantine(
    source: string,
    { table, limit }: { readonly table?: TableId; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly QuarantineEntry[]> {
    return this.#read(source, 'Reading the quarantine', signal, [], (session) =>
      listQuarantine(session, source, table, limit),
    )
  }

  compare(request: CompareRequest, signal: AbortSignal): Promise<TableComparison> {
    const here = { ...request, target: this.#here(request.target) }
    const tag = tagOf(request.target.table, 'verify')
    const compare = (stage: StageFiles) =>
      this.#use(`Comparing ${tableName(request.target.table)}`, tag, signal, (session) =>
        compareTable(session, here, { stage, dialect: this.#dialect }),
      )
    return this.#withFiles([{ ...request, together: true }], tag, signal, compare, false)
  }

  async *compareKeys(request: KeyCompareRequest, signal: AbortSignal): AsyncGenerator<KeyDifference, void, undefined> {
    const here = { ...request, target: this.#here(request.target) }
    const tag = tagOf(request.target.table, 'verify')
    const pages = Promise.withResolvers<AsyncIterable<KeyDifference>>()
    const finished = Promise.withResolvers<void>()
    const compare = (stage: StageFiles) =>
      this.#use(`Comparing keys of ${tableName(request.target.table)}`, tag, signal, async (session) => {
        pages.resolve(compareKeys(session, here, { stage, dialect: this.#dialect }))
        await finished.promise
      })
    const held = this.#withFiles([{ ...request, together: true }], tag, signal, compare, false)
    held.catch((error: unknown) => pages.reject(error))
    try {
      yield* await pages.promise
    } finally {
      finished.resolve()
      await held
    }
  }

  /** Runs SQL of a person. */
  query(sql: string, signal: AbortSignal): Promise<QueryRows> {
    return queryRows(this.#pool, sql, signal)
  }

  /** Nothing is held between calls but connections; the warehouse need not wait for more. */
  async release(): Promise<void> {
    if (!this.#config.suspendWhenDone || !this.#isAwake || this.#calls > 0) return
    this.#isAwake = false
    const signal = new AbortController().signal
    // It may sleep already, or be somebody else's to suspend: it costs a minute then, and loses nothing.
    await this.#pool
      .use('Suspending the warehouse', { phase: 'suspend' }, signal, (session) =>
        suspendWarehouse(session, this.#config.warehouse),
      )
      .catch(() => undefined)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]()
  }

  async #use<T>(
    doing: string,
    tag: QueryTag,
    signal: AbortSignal,
    work: (session: SnowflakeSession) => Promise<T>,
  ): Promise<T> {
    this.#calls++
    this.#isAwake = true
    try {
      return await this.#pool.use(doing, tag, signal, work)
    } finally {
      this.#calls--
    }
  }

  /** `absent`: what to say where no sync has begun. */
  #read<T>(
    source: string,
    doing: string,
    signal: AbortSignal,
    absent: T,
    work: (session: SnowflakeSession) => Promise<T>,
  ): Promise<T> {
    return this.#use(doing, { source, phase: 'read' }, signal, async (session) => {
      if (!this.#known.has(source)) {
        if (!hasSource(await readMetadata(session, this.#database), source)) return absent
        await requireKnownFormat(session, this.name)
        this.#known.add(source)
      }
      return work(session)
    })
  }

  /**
   * Makes files readable for Snowflake, for the length of `work`; uploads go when it has come to an end. Where there is an
   * external stage they are there, unless they are not the files of the stage: transformed ones, and those of `verify`.
   */
  async #withFiles<T>(
    tables: readonly FilesOfTable[],
    tag: QueryTag,
    signal: AbortSignal,
    work: (stage: StageFiles) => Promise<T>,
    isOfStage = true,
  ): Promise<T> {
    const isOutside = this.#config.stage.type === 'external' && isOfStage
    const uploaded = tables.filter(({ target }) => !isOutside || target.transform !== undefined)
    const files = uploaded.flatMap((table) => table.files)
    const url = this.#internalStage
    await using local = await this.#fetch(files, signal)
    await using plan = await planUploads(url, uploaded, (path) => local.location(path))
    if (files.length > 0) {
      await this.#pool.put(`Uploading ${plan.uploads.length} files`, { ...tag, phase: 'put' }, plan.uploads, signal)
    }
    const result = await work(plan.filesAt(`@${METADATA_SCHEMA}.${EXTERNAL_STAGE}`))
    local.loaded()
    if (files.length === 0) return result
    // What stays goes when the lease is taken the next time.
    await this.#use('Removing files', { ...tag, phase: 'clean' }, signal, (session) =>
      removeFiles(session, url, plan),
    ).catch(() => undefined)
    return result
  }

  get #internalStage(): string {
    return `@${METADATA_SCHEMA}.${INTERNAL_STAGE}`
  }

  #nameHere(name: string): string {
    return this.#config.case === 'upper' ? name.toUpperCase() : name
  }

  /** With the names that schema and table have in Snowflake. */
  #here(target: TargetTable): TargetTable {
    const { database: written, ...rest } = target
    const database = written === undefined ? undefined : this.#nameHere(written)
    return {
      ...rest,
      ...(database === undefined || database === this.#database ? {} : { database }),
      namespace: this.#nameHere(target.namespace),
      name: this.#nameHere(target.name),
    }
  }
}

function tagOf(table: TableId, phase: string): QueryTag {
  return { source: table.source, table: tableName(table), phase }
}
