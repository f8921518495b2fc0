/** Asks a sync: writes requests where it finds them, and waits for its answers. */
import { randomUUID } from 'node:crypto'
import { expandTableList, isStateInUse, openRequestBox, openState } from '../connectors.ts'
import type { ControlCommand, ControlledTable, ControlReport, ControlWait } from '../core/application.ts'
import { systemClock } from '../core/clock.ts'
import type { ControlAction } from '../core/control-request.ts'
import type { RequestBox } from '../core/state.ts'
import { qualifiedTableName, type TableId } from '../core/table-schema.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { selectSources, selectTables, sourceConfig, type TableEntry } from './tables.ts'

/** A running sync looks twice a second, and may be in the midst of a merge. */
const TAKEN_AFTER_MS_MAX = 15_000
const POLL_MS = 100

type OnAnswer = (table: ControlledTable) => void

export async function control(
  setting: LoadedConfig,
  command: ControlCommand,
  onAnswer: OnAnswer,
  signal: AbortSignal,
): Promise<ControlReport> {
  const known: TableId[] = []
  for (const name of selectSources(setting.config, command)) known.push(...(await knownTables(setting, name)))
  const tables = selectTables(known, command)
  return await askSync(setting, tables, command.action, command.wait, onAnswer, signal)
}

/** Those that the file names, and those that a pattern of it has brought so far. */
async function knownTables({ config, folder }: LoadedConfig, source: string): Promise<readonly TableId[]> {
  await using state = await openState(config, folder, 'read')
  const recorded = (await state.tables(source)).map((record) => record.table)
  const entries: readonly TableEntry[] = sourceConfig(config, source).tables
  const named = expandTableList(entries, recorded)
  const tables = named.map(({ table }) => ({ source, namespace: table.namespace, name: table.name }))
  return [...new Map([...recorded, ...tables].map((table) => [qualifiedTableName(table), table])).values()]
}

export async function askSync(
  { config, folder }: LoadedConfig,
  tables: readonly TableId[],
  action: ControlAction,
  wait: ControlWait,
  onAnswer: OnAnswer,
  signal: AbortSignal,
): Promise<ControlReport> {
  await using box = await openRequestBox(config, folder)
  const asked = new Map<string, ControlledTable>()
  for (const table of tables) {
    const id = randomUUID()
    await box.ask({ id, table, action, askedMs: systemClock.nowMs() })
    asked.set(id, { table })
  }
  const isRunning = () => isStateInUse(config, folder)
  const running = await isRunning()
  if (running) await hear(box, asked, wait, isRunning, onAnswer, signal)
  return { running, tables: [...asked.values()] }
}

/** Until each has its answer, time is up, or nobody runs any more who could give one. */
async function hear(
  box: RequestBox,
  asked: Map<string, ControlledTable>,
  { until, timeoutMs }: ControlWait,
  isRunning: () => Promise<boolean>,
  onAnswer: OnAnswer,
  signal: AbortSignal,
): Promise<void> {
  const limitMs = timeoutMs ?? (until === 'done' ? Number.POSITIVE_INFINITY : TAKEN_AFTER_MS_MAX)
  const deadlineMs = systemClock.elapsedMs() + limitMs
  for (;;) {
    // Asked first: a run that ends has answered by then.
    const goesOn = await isRunning()
    let open = 0
    for (const [id, { table, answer: before }] of asked) {
      const answer = (await box.request(id))?.answer
      if (answer !== undefined && answer.outcome !== before?.outcome) {
        asked.set(id, { table, answer })
        onAnswer({ table, answer })
      }
      const isSettled = answer !== undefined && (until === 'taken' || answer.outcome !== 'accepted')
      if (!isSettled) open++
    }
    if (open === 0 || !goesOn || systemClock.elapsedMs() >= deadlineMs) return
    await systemClock.sleep(POLL_MS, signal)
  }
}
