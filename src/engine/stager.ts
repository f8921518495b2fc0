/**
 * Takes the events of a stream and makes them durable: files, then the ledger, then the confirmation to the source.
 *
 * Encoding and writing overlap with receiving: `add` waits only while too many bytes are under way. A boundary is
 * recorded when every file before it is durable, boundaries in their order. Whatever was received after the last
 * recorded boundary does not exist for anyone else: when the stream breaks it is thrown away and received again.
 */
import type { ChangeBatch, FileBatch, InProgressBatch } from '../core/batch.ts'
import type { Lease } from '../core/destination.ts'
import type { StreamEvent, StreamToken } from '../core/source.ts'
import type { StageFile } from '../core/stage.ts'
import { type TableSchema, tableName } from '../core/table-schema.ts'
import { changesBatchId, inProgressBatchId, placeBatch } from './batch-name.ts'
import type { SourceContext } from './context.ts'
import { InProgressFile, writeBatchFile } from './stage-file-writer.ts'

export type Boundary = Extract<StreamEvent, { kind: 'boundary' }>

export interface StagedBoundary {
  readonly boundary: Boundary
  readonly files: readonly StageFile[]
}

/** In the order in which they are called. What is given for the ledger is asked for at the moment of its record. */
export interface SealSteps {
  readonly prepare: () => Promise<void>
  /** False: nobody follows the table any more. */
  readonly isWanted: (file: StageFile) => boolean
  readonly tokens: () => readonly StreamToken[]
  readonly recorded: (staged: StagedBoundary) => void
}

interface OpenFile {
  readonly file: Promise<InProgressFile>
  /** Appends are chained so that row groups keep their order. */
  tail: Promise<void>
}

/**
 * Of the memory of a run: batches on their way to the stage. One is encoded while the next is received, and encoding is the
 * faster of the two; more would wait in memory for nothing. A batch that is larger goes alone.
 */
const IN_FLIGHT_SHARE = 1 / 32

export class Stager {
  readonly #context: SourceContext
  readonly #lease: Lease
  /** Tells the files of this stream from those of earlier ones in the same epoch. */
  readonly #stream: number
  readonly #signal: AbortSignal
  readonly #inFlightBytesMax: number
  #inFlightBytes = 0
  #room: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined
  readonly #failed = new AbortController()
  #files: Promise<StageFile | undefined>[] = []
  #recording: Promise<void> = Promise.resolve()
  #recordingCount = 0
  #parts = 0
  readonly #open = new Map<number, Map<string, OpenFile>>()
  /** Durable files that no recorded boundary covers yet: removed if the stream breaks. */
  readonly #unrecorded = new Set<string>()

  constructor(context: SourceContext, lease: Lease, stream: number, signal: AbortSignal) {
    this.#context = context
    this.#lease = lease
    this.#stream = stream
    this.#signal = signal
    this.#inFlightBytesMax = context.settings.memoryBytesMax * IN_FLIGHT_SHARE
  }

  /** Aborts with the first failure: a source that is idle would hear of it with its next change only. */
  get failed(): AbortSignal {
    return this.#failed.signal
  }

