/**
 * Operational state as JSON files in a folder:
 *
 * | file | holds |
 * | --- | --- |
 * | `tables/<source>/<namespace>.<name>.json` | the record of a table |
 * | `journal.jsonl` | everything else: sources, chunks, the ledger of stage files, runs, errors |
 * | `requests.json` | what people ask of a sync |
 * | `lock`, `holder` | the process that writes |
 *
 * One process writes; others may read along, and ask. The ledger is held in memory, about 1 kB per stage file that retention
 * has not removed: for more than some hundred thousand of them SQLite is the better place.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { StreamToken } from '../../core/source.ts'
import type { StageFile } from '../../core/stage.ts'
import type { ChunkRecord, ErrorRecord, RunRecord, SourceRecord, State, TableRecord } from '../../core/state.ts'
import type { TableId } from '../../core/table-schema.ts'
import { anotherWriter } from '../another-writer.ts'
import { isLocked, tryLock } from '../process-lock.ts'
import { makeFolder } from './durable-file.ts'
import { damaged, fileStateError } from './errors.ts'
import { JournalReader, JournalWriter } from './journal.ts'
import { RecordedState } from './recorded-state.ts'
import { RequestFile } from './request-file.ts'
import type { Step } from './step.ts'
import { TableFiles } from './table-file.ts'

// Somebody who only asks whether it is locked is in the way for a moment.
const LOCK_WAIT_MS = 500

export interface FileStateOptions {
  /** A folder of its own. Absolute, or relative to the working directory. */
  readonly path: string
  /** `write`: the only one, else `state_locked`. `read`: beside a writer; a folder that does not exist is empty. */
  readonly mode: 'read' | 'write'
}

export async function openFileState({ path, mode }: FileStateOptions): Promise<State> {
  const folder = resolve(path)
  const held = new AsyncDisposableStack()
  try {
    const recorded = new RecordedState()
    const tables = new TableFiles(join(folder, 'tables'))
    const reader = new JournalReader(journalPath(folder), recorded)
    let writer: JournalWriter | undefined
    if (mode === 'write') {
      await makeFolder(folder)
      held.use(lockFolder(folder))
      writer = held.use(await openJournal(folder, reader, tables))
      await finishRemovals(recorded, tables)
    }
    return new FileState(folder, recorded, tables, reader, writer, held.move())
  } catch (error) {
    await held.disposeAsync()
    throw fileStateError(error, `Opening the state ${folder}`, folder)
  }
}

/** True while some process has the state open for writing: a sync is running. */
export async function isFileStateInUse(path: string): Promise<boolean> {
  const folder = resolve(path)
  try {
    return isLocked(join(folder, 'lock'))
  } catch (error) {
    throw fileStateError(error, `Examining the lock of the state ${folder}`, folder)
  }
}

function journalPath(folder: string): string {
  return join(folder, 'journal.jsonl')
}

function lockFolder(folder: string): Disposable {
  const holder = join(folder, 'holder')
  const lock = tryLock(join(folder, 'lock'), LOCK_WAIT_MS)
  if (lock === undefined) {
    throw anotherWriter({
      place: folder,
      holder: existsSync(holder) ? `process ${readFileSync(holder, 'utf8').trim()}` : undefined,
      other: 'a folder of its own (state.path)',
      context: { path: folder },
    })
  }
  writeFileSync(holder, `${process.pid}\n`)
  return lock
}

async function openJournal(folder: string, reader: JournalReader, tables: TableFiles): Promise<JournalWriter> {
  const path = journalPath(folder)
  if (await reader.follow()) return JournalWriter.open(path, reader)
  if (await tables.isEmpty()) return JournalWriter.create(path)
  throw damaged(
    path,
    'it is missing, and files of tables are there',
    `Put back a copy of the whole folder, or move ${folder} away whole`,
  )
}

/** A process that was killed may have left the file of a table that it removed. */
async function finishRemovals(recorded: RecordedState, tables: TableFiles): Promise<void> {
  for (const table of recorded.removedTables()) {
    const left = await tables.read(table)
    if (left !== undefined && recorded.isRemoved(table, left.after)) await tables.remove(table)
    recorded.noteGone(table)
  }
}

