/** State as the steps of a journal have made it. In memory, and the same for whoever writes and whoever reads along. */
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { StreamToken } from '../../core/source.ts'
import type { ChunkRecord, ErrorRecord, RunRecord, SourceRecord } from '../../core/state.ts'
import type { TableId } from '../../core/table-schema.ts'
import type { JournalSink } from './journal.ts'
import { Ledger } from './ledger.ts'
import { type Step, type StoredSource, tableKey, tableOfKey } from './step.ts'

/** Of each source. */
const ERRORS_KEPT = 2_000
const RUNS_KEPT = 1_000
const ERRORS_DROPPED_AT_ONCE = 200

export class RecordedState implements JournalSink {
  ledger = new Ledger()
  readonly #sources = new Map<string, StoredSource>()
  /** By key of the table, each by index. */
  readonly #chunks = new Map<string, { readonly table: TableId; readonly chunks: Map<number, ChunkRecord> }>()
  readonly #tokens = new Map<string, StreamToken>()
  /** Of each source by id, in the order in which they began to be recorded: a clock may jump. */
  readonly #runs = new Map<string, Map<string, RunRecord>>()
  readonly #errors = new Map<string, ErrorRecord[]>()
  /** Number of the step that removed a table: a file of it that was written before counts no more. */
  readonly #removed = new Map<string, number>()

  reset(): void {
    this.ledger = new Ledger()
    for (const part of [this.#sources, this.#chunks, this.#tokens, this.#runs, this.#errors, this.#removed])
      part.clear()
  }

  source(name: string): SourceRecord | undefined {
    const stored = this.#sources.get(name)
    if (stored === undefined) return undefined
    const { stagedThrough, ...record } = stored
    const stagedThroughLsn = BigInt(`0x${stagedThrough}`)
    // What is staged is what was confirmed: it is written before it is sent.
    return { ...record, prunedThrough: record.prunedThrough, stagedThroughLsn, confirmedLsn: stagedThroughLsn }
  }

  chunks(table: TableId): readonly ChunkRecord[] {
    const chunks = [...(this.#chunks.get(tableKey(table))?.chunks.values() ?? [])]
    return chunks.sort((a, b) => a.index - b.index).map((chunk) => ({ ...NO_CHUNK_FIELDS, ...chunk }))
  }

  tokens(source: string): readonly StreamToken[] {
    return [...this.#tokens.values()].filter((token) => token.table.source === source)
  }

  /** The newest first. */
  runs(source: string, limit: number): readonly RunRecord[] {
    const runs = [...(this.#runs.get(source)?.values() ?? [])]
    return newest(runs, limit).map((run) => ({ ...NO_RUN_FIELDS, ...run }))
  }

  errors(source: string, limit: number): readonly ErrorRecord[] {
    return newest(this.#errors.get(source) ?? [], limit).map((error) => ({ ...NO_ERROR_FIELDS, ...error }))
  }

  /** True for the record of a table that was written before the table was removed. */
  isRemoved(table: TableId, writtenAfter: number): boolean {
    return (this.#removed.get(tableKey(table)) ?? -1) > writtenAfter
  }

  /** Of which a file from before the removal may still be there. */
  removedTables(): readonly TableId[] {
    return [...this.#removed.keys()].map(tableOfKey)
  }

  /** No file of the table is from before its removal: there is nothing more to be remembered of that. */
  noteGone(table: TableId): void {
    this.#removed.delete(tableKey(table))
  }

  requireSource(name: string): void {
    invariant(this.#sources.has(name), 'a source is saved before its files are recorded')
  }

  apply(applied: object, number: number): void {
    const step = applied as Step
    switch (step.step) {
      case 'source':
        this.#sources.set(step.record.source, step.record)
        return
      case 'staged':
        this.ledger.record(step)
        for (const token of step.tokens) this.#tokens.set(tableKey(token.table), token)
        this.#changeSource(step.source, { stagedThrough: step.through })
        return
      case 'chunk-finished':
        this.#chunksOf(step.chunk.table).set(step.chunk.index, step.chunk)
        this.ledger.record(step)
        return
      case 'files':
        this.ledger.record(step)
        return
      case 'token':
        this.#tokens.set(tableKey(step.token.table), step.token)
        return
      case 'plan':
        this.#chunks.delete(tableKey(step.table))
        for (const chunk of step.chunks) this.#chunksOf(step.table).set(chunk.index, chunk)
        return
      case 'loaded':
        this.ledger.markLoaded(step.batches, step.loadedMs)
        return
      case 'reconciled':
        this.ledger.reconcile(step.table, step.checkpoint, step.loadedMs)
        return
      case 'forgotten':
        this.ledger.forget(step.batches)
        return
      case 'pruned': {
        const before = this.#sources.get(step.source)?.prunedThrough
        if (before === undefined || before < step.through)
          this.#changeSource(step.source, { prunedThrough: step.through as Position })
        return
      }
      case 'discarded':
        this.ledger.discard(step.table)
        this.#tokens.delete(tableKey(step.table))
        return
      case 'removed':
        this.#chunks.delete(tableKey(step.table))
        this.#tokens.delete(tableKey(step.table))
        this.#removed.set(tableKey(step.table), number)
        return
      case 'run':
        this.#addRun(step.run)
        return
      case 'error':
        this.#addError(step.error)
        return
    }
  }

  /** The shortest journal that leads here. */
  *steps(): Generator<Step> {
    for (const record of this.#sources.values()) yield { step: 'source', record }
    yield* this.ledger.steps()
    for (const { table, chunks } of this.#chunks.values()) yield { step: 'plan', table, chunks: [...chunks.values()] }
    for (const token of this.#tokens.values()) yield { step: 'token', token }
    for (const table of this.removedTables()) yield { step: 'removed', table }
    for (const runs of this.#runs.values()) for (const run of runs.values()) yield { step: 'run', run }
    for (const errors of this.#errors.values()) for (const error of errors) yield { step: 'error', error }
  }

  #changeSource(name: string, change: Partial<StoredSource>): void {
    const record = this.#sources.get(name)
    if (record !== undefined) this.#sources.set(name, { ...record, ...change })
  }

  #chunksOf(table: TableId): Map<number, ChunkRecord> {
    const known = this.#chunks.get(tableKey(table))
    if (known !== undefined) return known.chunks
    const chunks = new Map<number, ChunkRecord>()
    this.#chunks.set(tableKey(table), { table, chunks })
    return chunks
  }

  #addRun(run: RunRecord): void {
    const runs = this.#runs.get(run.source) ?? new Map<string, RunRecord>()
    this.#runs.set(run.source, runs)
    runs.set(run.id, run)
    const [oldest] = runs.keys()
    if (runs.size > RUNS_KEPT && oldest !== undefined) runs.delete(oldest)
  }

  #addError(error: ErrorRecord): void {
    const errors = this.#errors.get(error.source) ?? []
    this.#errors.set(error.source, errors)
    errors.push(error)
    if (errors.length >= ERRORS_KEPT + ERRORS_DROPPED_AT_ONCE) errors.splice(0, ERRORS_DROPPED_AT_ONCE)
  }
}

/** JSON has no `undefined`: what was left out is put back. */
const NO_CHUNK_FIELDS = { finishedAt: undefined }
const NO_RUN_FIELDS = { endedMs: undefined, error: undefined }
const NO_ERROR_FIELDS = { table: undefined, hint: undefined }

function newest<T>(all: readonly T[], limit: number): readonly T[] {
  return all.slice(Math.max(0, all.length - limit)).reverse()
}
