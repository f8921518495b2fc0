/** `quarantine replay`: which rows are to be read again is found here; reading and merging them is the sync's. */
import { randomUUID } from 'node:crypto'
import { isStateInUse, openRequestBox } from '../connectors.ts'
import type { ReplayReport, ReplayRequest } from '../core/application.ts'
import { systemClock } from '../core/clock.ts'
import { isOpen } from '../core/control-request.ts'
import type { QuarantineEntry } from '../core/destination.ts'
import { PipelineError } from '../core/errors.ts'
import type { RequestBox } from '../core/state.ts'
import { qualifiedTableName, type TableId } from '../core/table-schema.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { quarantined } from './quarantined.ts'

const ENTRIES_MAX = 1_000_000
/** Of one request: they are read in one statement, and kept with it. */
const KEYS_MAX = 5_000
const POLL_MS = 200

interface Asked {
  readonly id: string
  readonly table: TableId
  readonly entries: number
}

export async function replayQuarantine(
  setting: LoadedConfig,
  request: ReplayRequest,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const all = await quarantined(setting, request, ENTRIES_MAX, signal)
  const entries = request.ids.length === 0 ? all : all.filter((entry) => request.ids.includes(entry.id))
  const unknown = request.ids.find((id) => !all.some((entry) => entry.id === id))
  if (unknown !== undefined) {
    throw new PipelineError('not_found', `Finding the entry ${unknown}`, {
      cause: new Error('no open entry of the quarantine has this id'),
      hint: 'simplyload quarantine show lists entries with their ids',
    })
  }
  const replayable = entries.filter((entry) => hasUsableKey(entry))
  await using box = await openRequestBox(setting.config, setting.folder)
  const asked: Asked[] = []
  for (const group of Map.groupBy(replayable, (entry) => qualifiedTableName(entry.table)).values()) {
    asked.push(...(await askFor(box, group)))
  }
  const running = asked.length > 0 && (await isStateInUse(setting.config, setting.folder))
  if (running) await answered(setting, box, asked, signal)
  const tables: ReplayReport['tables'][number][] = []
  for (const { id, table, entries: count } of asked) {
    const answer = (await box.request(id))?.answer
    tables.push({
      table,
      entries: count,
      ...(answer === undefined ? {} : { outcome: answer.outcome }),
      ...(answer?.message === undefined ? {} : { message: answer.message }),
    })
  }
  return { withoutKey: entries.length - replayable.length, running, tables }
}

/** A key that itself could not be represented is not the key that the source knows. */
function hasUsableKey({ key, reason }: QuarantineEntry): boolean {
  if (key === null || reason.startsWith('key with')) return false
  const parts: unknown = JSON.parse(key)
  return Array.isArray(parts) && parts.length > 0 && parts.every((part) => typeof part === 'string')
}

async function askFor(box: RequestBox, entries: readonly QuarantineEntry[]): Promise<readonly Asked[]> {
  const [first] = entries
  if (first === undefined) return []
  const byKey = Map.groupBy(entries, (entry) => entry.key ?? '')
  const keys = [...byKey.keys()]
  const asked: Asked[] = []
  for (let start = 0; start < keys.length; start += KEYS_MAX) {
    const some = keys.slice(start, start + KEYS_MAX)
    const id = randomUUID()
    const askedMs = systemClock.nowMs() + asked.length
    await box.ask({ id, table: first.table, action: { kind: 'replay', keys: some }, askedMs })
    asked.push({ id, table: first.table, entries: some.reduce((sum, key) => sum + (byKey.get(key)?.length ?? 0), 0) })
  }
  return asked
}

/** Until all are answered, or nobody runs any more who could. */
async function answered(
  { config, folder }: LoadedConfig,
  box: RequestBox,
  asked: readonly Asked[],
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const records = await Promise.all(asked.map(({ id }) => box.request(id)))
    if (records.every((record) => record === undefined || !isOpen(record))) return
    if (!(await isStateInUse(config, folder))) return
    await systemClock.sleep(POLL_MS, signal)
  }
}
