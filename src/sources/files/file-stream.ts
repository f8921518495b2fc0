/**
 * Follows file sets: asks for work, does it, says how far it has come, again and again.
 *
 *   waiting ──interval, or a boundary is wanted──▶ a round:
 *     per set: what has changed about its columns ─ per file: [its period goes] ─ range ─▶ boundary ─ range ─▶ boundary … ─▶ end
 *
 * A boundary follows each range, so that a killed run goes on behind the last one that was recorded. A file that replaces
 * its period has none until its last range: its rows and the removal are seen together or not at all. While tables are being
 * begun (their snapshots are empty) no round begins: their files belong to it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { FileBatch } from '../../core/batch.ts'
import { describeError, disposition, isPipelineError, PipelineError } from '../../core/errors.ts'
import type { FileSet, FoundFile } from '../../core/file-set.ts'
import { boundary, parsePosition } from '../../core/position.ts'
import type { BoundaryToken, ChangeStream, StreamEvent, StreamRequest, StreamTable } from '../../core/source.ts'
import { tableName } from '../../core/table-schema.ts'
import {
  difference,
  type FileInProgress,
  type KnownFile,
  type LoadedFile,
  loadedFile,
  withLoaded,
  withRemoval,
} from '../../file-sets/file-token.ts'
import type { FileProblems, FileWork, FindWork } from '../../file-sets/file-work.ts'
import type { FileClock } from './file-clock.ts'
import type { FilePart } from './file-parts.ts'
import type { FileReader, WrittenPart } from './file-reader.ts'
import { FollowedSet } from './file-table.ts'
import { removalBatch } from './removal-batch.ts'

/** What all streams of a source share. */
export interface FilePlace {
  readonly clock: FileClock
  readonly setOf: (table: StreamTable) => FileSet | undefined
  readonly findWork: FindWork
  readonly problems: FileProblems
  readonly reader: FileReader
  /** Tables that are being begun. */
  readonly beginnings: Beginnings
  /** How often it is asked for work; undefined: as often as boundaries are wanted. Milliseconds. */
  readonly intervalMs: number | undefined
}

/** Snapshots that are open. */
export class Beginnings {
  #open = 0
  /** Called when there is none any more. */
  over: () => void = () => undefined

  get isOpen(): boolean {
    return this.#open > 0
  }

  begin(): void {
    this.#open++
  }

  end(): void {
    this.#open--
    if (this.#open === 0) this.over()
  }
}

export class FileStream implements ChangeStream {
  readonly #place: FilePlace
  readonly #request: StreamRequest
  readonly #signal: AbortSignal
  readonly #tables = new Map<string, FollowedSet>()
  #wanted = 0n
  #reached: bigint
  /** Tables came since the round began. */
  #isBehind = true
  #wake: AbortController | undefined
  #rows = 0

  constructor(place: FilePlace, request: StreamRequest, signal: AbortSignal) {
    this.#place = place
    this.#request = request
    this.#signal = signal
    this.#reached = request.fromLsn
    place.clock.raise(request.fromLsn)
    place.beginnings.over = () => this.#wake?.abort()
    for (const table of request.tables) this.#follow(table)
  }

  /** Nobody keeps files for us. */
  confirm(): void {}

  addTable(table: StreamTable): void {
    this.#follow(table)
    this.#isBehind = true
    this.#wake?.abort()
  }

