/** Where the tables of a tortured sync go: a DuckDB file, or the local Snowflake, whose server breaks now and then. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { WriteMode } from '../../src/core/destination.ts'
import type { TableObject } from '../../src/snowflake-twin/catalog/catalog-objects.ts'
import type { Fault, TwinCall } from '../../src/snowflake-twin/faults.ts'
import { quoted, textLiteral } from '../../src/snowflake-twin/sql/stored-name.ts'
import { startTwin, type Twin } from '../../src/snowflake-twin/twin.ts'
import { currentRowsSql, textRows } from '../support/comparison.ts'
import type { Random } from './random.ts'
import { MONEY_TABLES } from './world.ts'

export const DESTINATION_KINDS = ['duckdb', 'snowflake'] as const
export type DestinationKind = (typeof DESTINATION_KINDS)[number]

export interface TortureDestination extends AsyncDisposable {
  readonly kind: DestinationKind
  /** As `simplyload.yaml` has it. */
  readonly config: Readonly<Record<string, unknown>>
  /** The sum over the money tables, as an analyst reads it in one statement. Undefined: the tables are not there yet. */
  readTotal(holdMs: number, write: WriteMode): Promise<string | 'refused' | undefined>
  /** Tables as `torture.<name>`, and what the product notes of columns as `_simplyload.columns`; undefined: nothing is there. */
  look<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T | undefined>
  /** From now on nothing breaks. */
  calm(): void
}

export async function openTortureDestination(
  kind: DestinationKind,
  folder: string,
  random: Random,
): Promise<TortureDestination> {
  if (kind === 'snowflake') return openTwin(random)
  const file = join(folder, 'warehouse.duckdb')
  return {
    kind,
    config: { type: 'duckdb', path: 'warehouse.duckdb' },
    readTotal: (holdMs, write) => readTotal(file, holdMs, write),
    look: async (work) => (existsSync(file) ? inFile(file, work) : undefined),
    calm: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** Undefined: the tables are not there yet. */
export async function readTotal(
  file: string,
  holdMs: number,
  write: WriteMode = 'merge',
): Promise<string | 'refused' | undefined> {
  try {
    return await inFile(file, async (connection) => {
      const names = MONEY_TABLES.map((name) => `'${name}'`).join(', ')
      const [found] = await textRows(
        connection,
        `SELECT count(*)::VARCHAR FROM information_schema.tables WHERE table_schema = 'torture' AND table_name IN (${names})`,
      )
      if (found?.[0] !== String(MONEY_TABLES.length)) return undefined
      const [sum] = await textRows(
        connection,
        totalSql(write, (name) => `torture.${name}`),
      )
      if (holdMs > 0) await delay(holdMs)
      return sum?.[0] ?? 'nothing'
    })
  } catch (error) {
    if (error instanceof NotOpened) return 'refused'
    throw error
  }
}

function totalSql(write: WriteMode, tableOf: (name: string) => string): string {
  const parts = MONEY_TABLES.map((name) => currentRowsSql(write, tableOf(name), ['"id"'], ['"cents"']))
  return `SELECT CAST(sum("cents") AS VARCHAR) AS total FROM (${parts.join(' UNION ALL ')})`
}

class NotOpened extends Error {}

async function inFile<T>(file: string, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  let instance: DuckDBInstance
  try {
    instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' })
  } catch (error) {
    throw new NotOpened(String(error))
  }
  try {
    const connection = await instance.connect()
    try {
      return await work(connection)
    } finally {
      connection.closeSync()
    }
  } finally {
    instance.closeSync()
  }
}

const DATABASE = 'WORLD'
const FAULT_RATE = 0.01

async function openTwin(random: Random): Promise<TortureDestination> {
  // Of a process that was killed: on Snowflake whoever wants its locks waits for five minutes.
  const twin = await startTwin({ idleTransactionMs: 2_000 })
  await twin.sql(`CREATE DATABASE ${DATABASE}`)
  twin.faults.plan = (call) => (random.chance(FAULT_RATE) ? randomFault(call, random) : undefined)
  return {
    kind: 'snowflake',
    config: {
      type: 'snowflake',
      account: twin.account,
      host: '127.0.0.1',
      port: twin.port,
      protocol: 'http',
      user: 'TORTURED',
      password: 'any',
      role: 'ACCOUNTADMIN',
      warehouse: 'COMPUTE_WH',
      database: DATABASE,
      case: 'keep',
    },
    readTotal: async (_holdMs, write) => {
      const present = tablesOf(twin).filter(
        ({ name }) => name.schema === 'torture' && MONEY_TABLES.some((money) => money === name.name),
      )
      if (present.length < MONEY_TABLES.length) return undefined
      const [row] = await twin.sql(totalSql(write, (name) => `${DATABASE}."torture"."${name}"`))
      return row?.TOTAL ?? 'nothing'
    },
    look: async (work) => {
      const connection = await twin.state.instance.connect()
      try {
        await showTables(connection, tablesOf(twin))
        return await work(connection)
      } finally {
        connection.closeSync()
      }
    },
    calm: () => twin.faults.clear(),
    [Symbol.asyncDispose]: () => twin[Symbol.asyncDispose](),
  }
}

function tablesOf(twin: Twin): readonly TableObject[] {
  return twin.state.catalog.all('table').filter(({ name }) => name.database === DATABASE)
}

/** Views under the names that they have in Snowflake, for whoever reads with DuckDB's SQL. */
async function showTables(connection: DuckDBConnection, tables: readonly TableObject[]): Promise<void> {
  const renamed: string[] = []
  for (const { name, columns, from } of tables) {
    if (name.name.startsWith('STAGED_')) continue
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoted(name.schema)}`)
    const selected = columns.map((column) => {
      // Names that differ by case alone are one to DuckDB.
      const isAlone = columns.every((other) => other === column || !sameName(other.name, column.name))
      const shown = isAlone ? column.name : column.stored
      if (!isAlone) renamed.push(`(${[name.name, column.name, shown].map(textLiteral).join(', ')})`)
      return `${quoted(column.stored)} AS ${quoted(shown)}`
    })
    const view = `${quoted(name.schema)}.${quoted(name.name === 'COLUMNS' ? 'columns_as_noted' : name.name)}`
    await connection.run(`CREATE OR REPLACE VIEW ${view} AS SELECT ${selected.join(', ')} FROM ${from}`)
  }
  const names = renamed.length === 0 ? "('', '', '')" : renamed.join(', ')
  await connection.run(
    `CREATE OR REPLACE VIEW _simplyload.columns AS SELECT c.* REPLACE (coalesce(n.shown, c.column_name) AS column_name)
     FROM _simplyload.columns_as_noted c LEFT JOIN (VALUES ${names}) n(target, name, shown)
     ON n.target = c.table_name AND n.name = c.column_name`,
  )
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function randomFault(call: TwinCall, random: Random): Fault | undefined {
  if (call.kind !== 'query') return undefined
  switch (random.pick(['cut', 'lost', 'lost', 'answer', 'delay', 'slow', 'expired', 'gone'] as const)) {
    case 'cut':
      return { kind: 'cut' }
    case 'lost':
      return { kind: 'lost reply' }
    case 'answer':
      return { kind: 'answer', status: 503 }
    case 'delay':
      return { kind: 'delay', ms: random.integer(10, 500) }
    case 'slow':
      return { kind: 'slow answer', polls: 2 }
    case 'expired':
      return { kind: 'session expired' }
    case 'gone':
      return { kind: 'session gone' }
  }
}