class FileState implements State {
  readonly #folder: string
  readonly #recorded: RecordedState
  readonly #tables: TableFiles
  readonly #reader: JournalReader
  readonly #journal: JournalWriter | undefined
  readonly #requests: RequestFile
  readonly #held: AsyncDisposableStack
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    folder: string,
    recorded: RecordedState,
    tables: TableFiles,
    reader: JournalReader,
    journal: JournalWriter | undefined,
    held: AsyncDisposableStack,
  ) {
    this.#folder = folder
    this.#recorded = recorded
    this.#tables = tables
    this.#reader = reader
    this.#journal = journal
    this.#requests = new RequestFile(folder)
    this.#held = held
  }

  source(source: string): Promise<SourceRecord | undefined> {
    return this.#read(() => this.#recorded.source(source))
  }

  saveSource({ stagedThroughLsn, confirmedLsn: _, ...record }: SourceRecord): Promise<void> {
    return this.#commit(() => ({ step: 'source', record: { ...record, stagedThrough: hex(stagedThroughLsn) } }))
  }

  tables(source: string): Promise<readonly TableRecord[]> {
    return this.#read(async () => {
      const all = await this.#tables.readAll(source)
      return all
        .filter(({ record, after }) => !this.#recorded.isRemoved(record.table, after))
        .map(({ record }) => record)
    })
  }

  saveTable(record: TableRecord): Promise<void> {
    return this.#write(async (journal) => {
      await this.#tables.save(record, journal.last)
      this.#recorded.noteGone(record.table)
    })
  }

  removeTable(table: TableId): Promise<void> {
    return this.#write(async (journal) => {
      // With this step it is removed; its file goes afterwards, or when the state is opened again.
      await this.#append(journal, { step: 'removed', table })
      await this.#tables.remove(table)
      this.#recorded.noteGone(table)
    })
  }

  savePlan(table: TableId, chunks: readonly ChunkRecord[]): Promise<void> {
    return this.#commit(() => ({ step: 'plan', table, chunks }))
  }

  chunks(table: TableId): Promise<readonly ChunkRecord[]> {
    return this.#read(() => this.#recorded.chunks(table))
  }

  finishChunk(chunk: ChunkRecord, files: readonly StageFile[]): Promise<void> {
    return this.#commit(() => ({ step: 'chunk-finished', chunk, ...this.#recorded.ledger.store(files) }))
  }

  clearChunks(table: TableId): Promise<void> {
    return this.#commit(() => ({ step: 'plan', table, chunks: [] }))
  }

  recordStaged(
    source: string,
    files: readonly StageFile[],
    stagedThroughLsn: bigint,
    tokens: readonly StreamToken[] = [],
  ): Promise<void> {
    return this.#commit(() => {
      this.#recorded.requireSource(source)
      const stored = this.#recorded.ledger.store(files)
      return { step: 'staged', source, through: hex(stagedThroughLsn), tokens, ...stored }
    })
  }

  saveToken(token: StreamToken): Promise<void> {
    return this.#commit(() => ({ step: 'token', token }))
  }

  tokens(source: string): Promise<readonly StreamToken[]> {
    return this.#read(() => this.#recorded.tokens(source))
  }

  waiting(source: string, table?: TableId): Promise<readonly StageFile[]> {
    return this.#read(() => this.#recorded.ledger.waiting(source, table))
  }

  markLoaded(batches: readonly string[], loadedMs: number): Promise<void> {
    if (batches.length === 0) return Promise.resolve()
    return this.#commit(() => ({ step: 'loaded', batches, loadedMs }))
  }

  reconcileLoaded(table: TableId, checkpoint: Position, loadedMs: number): Promise<void> {
    return this.#commit(() => ({ step: 'reconciled', table, checkpoint, loadedMs }))
  }

  loadedBefore(beforeMs: number, limit: number): Promise<readonly StageFile[]> {
    return this.#read(() => this.#recorded.ledger.loadedBefore(beforeMs, limit))
  }

  forget(batches: readonly string[]): Promise<void> {
    if (batches.length === 0) return Promise.resolve()
    return this.#commit(() => ({ step: 'forgotten', batches }))
  }

  notePruned(source: string, through: Position): Promise<void> {
    return this.#commit(() => ({ step: 'pruned', source, through }))
  }

  discardWaiting(table: TableId): Promise<readonly StageFile[]> {
    return this.#write(async (journal) => {
      const files = this.#recorded.ledger.waiting(table.source, table)
      await this.#append(journal, { step: 'discarded', table })
      return files
    })
  }

  saveRun(run: RunRecord): Promise<void> {
    return this.#commit(() => ({ step: 'run', run }))
  }

  runs(source: string, limit: number): Promise<readonly RunRecord[]> {
    return this.#read(() => this.#recorded.runs(source, limit))
  }

  recordError(error: ErrorRecord): Promise<void> {
    return this.#commit(() => ({ step: 'error', error }))
  }

  errors(source: string, limit: number): Promise<readonly ErrorRecord[]> {
    return this.#read(() => this.#recorded.errors(source, limit))
  }

  ask(request: ControlRequest): Promise<void> {
    return this.#write(() => this.#requests.ask(request))
  }

  request(id: string): Promise<ControlRecord | undefined> {
    return this.#read(() => this.#requests.find(id))
  }

  openRequests(source: string): Promise<readonly ControlRecord[]> {
    return this.#read(() => this.#requests.open(source))
  }

  answerRequest(id: string, answer: ControlAnswer): Promise<void> {
    return this.#write(() => this.#requests.answer(id, answer))
  }

  watchRequests(notify: () => void): Disposable {
    return this.#held.use(this.#requests.watch(notify))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    await this.#held.disposeAsync()
  }

  #commit(stepOf: () => Step): Promise<void> {
    return this.#write((journal) => this.#append(journal, stepOf()))
  }

  /** On the disk first, then in memory: what is in memory was acknowledged. */
  async #append(journal: JournalWriter, step: Step): Promise<void> {
    if (journal.isSuspect) await journal.rewrite(this.#recorded.steps())
    await journal.append(step)
    this.#recorded.apply(step, journal.last)
    if (journal.needsRewrite) await this.#shorten(journal)
  }

  async #shorten(journal: JournalWriter): Promise<void> {
    try {
      await journal.rewrite(this.#recorded.steps())
    } catch {
      // The step itself is safe in the journal that is there. Where the disk is full the next step says so.
      journal.postponeRewrite()
    }
  }

  #read<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#inTurn('Reading', async () => {
      if (this.#journal === undefined) await this.#reader.follow()
      return await work()
    })
  }

  #write<T>(work: (journal: JournalWriter) => T | Promise<T>): Promise<T> {
    return this.#inTurn('Writing', async () => {
      invariant(this.#journal !== undefined, 'a state that was opened for reading is not written')
      return await work(this.#journal)
    })
  }

  #inTurn<T>(doing: 'Reading' | 'Writing', work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work).catch((error: unknown) => {
      throw fileStateError(error, `${doing} the state ${this.#folder}`, this.#folder)
    })
    this.#last = mine.catch(() => undefined)
    return mine
  }
}

function hex(lsn: bigint): string {
  return lsn.toString(16)
}