  async add(batch: ChangeBatch): Promise<void> {
    const { stage, settings, clock } = this.#context
    const batchId = changesBatchId(this.#lease, batch.firstPosition, batch.lastPosition)
    const place = placeBatch(settings.customer, batch.schema.table, batchId, clock.nowMs())
    await this.#claim(batch.bytes)
    const written = writeBatchFile(stage, batch, place, this.#signal)
    this.#files.push(this.#track(written, batch.bytes))
  }

  /** The file is taken over while what follows is received: nothing of it is held in memory. */
  addFile(batch: FileBatch): void {
    const { stage, settings, clock } = this.#context
    const { schema, rows, features, firstPosition, lastPosition } = batch
    this.throwFailure()
    const batchId = changesBatchId(this.#lease, firstPosition, lastPosition)
    const place = placeBatch(settings.customer, schema.table, batchId, clock.nowMs())
    const adopted = stage.adopt(place.path, batch.file, this.#signal).then(
      (content): StageFile => ({
        ...place,
        ...content,
        rows,
        schema,
        kind: 'changes',
        firstPosition,
        lastPosition,
        features,
      }),
    )
    this.#files.push(this.#track(adopted, 0))
  }

  async addInProgress(batch: InProgressBatch): Promise<void> {
    await this.#claim(batch.bytes)
    const open = this.#openFile(batch)
    const appended = open.tail.then(async () => (await open.file).append(batch))
    open.tail = this.#settle(appended, batch.bytes)
  }

  commitTransaction(event: Extract<StreamEvent, { kind: 'transaction-committed' }>): void {
    const excluded = new Set(event.excluded.map(tableName))
    for (const open of this.#open.get(event.transaction)?.values() ?? []) {
      const committed = open.tail.then(async () => {
        const file = await open.file
        if (!excluded.has(tableName(file.schema.table))) return file.commit(event)
        await file.abort()
        return undefined
      })
      this.#files.push(this.#track(committed, 0))
    }
    this.#open.delete(event.transaction)
  }

  async abortTransaction(transaction: number): Promise<void> {
    const files = [...(this.#open.get(transaction)?.values() ?? [])]
    this.#open.delete(transaction)
    for (const open of files) {
      await open.tail
      await (await open.file).abort()
    }
  }

  /** Records the boundary once its files are durable. Waits only when recording lags behind. */
  async seal(boundary: Boundary, { prepare, isWanted, tokens, recorded }: SealSteps): Promise<void> {
    const pending = this.#files
    this.#files = []
    this.#recordingCount++
    this.#recording = this.#recording
      .then(async () => {
        const written = (await Promise.all(pending)).filter((file) => file !== undefined)
        if (this.#failure !== undefined) throw this.#failure.error
        await prepare()
        const { state, stage, name } = this.#context
        const files = written.filter(isWanted)
        // From here on they may be recorded, even where no answer comes.
        for (const file of files) this.#unrecorded.delete(file.path)
        await state.recordStaged(name, files, boundary.lsn, tokens())
        recorded({ boundary, files })
        for (const file of written) if (!files.includes(file)) await stage.remove(file.path)
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#recordingCount--
      })
    if (this.#recordingCount > MAX_BOUNDARIES_IN_FLIGHT) await this.#recording
    this.throwFailure()
  }

  /** Everything sealed so far is recorded. */
  async drain(): Promise<void> {
    await this.#recording
    this.throwFailure()
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** The stream is over: removes what no recorded boundary covers. */
  async discardUnrecorded(): Promise<void> {
    await this.#recording
    await Promise.all(this.#files)
    this.#files = []
    for (const transaction of [...this.#open.keys()]) {
      for (const open of this.#open.get(transaction)?.values() ?? []) {
        await open.tail
        await open.file.then((file) => file.abort()).catch(() => undefined)
      }
      this.#open.delete(transaction)
    }
    for (const path of this.#unrecorded) await this.#context.stage.remove(path)
    this.#unrecorded.clear()
  }

  #openFile(batch: InProgressBatch): OpenFile {
    const { stage, settings, clock } = this.#context
    const files = this.#open.get(batch.transaction) ?? new Map<string, OpenFile>()
    this.#open.set(batch.transaction, files)
    const key = fileKey(batch.schema)
    const known = files.get(key)
    if (known !== undefined) return known
    const batchId = inProgressBatchId(this.#lease, batch.transaction, this.#stream, this.#parts++)
    const place = placeBatch(settings.customer, batch.schema.table, batchId, clock.nowMs())
    const file = InProgressFile.create(stage, batch, place, this.#signal)
    file.catch((error: unknown) => this.#fail(error))
    const open: OpenFile = { file, tail: Promise.resolve() }
    files.set(key, open)
    return open
  }

  async #claim(bytes: number): Promise<void> {
    this.throwFailure()
    while (this.#inFlightBytes > 0 && this.#inFlightBytes + bytes > this.#inFlightBytesMax) {
      await new Promise<void>((resolve) => {
        this.#room = resolve
      })
      this.throwFailure()
    }
    this.#inFlightBytes += bytes
  }

  #track(work: Promise<StageFile | undefined>, bytes: number): Promise<StageFile | undefined> {
    let written: StageFile | undefined
    const remembered = work.then((file) => {
      written = file
      if (file !== undefined) this.#unrecorded.add(file.path)
    })
    return this.#settle(remembered, bytes).then(() => written)
  }

  /** Never rejects: the failure is kept and thrown to whoever drives the stream. */
  async #settle(work: Promise<unknown>, bytes: number): Promise<void> {
    try {
      await work
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#inFlightBytes -= bytes
      this.#room?.()
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#failed.abort(error)
    this.#room?.()
  }
}

/** Each holds its files in memory only as descriptions, so a few cost nothing; without a bound a slow disk would hide. */
const MAX_BOUNDARIES_IN_FLIGHT = 3

function fileKey(schema: TableSchema): string {
  return `${tableName(schema.table)} ${schema.version}`
}
