/**
 * Takes the ledger of a source from the pages in a shared stage, where operational state is missing or another machine has
 * gone on since: the newest volume's newest full page, and every page after it without a gap. Where pages are missing the
 * ledger ends before them; that the source has been told to forget more than that is then found by the start, as any gap.
 */
import { describeError, isPipelineError } from '../core/errors.ts'
import type { StreamToken } from '../core/source.ts'
import type { Stage, StageFile } from '../core/stage.ts'
import type { SourceRecord, State, TableRecord } from '../core/state.ts'
import { tableName } from '../core/table-schema.ts'
import type { SourceContext } from './context.ts'
import { decodePage, type LedgerPage, ledgerFolder, type PageName, pagePath } from './ledger-page.ts'
import { listPages } from './ledger-pages.ts'

const READS_AT_ONCE = 16

/** True where operational state was replaced by what the stage has. */
export async function restoreLedger(context: SourceContext, signal: AbortSignal): Promise<boolean> {
  const { stage, state, settings, name, log, emit, clock } = context
  if (!stage.shared) return false
  const folder = ledgerFolder(settings.customer, name)
  const names = await listPages(stage, folder)
  const newest = names.at(-1)
  if (newest === undefined) return false
  const own = await state.source(name)
  const read = (page: PageName) => readPage(context, pagePath(folder, page), signal)
  const reached = await read(newest)
  // Mostly the state is ahead by nothing, or by the page that a killed process did not write any more.
  if (own !== undefined && reached !== undefined && !isBehind(own, reached)) return false
  const pages = await readVolume(names, newest, read)
  const last = pages.at(-1)
  if (last === undefined || (own !== undefined && !isBehind(own, last))) return false
  const waiting = await replaceState(context, pages, last, own)
  const reason = own === undefined ? 'was missing' : 'was older than what another process has staged since'
  const message = `operational state ${reason}; going on from the ledger in the stage, by which ${waiting} files wait`
  log.warn({ source: name, files: waiting }, message)
  emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
  return true
}

export interface LedgerPlace {
  readonly stage: Stage
  readonly state: State
  readonly customer: string
  readonly source: string
}

/** Whether operational state knows at least what the newest page in the stage knows. */
export async function isStateCurrent(
  { stage, state, customer, source }: LedgerPlace,
  signal: AbortSignal,
): Promise<boolean> {
  const own = await state.source(source)
  if (own === undefined) return false
  const folder = ledgerFolder(customer, source)
  const newest = (await listPages(stage, folder)).at(-1)
  if (newest === undefined) return true
  const path = pagePath(folder, newest)
  const bytes = await stage.read(path, signal)
  // Gone since it was listed, or damaged: nobody can tell.
  const page = bytes === undefined ? undefined : await decodePage(bytes, path).catch(() => undefined)
  return page !== undefined && !isBehind(own, page)
}

function isBehind(own: SourceRecord, page: LedgerPage): boolean {
  if (own.generation !== page.generation) return own.generation < page.generation
  return own.stagedThroughLsn < page.stagedThroughLsn
}

/** From the newest full page on, as far as none is missing. */
async function readVolume(
  names: readonly PageName[],
  newest: PageName,
  read: (page: PageName) => Promise<LedgerPage | undefined>,
): Promise<readonly LedgerPage[]> {
  const volume = names.filter((name) => name.volume === newest.volume && name.epoch === newest.epoch)
  const full = volume.findLast((name) => name.isFull)
  if (full === undefined) return []
  const wanted: PageName[] = [full]
  for (const name of volume) {
    if (name.number === (wanted.at(-1)?.number ?? 0) + 1) wanted.push(name)
  }
  const pages: LedgerPage[] = []
  for (let start = 0; start < wanted.length; start += READS_AT_ONCE) {
    const some = await Promise.all(wanted.slice(start, start + READS_AT_ONCE).map(read))
    for (const page of some) {
      if (page === undefined) return pages
      pages.push(page)
    }
  }
  return pages
}

/** Undefined for a page that is gone or damaged. */
async function readPage(
  { stage, log, name }: SourceContext,
  path: string,
  signal: AbortSignal,
): Promise<LedgerPage | undefined> {
  const bytes = await stage.read(path, signal)
  try {
    return bytes === undefined ? undefined : await decodePage(bytes, path)
  } catch (error) {
    if (isPipelineError(error)) throw error
    log.warn({ source: name, path }, `a page of the ledger is damaged: ${describeError(error)}`)
    return undefined
  }
}

/**
 * That nothing is covered comes first; how far the source is covered comes last and in one step with the files: a process
 * that is killed between does all of it again. Chunks of snapshots are not on pages, so a snapshot that was going on begins anew. Returns how many files wait.
 */
async function replaceState(
  { state, name, emit, clock }: SourceContext,
  pages: readonly LedgerPage[],
  last: LedgerPage,
  own: SourceRecord | undefined,
): Promise<number> {
  const { tables, tokens, files } = gather(pages)
  const { generation, identity } = last
  const prunedThrough = own?.prunedThrough
  await state.saveSource({ source: name, generation, identity, stagedThroughLsn: 0n, confirmedLsn: 0n, prunedThrough })
  for (const { table } of await state.tables(name)) {
    await state.clearChunks(table)
    if (!tables.has(tableName(table))) await state.removeTable(table)
  }
  const stale = (await state.waiting(name)).filter((file) => !files.has(file.batchId))
  await state.forget(stale.map((file) => file.batchId))
  for (const { backfill, ...record } of tables.values()) {
    await state.saveTable(record)
    if (backfill === undefined) continue
    const message = `${tableName(record.table)}: the backfill that was going on is not known any more; ask for it again`
    emit({ event: 'notice', source: name, message, atMs: clock.nowMs() })
  }
  if (last.completeFrom !== undefined) await state.notePruned(name, last.completeFrom)
  await state.recordStaged(name, [...files.values()], last.stagedThroughLsn, [...tokens.values()])
  return files.size
}

interface GatheredLedger {
  readonly tables: Map<string, TableRecord>
  readonly tokens: Map<string, StreamToken>
  /** By batch id, in the order in which they were recorded. */
  readonly files: Map<string, StageFile>
}

function gather(pages: readonly LedgerPage[]): GatheredLedger {
  const ledger: GatheredLedger = { tables: new Map(), tokens: new Map(), files: new Map() }
  for (const page of pages) {
    for (const table of page.removed) ledger.tables.delete(tableName(table))
    for (const record of page.tables) ledger.tables.set(tableName(record.table), record)
    const discarded = new Set(page.discarded.map(tableName))
    if (discarded.size > 0) {
      for (const [batchId, file] of ledger.files) {
        if (discarded.has(tableName(file.schema.table))) ledger.files.delete(batchId)
      }
    }
    for (const name of discarded) ledger.tokens.delete(name)
    for (const token of page.tokens) ledger.tokens.set(tableName(token.table), token)
    for (const file of page.files) ledger.files.set(file.batchId, file)
  }
  return ledger
}
