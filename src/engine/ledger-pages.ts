/**
 * Writes the ledger of a source into a shared stage, page by page, as it is recorded: a boundary counts as recorded once
 * its page is there too, and only then is it confirmed to the source. So whoever finds the stage finds all that the
 * source has been told to forget.
 *
 * It stands between the engine and the operational state, and sees everything that is saved.
 */
import { invariant } from '../core/invariant.ts'
import { laterPosition, type Position } from '../core/position.ts'
import type { StreamToken } from '../core/source.ts'
import type { Stage, StageFile } from '../core/stage.ts'
import type { SourceRecord, State, TableRecord } from '../core/state.ts'
import { type TableId, tableName } from '../core/table-schema.ts'
import {
  comparePages,
  encodePage,
  type LedgerPage,
  ledgerFolder,
  type PageName,
  pagePath,
  parsePagePath,
} from './ledger-page.ts'
import { withCalls } from './replaced-calls.ts'

export interface LedgerPagesOptions {
  readonly stage: Stage
  readonly state: State
  readonly customer: string
  readonly source: string
}

/** Below so many entries a full page is not worth its request. */
const ENTRIES_BETWEEN_FULL_MIN = 1_000

/** What has been saved and is on no page yet, by name of the table. */
interface Unwritten {
  readonly tables: Map<string, TableRecord>
  readonly removed: Map<string, TableId>
  readonly tokens: Map<string, StreamToken>
  /** Before the tokens. */
  readonly discarded: Map<string, TableId>
}

export class LedgerPages {
  /** To be used in place of the state that was given. */
  readonly state: State
  readonly #options: LedgerPagesOptions
  readonly #folder: string
  #record: SourceRecord | undefined
  #volume: { readonly volume: number; readonly epoch: number } | undefined
  /** Of the next page. */
  #number = 0
  #entriesOfFull = 0
  #entriesSinceFull = 0
  #reached: Position | undefined
  #unwritten = nothingUnwritten()

  constructor(options: LedgerPagesOptions) {
    this.#options = options
    this.#folder = ledgerFolder(options.customer, options.source)
    this.state = this.#watching(options.state)
  }

  /** The run is set up and recorded: from now on it writes pages, beginning with a full one. */
  async begin(epoch: number, record: SourceRecord, reached: Position | undefined): Promise<void> {
    const present = await this.#pages()
    const last = present.at(-1)
    this.#volume = { volume: (last?.volume ?? 0) + 1, epoch }
    this.#number = 0
    this.#record = record
    this.#reached = reached
    await this.#writeFull()
  }

  /** Some live tables are merged up to here: files of theirs before it are on no later full page. */
  reached(at: Position): void {
    this.#reached = laterPosition(this.#reached, at)
  }

  #watching(inner: State): State {
    const discard = (table: TableId) => {
      this.#unwritten.tokens.delete(tableName(table))
      this.#unwritten.discarded.set(tableName(table), table)
    }
    return withCalls(inner, {
      saveTable: async (record) => {
        await inner.saveTable(record)
        this.#unwritten.tables.set(tableName(record.table), record)
        this.#unwritten.removed.delete(tableName(record.table))
      },
      removeTable: async (table) => {
        await inner.removeTable(table)
        this.#unwritten.tables.delete(tableName(table))
        this.#unwritten.removed.set(tableName(table), table)
        discard(table)
      },
      saveToken: async (token) => {
        await inner.saveToken(token)
        this.#unwritten.tokens.set(tableName(token.table), token)
      },
      discardWaiting: async (table) => {
        const files = await inner.discardWaiting(table)
        discard(table)
        return files
      },
      recordStaged: async (source, files, stagedThroughLsn, tokens = []) => {
        await inner.recordStaged(source, files, stagedThroughLsn, tokens)
        for (const token of tokens) this.#unwritten.tokens.set(tableName(token.table), token)
        if (this.#record === undefined) return
        this.#record = { ...this.#record, stagedThroughLsn }
        await this.#writeMore(files)
      },
    })
  }

