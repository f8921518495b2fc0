/** Setting a Snowflake account up, what it has cost, and what it would. */

import { type Config, freshnessMs, isTablePattern, openAccount, openState } from '../connectors.ts'
import type { State } from '../core/state.ts'
import { qualifiedTableName, tableName } from '../core/table-schema.ts'
import type {
  CostCommand,
  CostReport,
  EstimateCommand,
  EstimateReport,
  SetupCommand,
  SetupStep,
  TableVolume,
} from '../core/warehouse-cost.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { knownFreshness } from './tables.ts'

export async function* setUpWarehouse(
  { config, folder }: LoadedConfig,
  { apply, awsRoleArn }: SetupCommand,
  signal: AbortSignal,
): AsyncGenerator<SetupStep, void, undefined> {
  const account = await openAccount(config, folder)
  const statements = await account.plannedSetup(awsRoleArn)
  if (apply === undefined) {
    for (const { why, sql, isTemplate } of statements)
      yield { why, sql, outcome: isTemplate === true ? 'template' : 'printed' }
    return
  }
  for await (const { why, sql } of account.applySetup(apply, statements, signal)) yield { why, sql, outcome: 'applied' }
  for (const { why, sql, isTemplate } of statements) if (isTemplate === true) yield { why, sql, outcome: 'template' }
}

export async function cost(
  { config, folder }: LoadedConfig,
  { days }: CostCommand,
  signal: AbortSignal,
): Promise<CostReport> {
  const account = await openAccount(config, folder)
  const { days: perDay, ...history } = await account.cost(days, signal)
  return { days, creditPrice: account.creditPrice, perDay, ...history }
}

/** 1 m to 1 d, as far as a person may choose. */
const FRESHNESS_MINUTES = [1, 5, 15, 60, 360, 1440]
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

export async function estimateCost(
  { config, folder }: LoadedConfig,
  { changesPerDay }: EstimateCommand,
  signal: AbortSignal,
): Promise<EstimateReport> {
  const account = await openAccount(config, folder)
  const measured = await measuredTables(config, folder, signal)
  const volumes = measured.map(({ volume }) => ({ ...volume, changesPerDay: changesPerDay ?? volume.changesPerDay }))
  const { tables, ...configured } = account.estimate(volumes)
  return {
    creditPrice: account.creditPrice,
    configured,
    tables: tables.map(({ table, mergesPerDay, creditsPerDay }, index) => {
      const { freshnessMs: ms = 0, changesPerDay: changes = 0 } = volumes[index] ?? {}
      const isMeasured = changesPerDay === undefined && measured[index]?.isMeasured === true
      return { table, freshnessMs: ms, changesPerDay: changes, isMeasured, mergesPerDay, creditsPerDay }
    }),
    freshness: FRESHNESS_MINUTES.map((minutes) => {
      const { tables: _, ...day } = account.estimate(
        volumes.map((volume) => ({ ...volume, freshnessMs: minutes * MINUTE_MS })),
      )
      return { freshnessMs: minutes * MINUTE_MS, ...day }
    }),
  }
}

interface MeasuredTable {
  readonly volume: TableVolume
  readonly isMeasured: boolean
}

/** Where stage files tell nothing: a row of ten columns, compressed. */
const BYTES_PER_ROW_GUESS = 60
/** Of a table that was never copied: a million such rows. */
const TABLE_BYTES_GUESS = 60_000_000
/** Runs that are looked back on. */
const RUNS_MAX = 1000
const FILES_MAX = 10_000

/** Every table that is named or was ever copied, with what runs have shown of it. */
async function measuredTables(config: Config, folder: string, signal: AbortSignal): Promise<readonly MeasuredTable[]> {
  await using state = await openState(config, folder, 'read')
  const sizes = await bytesPerRow(state)
  const found: MeasuredTable[] = []
  for (const [source, { tables: entries }] of Object.entries(config.sources)) {
    signal.throwIfAborted()
    const records = await state.tables(source)
    const rate = await changesPerDay(state, source)
    const all = records.reduce((sum, record) => sum + record.changesMerged, 0)
    const freshness = knownFreshness(
      config,
      source,
      records.map((record) => record.table),
    )
    const copied = new Set(records.map((record) => tableName(record.table)))
    for (const { name, freshness: own } of entries.filter(
      (entry) => !isTablePattern(entry.name) && !copied.has(entry.name),
    )) {
      const volume = { table: `${source}.${name}`, freshnessMs: own ?? freshnessMs(config) }
      const unknown = { changesPerDay: 0, bytesPerChange: BYTES_PER_ROW_GUESS, tableBytes: TABLE_BYTES_GUESS }
      found.push({ isMeasured: false, volume: { ...volume, ...unknown } })
    }
    for (const [index, { table, changesMerged, rowsSnapshot }] of records.entries()) {
      const bytes = sizes.get(qualifiedTableName(table)) ?? BYTES_PER_ROW_GUESS
      found.push({
        isMeasured: rate !== undefined,
        volume: {
          table: qualifiedTableName(table),
          freshnessMs: freshness[index] ?? freshnessMs(config),
          changesPerDay: rate === undefined || all === 0 ? 0 : (rate * changesMerged) / all,
          bytesPerChange: bytes,
          tableBytes: rowsSnapshot * bytes,
        },
      })
    }
  }
  return found
}

/** Of all tables of the source together. Undefined before anything was merged. */
async function changesPerDay(state: State, source: string): Promise<number | undefined> {
  const runs = await state.runs(source, RUNS_MAX)
  const began = Math.min(...runs.map((run) => run.startedMs))
  const ended = Math.max(...runs.map((run) => run.endedMs ?? Date.now()))
  const changes = runs.reduce((sum, run) => sum + run.changesMerged, 0)
  if (changes === 0 || ended <= began) return undefined
  return (changes * DAY_MS) / (ended - began)
}

async function bytesPerRow(state: State): Promise<ReadonlyMap<string, number>> {
  const totals = new Map<string, { bytes: number; rows: number }>()
  for (const { schema, bytes, rows } of await state.loadedBefore(Date.now(), FILES_MAX)) {
    const name = qualifiedTableName(schema.table)
    const total = totals.get(name) ?? { bytes: 0, rows: 0 }
    totals.set(name, { bytes: total.bytes + bytes, rows: total.rows + rows })
  }
  return new Map([...totals].filter(([, { rows }]) => rows > 0).map(([name, { bytes, rows }]) => [name, bytes / rows]))
}
