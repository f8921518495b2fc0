/** Ports of which a test replaces some calls. The rest goes through. */
import type { ChangeSource, ChangeStream, SnapshotChunk, SnapshotSession, StreamEvent } from '../../src/core/source.ts'
import type { Stage } from '../../src/core/stage.ts'
import type { State } from '../../src/core/state.ts'
import { tableName } from '../../src/core/table-schema.ts'
import { orAborted } from './or-aborted.ts'

export function wrapSource(inner: ChangeSource, over: Partial<ChangeSource>): ChangeSource {
  return {
    name: inner.name,
    discover: (...args) => inner.discover(...args),
    examine: (...args) => inner.examine(...args),
    describe: (...args) => inner.describe(...args),
    prepare: (...args) => inner.prepare(...args),
    publish: (...args) => inner.publish(...args),
    currentLsn: (...args) => inner.currentLsn(...args),
    openSnapshot: (...args) => inner.openSnapshot(...args),
    resolveRange: (...args) => inner.resolveRange(...args),
    openStream: (...args) => inner.openStream(...args),
    readRows: (...args) => inner.readRows(...args),
    readForVerification: (...args) => inner.readForVerification(...args),
    dropSlot: (...args) => inner.dropSlot(...args),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...over,
  }
}

export interface ChunkCall {
  readonly table: string
  readonly chunk: SnapshotChunk
  /** From 1, of this wrapped source. */
  readonly session: number
}

export interface SnapshotHooks {
  /** Throws to fail the reading of the chunk. */
  readonly before?: (call: ChunkCall) => Promise<void> | void
  /** When all rows of the chunk have been taken. */
  readonly after?: (call: ChunkCall) => Promise<void> | void
  /** The session is open and holds its locks. */
  readonly opened?: (session: SnapshotSession) => Promise<void> | void
}

export function watchSnapshot(inner: ChangeSource, hooks: SnapshotHooks): ChangeSource {
  let sessions = 0
  return wrapSource(inner, {
    async openSnapshot(request, signal) {
      const session = await inner.openSnapshot(request, signal)
      const number = ++sessions
      await hooks.opened?.(session)
      return {
        position: session.position,
        takenUs: session.takenUs,
        plan: (...args) => session.plan(...args),
        async *readChunk(schema, chunk, chunkSignal) {
          const call = { table: tableName(schema.table), chunk, session: number }
          await orAborted(chunkSignal, hooks.before?.(call))
          yield* session.readChunk(schema, chunk, chunkSignal)
          await orAborted(chunkSignal, hooks.after?.(call))
        },
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      }
    },
  })
}

/** Opens streams at once, and reads nothing of them before the promise resolves. */
export function delayStream(inner: ChangeSource, begin: Promise<void>): ChangeSource {
  return wrapSource(inner, {
    async openStream(request, signal): Promise<ChangeStream> {
      const stream = await inner.openStream(request, signal)
      return {
        confirm: (lsn) => stream.confirm(lsn),
        addTable: (table) => stream.addTable(table),
        requestBoundary: (lsn) => stream.requestBoundary(lsn),
        async *[Symbol.asyncIterator]() {
          await orAborted(signal, begin)
          yield* stream
        },
        [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
      }
    },
  })
}

/** Hears every event of every stream before the engine does; may wait until a stop, and may throw to break the stream. */
export function watchStream(inner: ChangeSource, hear: (event: StreamEvent) => Promise<void> | void): ChangeSource {
  return wrapSource(inner, {
    async openStream(request, signal): Promise<ChangeStream> {
      const stream = await inner.openStream(request, signal)
      return {
        confirm: (lsn) => stream.confirm(lsn),
        addTable: (table) => stream.addTable(table),
        requestBoundary: (lsn) => stream.requestBoundary(lsn),
        async *[Symbol.asyncIterator]() {
          for await (const event of stream) {
            await orAborted(signal, hear(event))
            yield event
          }
        },
        [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
      }
    },
  })
}

export function wrapStage(inner: Stage, over: Partial<Stage>): Stage {
  return {
    shared: inner.shared,
    compression: inner.compression,
    create: (...args) => inner.create(...args),
    adopt: (...args) => inner.adopt(...args),
    location: (...args) => inner.location(...args),
    fetch: (...args) => inner.fetch(...args),
    read: (...args) => inner.read(...args),
    stat: (...args) => inner.stat(...args),
    list: (...args) => inner.list(...args),
    remove: (...args) => inner.remove(...args),
    sweep: (...args) => inner.sweep(...args),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...over,
  }
}

export function wrapState(inner: State, over: Partial<State>): State {
  return {
    source: (...args) => inner.source(...args),
    saveSource: (...args) => inner.saveSource(...args),
    tables: (...args) => inner.tables(...args),
    saveTable: (...args) => inner.saveTable(...args),
    removeTable: (...args) => inner.removeTable(...args),
    savePlan: (...args) => inner.savePlan(...args),
    chunks: (...args) => inner.chunks(...args),
    finishChunk: (...args) => inner.finishChunk(...args),
    clearChunks: (...args) => inner.clearChunks(...args),
    recordStaged: (...args) => inner.recordStaged(...args),
    saveToken: (...args) => inner.saveToken(...args),
    tokens: (...args) => inner.tokens(...args),
    waiting: (...args) => inner.waiting(...args),
    markLoaded: (...args) => inner.markLoaded(...args),
    reconcileLoaded: (...args) => inner.reconcileLoaded(...args),
    loadedBefore: (...args) => inner.loadedBefore(...args),
    forget: (...args) => inner.forget(...args),
    notePruned: (...args) => inner.notePruned(...args),
    discardWaiting: (...args) => inner.discardWaiting(...args),
    saveRun: (...args) => inner.saveRun(...args),
    runs: (...args) => inner.runs(...args),
    recordError: (...args) => inner.recordError(...args),
    errors: (...args) => inner.errors(...args),
    ask: (...args) => inner.ask(...args),
    request: (...args) => inner.request(...args),
    openRequests: (...args) => inner.openRequests(...args),
    answerRequest: (...args) => inner.answerRequest(...args),
    watchRequests: (...args) => inner.watchRequests(...args),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...over,
  }
}

/** Something that one side waits for and the other one lets happen. */
export class Gate {
  readonly opened: Promise<void>
  #open: () => void = () => undefined

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  open(): void {
    this.#open()
  }
}