  async #writeMore(files: readonly StageFile[]): Promise<void> {
    if (this.#entriesSinceFull > Math.max(ENTRIES_BETWEEN_FULL_MIN, 2 * this.#entriesOfFull)) return this.#writeFull()
    const taken = this.#takeUnwritten()
    try {
      await this.#write(this.#page(taken, files), false)
    } catch (error) {
      this.#putBack(taken)
      throw error
    }
    this.#entriesSinceFull += 1 + files.length + taken.tables.size
  }

  async #writeFull(): Promise<void> {
    const { state, source } = this.#options
    // In this order: what is not waiting any more has been merged before the position that is read after it.
    const waiting = await state.waiting(source)
    const taken = this.#takeUnwritten()
    const all: Unwritten = {
      ...nothingUnwritten(),
      tables: new Map((await state.tables(source)).map((record) => [tableName(record.table), record])),
      tokens: new Map((await state.tokens(source)).map((token) => [tableName(token.table), token])),
    }
    const files = waiting.filter((file) => file.kind === 'changes')
    const name = { ...this.#open(), number: this.#number, isFull: true }
    try {
      await this.#write(this.#page(all, files), true)
    } catch (error) {
      this.#putBack(taken)
      throw error
    }
    this.#entriesOfFull = files.length + all.tables.size
    this.#entriesSinceFull = 0
    await this.#discardBefore(name)
  }

  #page({ tables, removed, tokens, discarded }: Unwritten, files: readonly StageFile[]): LedgerPage {
    invariant(this.#record !== undefined, 'pages are written once the run has begun')
    const { generation, identity, stagedThroughLsn, prunedThrough } = this.#record
    return {
      generation,
      identity,
      stagedThroughLsn,
      completeFrom: laterPosition(this.#reached, prunedThrough),
      removed: [...removed.values()],
      tables: [...tables.values()],
      discarded: [...discarded.values()],
      tokens: [...tokens.values()],
      files,
    }
  }

  async #write(page: LedgerPage, isFull: boolean): Promise<void> {
    const { stage } = this.#options
    const path = pagePath(this.#folder, { ...this.#open(), number: this.#number, isFull })
    const writer = await stage.create(path, new AbortController().signal)
    try {
      await writer.write(await encodePage(page))
      await writer.commit()
    } catch (error) {
      await writer.abort()
      throw error
    }
    this.#number++
  }

  async #discardBefore(name: PageName): Promise<void> {
    for (const page of await this.#pages()) {
      if (comparePages(page, name) < 0) await this.#options.stage.remove(pagePath(this.#folder, page))
    }
  }

  async #pages(): Promise<readonly PageName[]> {
    return listPages(this.#options.stage, this.#folder)
  }

  #open(): { readonly volume: number; readonly epoch: number } {
    invariant(this.#volume !== undefined, 'pages are written once the run has begun')
    return this.#volume
  }

  #takeUnwritten(): Unwritten {
    const taken = this.#unwritten
    this.#unwritten = nothingUnwritten()
    return taken
  }

  /** Under what was saved meanwhile. */
  #putBack(taken: Unwritten): void {
    const { tables, removed, tokens, discarded } = this.#unwritten
    for (const name of removed.keys()) taken.tables.delete(name)
    for (const name of tables.keys()) taken.removed.delete(name)
    for (const name of discarded.keys()) taken.tokens.delete(name)
    this.#unwritten = {
      tables: new Map([...taken.tables, ...tables]),
      removed: new Map([...taken.removed, ...removed]),
      tokens: new Map([...taken.tokens, ...tokens]),
      discarded: new Map([...taken.discarded, ...discarded]),
    }
  }
}

function nothingUnwritten(): Unwritten {
  return { tables: new Map(), removed: new Map(), tokens: new Map(), discarded: new Map() }
}

/** In the order in which they were written. */
export async function listPages(stage: Stage, folder: string): Promise<readonly PageName[]> {
  const found: PageName[] = []
  for await (const { path } of stage.list(folder)) {
    const name = parsePagePath(path)
    if (name !== undefined) found.push(name)
  }
  return found.sort(comparePages)
}