  requestBoundary(lsn: bigint): void {
    if (lsn > this.#wanted) this.#wanted = lsn
    this.#wake?.abort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    for (let waitMs = 0; ; waitMs = this.#place.intervalMs ?? this.#request.flushAfterMs) {
      while (this.#place.beginnings.isOpen || (waitMs > 0 && this.#wanted <= this.#reached && !this.#isBehind)) {
        const isDue = await this.#wait(this.#place.beginnings.isOpen ? undefined : waitMs)
        if (isDue && !this.#place.beginnings.isOpen) break
      }
      this.#signal.throwIfAborted()
      this.#isBehind = false
      for (const table of this.#tables.values()) yield* this.#guarded(table, this.#round(table))
      if (this.#isBehind || this.#place.beginnings.isOpen || this.#wanted <= this.#reached) continue
      this.#place.clock.raise(this.#wanted)
      yield this.#boundary()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place.reader.rest()
  }

  #follow(table: StreamTable): void {
    const { clock, setOf } = this.#place
    clock.raise(parsePosition(table.startAt)?.lsn ?? 0n)
    const name = tableName(table.schema.table)
    const set = setOf(table)
    if (set === undefined || table.token === undefined) this.#tables.delete(name)
    else this.#tables.set(name, new FollowedSet(set, table))
  }

  /** True when the time is over, false when something happened. */
  async #wait(waitMs: number | undefined): Promise<boolean> {
    this.#wake = new AbortController()
    const signal = AbortSignal.any([this.#signal, this.#wake.signal])
    const isOver = await delay(waitMs ?? 2 ** 30, true, { signal }).catch(() => false)
    this.#wake = undefined
    this.#signal.throwIfAborted()
    return isOver
  }

  async *#round(table: FollowedSet): AsyncGenerator<StreamEvent> {
    const changes = table.evolve()
    if (changes.length > 0) yield { kind: 'schema', schema: table.schema, rewritten: false, changes }
    const found = await this.#place.findWork(table.set, table.token, this.#signal)
    const isBegun = (work: FileWork) => work.kind === 'load' && work.file.name === table.token.current?.name
    for (const work of [...found.filter(isBegun), ...found.filter((each) => !isBegun(each))]) {
      this.#signal.throwIfAborted()
      if (work.kind === 'remove') yield* this.#remove(table, work)
      else yield* this.#load(table, work)
    }
  }

  *#remove(table: FollowedSet, { id, period }: Extract<FileWork, { kind: 'remove' }>): Generator<StreamEvent> {
    if (table.token.removals.some((done) => done.id === id)) return
    yield this.#removal(table, period)
    const removal = { id, period: period.name, position: this.#at(), atMs: Date.now() }
    table.token = withRemoval(table.token, removal)
    yield this.#boundary()
  }

  #removal(table: FollowedSet, period: NonNullable<FoundFile['period']>): StreamEvent {
    const { clock } = this.#place
    const batch = removalBatch(table.schema, table.requireDateColumn(), period, this.#request.generation, clock.next)
    clock.advance()
    this.#rows += batch.rows
    return { kind: 'changes', batch }
  }

  async *#load(table: FollowedSet, work: Extract<FileWork, { kind: 'load' }>): AsyncGenerator<StreamEvent> {
    const { file } = work
    const known: KnownFile = {
      name: file.name,
      bytes: file.bytes,
      modifiedMs: file.modifiedMs,
      checksum: work.checksum,
      period: file.period?.name,
    }
    const begun = startOf(table, known, work.again, this.#at())
    if (begun === undefined) return
    if (table.set.write === 'replace') yield* this.#replace(table, file, begun)
    else yield* this.#add(table, file, begun)
  }

  /** Part by part: what is recorded of it counts. */
  async *#add(table: FollowedSet, file: FoundFile, begun: FileInProgress): AsyncGenerator<StreamEvent> {
    const { clock, reader } = this.#place
    let progress = begun
    for await (const part of reader.read(file, begun, this.#signal)) {
      const written = await this.#write(table, file, part)
      for (const batch of written.batches) yield { kind: 'file', batch }
      clock.advance()
      progress = advanced(progress, part, written)
      // Together with its rows, or they would come again.
      table.token = part.isLast
        ? withLoaded(table.token, this.#loaded(progress))
        : { ...table.token, current: progress }
      yield this.#boundary()
    }
  }

  /** Nothing of it is yielded before all of it is read: until then its period stays as it is. */
  async *#replace(table: FollowedSet, file: FoundFile, begun: FileInProgress): AsyncGenerator<StreamEvent> {
    const { clock, reader } = this.#place
    const { period } = file
    if (period === undefined)
      throw refused(table, file, 'its name does not say for which period it stands', REPLACE_HINT)
    const removal = this.#removal(table, period)
    const batches: FileBatch[] = []
    let progress = begun
    try {
      for await (const part of reader.read(file, begun, this.#signal)) {
        const written = await this.#write(table, file, part)
        batches.push(...written.batches)
        clock.advance()
        progress = advanced(progress, part, written)
      }
    } catch (error) {
      await reader.discard(batches)
      throw error
    }
    yield removal
    for (const batch of batches) yield { kind: 'file', batch }
    table.token = withLoaded(table.token, this.#loaded(progress))
    yield this.#boundary()
  }

  async #write(table: FollowedSet, file: FoundFile, part: FilePart): Promise<WrittenPart> {
    const { generation } = this.#request
    const lsn = this.#place.clock.next
    const written = await this.#place.reader.write(part, { table, file, generation, lsn, signal: this.#signal })
    this.#rows += written.rows
    this.#place.problems.progress?.(file, part.isLast ? file.bytes : (part.fileBytes ?? 0))
    return written
  }

  #loaded({ offset: _, range: __, ...file }: FileInProgress): LoadedFile {
    return { ...file, position: this.#at(), atMs: Date.now() }
  }

  /** Everything so far. */
  #at(): string {
    return boundary(this.#request.generation, this.#place.clock.next)
  }

  /** What is wrong with a file ends the round of its set: those before it are loaded, those behind it wait. */
  async *#guarded(table: FollowedSet, events: AsyncGenerator<StreamEvent>): AsyncGenerator<StreamEvent> {
    try {
      yield* events
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!isPipelineError(error) || disposition(error.code) !== 'operator') throw error
      this.#place.problems.note(table.set, error)
      const message = `${describeError(error)}${error.hint === undefined ? '' : `. ${error.hint}`}`
      if (message === table.problem) return
      table.problem = message
      yield { kind: 'notice', table: table.id, message }
    }
  }

  #boundary(): StreamEvent {
    const lsn = this.#place.clock.next
    const tokens: BoundaryToken[] = []
    for (const table of this.#tables.values()) {
      const token = table.newToken()
      if (token !== undefined) tokens.push({ table: table.id, token, startAt: table.startAt })
    }
    const changes = this.#rows
    this.#rows = 0
    this.#reached = lsn
    return {
      kind: 'boundary',
      through: boundary(this.#request.generation, lsn),
      lsn,
      transactions: changes > 0 ? 1 : 0,
      changes,
      newestCommitMs: changes > 0 ? Date.now() : undefined,
      sourceLsn: lsn,
      tokens,
    }
  }
}

const REPLACE_HINT = 'Give the path of the set placeholders that say when, such as {yyyy}-{mm}'

function advanced(before: FileInProgress, part: FilePart, { rows, quarantined }: WrittenPart): FileInProgress {
  return {
    ...before,
    offset: part.next,
    range: part.number + 1,
    rows: before.rows + rows,
    quarantined: before.quarantined + quarantined,
  }
}

/** Where the file begins; undefined where it is loaded already. Throws `source_file` where it may not be loaded. */
function startOf(table: FollowedSet, known: KnownFile, again: boolean, first: string): FileInProgress | undefined {
  const { set, token } = table
  const beginning = { ...known, first, offset: 0, range: 0, rows: 0, quarantined: 0 }
  const before = loadedFile(token, known.name)
  const changed = before === undefined ? undefined : difference(before, known)
  // Not even a file in progress keeps it from being done.
  if (before !== undefined && !again && changed === undefined) return undefined
  const { current } = token
  if (current !== undefined) {
    if (current.name !== known.name)
      throw refused(table, known, `${current.name} is loaded in part, and comes first`, LOAD_FIRST_HINT)
    const moved = difference(current, known)
    if (moved === undefined) return { ...current, ...known }
    if (again && set.write === 'merge') return beginning
    throw refused(table, known, `${moved} since ${current.rows} of its rows were loaded`, PARTLY_HINT)
  }
  // A file that is another one now is none of those whose rows were deleted.
  if (before === undefined || before.removed === true) return beginning
  if (again) {
    if (set.write !== 'append') return beginning
    throw refused(table, known, 'its rows are in the table, and would be there twice', AGAIN_HINT)
  }
  throw refused(table, known, `${changed} since it was loaded`, set.write === 'append' ? AGAIN_HINT : CHANGED_HINT)
}

const LOAD_FIRST_HINT = 'Load it first: simplyload files load'
const PARTLY_HINT =
  'Put the file back as it was, or remove its period and load it again: simplyload files delete --period, then simplyload files load --again'
const AGAIN_HINT = 'Remove its period first: simplyload files delete --period, then simplyload files load --again'
const CHANGED_HINT = 'If it is meant to be loaded again: simplyload files load --again'

function refused(table: FollowedSet, { name }: { readonly name: string }, reason: string, hint: string): PipelineError {
  return new PipelineError('source_file', `Loading ${name}`, {
    cause: new Error(reason),
    hint,
    context: { table: table.name, file: name },
  })
}
