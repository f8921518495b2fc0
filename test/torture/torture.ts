/**
 * The same end state under faults: random changes at the source, while the sync is killed, cut off, doubled and its
 * destination fails. In the end both sides must be equal, by our own `verify` and by a comparison that shares no code
 * with the product; and nobody who read the destination meanwhile may have seen half a transaction.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { WriteMode } from '../../src/core/destination.ts'
import type { ReadingMode } from '../../src/core/source.ts'
import { simplyload } from '../support/command-process.ts'
import { brokenRules, compareTable, type Difference } from '../support/comparison.ts'
import { type StateKind, stateConfig } from '../support/state-config.ts'
import { runAlterer } from './alterer.ts'
import { type ChaosCounts, readNowAndThen, strike } from './chaos.ts'
import { cursorSql } from './polled-world.ts'
import { Random } from './random.ts'
import { StatementLog } from './statement-log.ts'
import { SyncChild } from './sync-child.ts'
import { type DestinationKind, openTortureDestination, type TortureDestination } from './torture-destination.ts'
import { openTortureStage, type StageKind } from './torture-stage.ts'
import { verifyWithProduct } from './verify-with-product.ts'
import { type KeyShape, MONEY_TABLES, qualified, WORLD, worldSql, writeOf } from './world.ts'
import { connectWriter, runMoneyMover, runWriter } from './writer.ts'

export interface TortureOptions {
  readonly seed: number
  /** Of an empty database, as superuser. */
  readonly url: string
  /** Kept for whoever looks into a failure. */
  readonly folder: string
  /** Default: `cdc`. */
  readonly source?: ReadingMode
  /** PostgreSQL: in the database that is copied, so that its connections are cut too. */
  readonly state: StateKind
  /** Default: `local`. */
  readonly stage?: StageKind
  /** Default: `duckdb`. */
  readonly destination?: DestinationKind
  /** Default: `merge`. Tables that cannot be written so are written in the mode that comes nearest. */
  readonly write?: WriteMode
  readonly durationMs: number
  readonly writers: number
  /** Rows of the largest transactions. */
  readonly largeRows: number
  /** Between transactions of one writer, on average. Milliseconds. */
  readonly pauseMs: number
  /** Between blows, on average. Milliseconds. */
  readonly blowPauseMs: number
  /** Share of the destination's calls that fail; the stage fails, and the process dies by itself, accordingly. */
  readonly faultRate: number
  readonly signal?: AbortSignal
}

export interface TortureReport {
  readonly seed: number
  /** Empty: all is well. */
  readonly problems: readonly string[]
  readonly statements: number
  readonly rows: number
  /** The first snapshots were complete before the blows began. */
  readonly beganLive: boolean
  readonly reads: number
  readonly chaos: ChaosCounts
  readonly finalRunMs: number
}

/** A final run has to catch up with everything, on a machine that may be busy. */
const FINAL_RUN_MS = 300_000
const FINAL_ATTEMPTS = 3

export async function torture(options: TortureOptions): Promise<TortureReport> {
  const { folder, url, durationMs, source = 'cdc', write = 'merge' } = options
  await mkdir(folder, { recursive: true })
  const random = new Random(options.seed)
  const admin = await connectWriter(url)
  const log = new StatementLog(join(folder, 'statements.log'))
  try {
    await prepareDatabase(admin, random, source)
    const config = JSON.parse(configYaml(url, source, options.state, write, random))
    await using stage = await openTortureStage(
      options.stage ?? 'local',
      options.state,
      folder,
      new Random(options.seed),
    )
    await using destination = await openTortureDestination(
      options.destination ?? 'duckdb',
      folder,
      new Random(options.seed),
    )
    const where = { destination: destination.config, stage: stage.config }
    await writeFile(join(folder, 'simplyload.yaml'), JSON.stringify({ ...config, ...where }, null, 2))
    const child = { configFile: join(folder, 'simplyload.yaml'), logFile: join(folder, 'sync.log') }
    // Under fire a world hardly ever gets through its snapshots: that is one thing to torture, live tables are another.
    const beganLive = random.chance(0.7)
    const beginning = beganLive ? await finalRun(child, admin) : []
    const end = AbortSignal.timeout(durationMs)
    const signal = options.signal === undefined ? end : AbortSignal.any([end, options.signal])

    const writers = Array.from({ length: options.writers }, (_, index) =>
      runWriter({ ...options, name: `writer ${index + 1}`, random: random.fork(), log, signal }),
    )
    const common = { url, log, signal }
    const [chaos, reader] = await Promise.all([
      strike({
        random: random.fork(),
        child,
        faultRate: options.faultRate,
        pauseMs: options.blowPauseMs,
        admin,
        signal,
        // What is remembered of polls is nowhere else.
        loseState: source === 'polling' ? undefined : stage.loseState,
      }),
      readNowAndThen(destination, write, random.fork(), signal),
      runAlterer({ ...common, name: 'alterer', random: random.fork(), pauseMs: random.pick([150, 500, 2_000]) }),
      runMoneyMover({ ...common, name: 'money', random: random.fork(), pauseMs: 30 }),
      ...writers,
    ])
    await endPreparedTransactions(admin)
    destination.calm()

    const started = performance.now()
    const problems = [...beginning, ...new Set(reader.wrong)]
    problems.push(...unexpectedExits(chaos), ...(await finalRun(child, admin)))
    const finalRunMs = Math.round(performance.now() - started)
    problems.push(...(await compareAll(admin, destination, source, write)))
    problems.push(...(await verifyWithProduct(child.configFile)))
    return {
      seed: options.seed,
      problems,
      statements: log.statements,
      rows: log.rows,
      beganLive,
      reads: reader.reads,
      chaos,
      finalRunMs,
    }
  } finally {
    await log.close()
    await admin.end()
  }
}

/** Some rows beforehand, so that there is a snapshot to take; and settings under which large transactions are streamed. */
async function prepareDatabase(admin: pg.Client, random: Random, source: ReadingMode): Promise<void> {
  const { rows } = await admin.query<{ name: string }>('SELECT quote_ident(current_database()) AS name')
  const database = rows[0]?.name ?? ''
  await admin.query(`ALTER DATABASE ${database} SET logical_decoding_work_mem = '64kB'`)
  // Every change of every transaction is then sent before its commit, with a description of its table: slow, so seldom.
  if (random.chance(0.08))
    await admin.query(`ALTER DATABASE ${database} SET debug_logical_replication_streaming = 'immediate'`)
  await admin.query(worldSql())
  if (source === 'polling') for (const sql of cursorSql(random)) await admin.query(sql)
  await admin.query(`
    INSERT INTO accounts (id, owner, amount, notes) SELECT i, 'before ' || i, i, repeat(md5(i::text), 100) FROM generate_series(1, 400) i;
    INSERT INTO labels (code, rank, body) SELECT 'k' || i, i, repeat(md5(i::text), 90) FROM generate_series(1, 40) i;
    INSERT INTO bag (a, b, c) SELECT i % 10, NULL, CASE WHEN i % 3 = 0 THEN repeat('z', 3000) END FROM generate_series(1, 60) i;
    INSERT INTO parts (region, code, v, big) SELECT i % 8, 'k' || i, i, repeat(md5(i::text), 90) FROM generate_series(1, 40) i;
    INSERT INTO by_index (region, code, v, big) SELECT i % 8, 'k' || i, i, repeat(md5(i::text), 90) FROM generate_series(1, 40) i;
    INSERT INTO full_with_key (id, a, big) SELECT i, 'before', repeat(md5(i::text), 90) FROM generate_series(1, 60) i;
    INSERT INTO journal SELECT now(), 'before', i FROM generate_series(1, 60) i;
    INSERT INTO mixture (id, n, js, big) SELECT i, i, '{"a" : 1}', repeat(md5(i::text), 90) FROM generate_series(1, 60) i`)
}

function configYaml(url: string, source: ReadingMode, state: StateKind, write: WriteMode, random: Random): string {
  const polled = source === 'polling' ? { detect_deletes: '0s' } : {}
  const tables = [
    ...WORLD.map((table) => ({
      name: qualified(table),
      write: writeOf(table, source, write),
      hard_delete: table.hardDelete && write === 'merge',
      ...polled,
    })),
    ...MONEY_TABLES.map((name) => ({ name: `public.${name}`, write, ...polled })),
  ]
  const config = {
    version: 1,
    sources: {
      shop: {
        type: 'postgres',
        url,
        mode: source,
        slot: `torture_${random.letters(12)}`,
        publication: 'torture',
        // Small chunks, so that a kill finds a snapshot half read.
        snapshot: { chunk_bytes: '64KiB' },
        tables,
      },
    },
    destination: { type: 'duckdb', path: 'warehouse.duckdb' },
    stage: { type: 'local', path: 'stage' },
    state: stateConfig(state, url),
    naming: 'torture.{table}',
    sync: {
      interval: '60ms',
      parallelism: 2,
      batch: { rows: random.pick([7, 500, 20_000]), bytes: random.pick(['1MiB', '16MiB']) },
      memory: random.pick(['64MiB', '256MiB']),
    },
  }
  // JSON is YAML.
  return JSON.stringify(config, null, 2)
}

async function endPreparedTransactions(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ gid: string }>(
    'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()',
  )
  for (const { gid } of rows) await admin.query(`ROLLBACK PREPARED '${gid}'`)
}

/** A broken promise of our own ends a run with exit code 1; everything else may happen to a sync that is struck. */
function unexpectedExits(chaos: ChaosCounts): string[] {
  return [...chaos.ownExits].filter(([what]) => what.startsWith('1 ')).map(([what, times]) => `${times} × exit ${what}`)
}

/** Without faults, until it is done. */
async function finalRun(
  child: { readonly configFile: string; readonly logFile: string },
  admin: pg.Client,
): Promise<string[]> {
  let words = ''
  for (let attempt = 1; attempt <= FINAL_ATTEMPTS; attempt++) {
    const run = new SyncChild({ ...child, once: true, faults: undefined })
    const limit = new AbortController()
    const overdue = delay(FINAL_RUN_MS, 'overdue' as const, { signal: limit.signal }).catch(() => 'ended' as const)
    const exit = await Promise.race([run.exited, overdue])
    limit.abort()
    if (exit === 'overdue' || exit === 'ended') {
      await run.end()
      return [`the final run did not end within ${FINAL_RUN_MS / 1000} s`]
    }
    if (exit.code === 0) return []
    if (exit.lastWords.includes('could not map filenumber')) await makeSlotAnew(child.configFile, admin)
    words = `${exit.code ?? exit.signal} ${exit.lastWords}`
  }
  return [`the final run failed ${FINAL_ATTEMPTS} times: ${words}`]
}

/** What the hint says to a slot that PostgreSQL cannot decode (`undecodable-slot.test.ts` shows how it comes about). */
async function makeSlotAnew(configFile: string, admin: pg.Client): Promise<void> {
  await admin.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()',
  )
  await simplyload(dirname(configFile), ['-c', configFile, 'checkpoint', 'reset', '--yes'])
}

async function compareAll(
  admin: pg.Client,
  destination: TortureDestination,
  source: ReadingMode,
  write: WriteMode,
): Promise<string[]> {
  const tables = [
    ...WORLD.map((table) => ({
      namespace: table.namespace,
      name: table.name,
      key: keyOf(source === 'polling' ? (table.polledKey ?? table.key) : table.key),
      write: writeOf(table, source, write),
    })),
    ...MONEY_TABLES.map((name) => ({ namespace: 'public', name, key: ['id'], write })),
  ]
  const problems = await destination.look(async (connection) => {
    const found: string[] = []
    for (const table of tables) {
      const target = { namespace: 'torture', name: table.name }
      const compared = { ...table, target, inSnowflake: destination.kind === 'snowflake' }
      try {
        found.push(...(await compareTable(admin, connection, compared)).map(tell))
        found.push(...(await brokenRules(connection, compared)))
      } catch (error) {
        found.push(`comparing ${table.name}: ${String(error).split('\n')[0]}`)
      }
    }
    return found
  })
  return problems ?? ['there is no destination']
}

function keyOf(key: KeyShape): readonly string[] {
  return key.kind === 'none' ? [] : key.kind === 'pair' ? key.columns : [key.column]
}

function tell({ table, kind, key, column, source, destination, position }: Difference): string {
  const values =
    column === undefined ? '' : `, column ${column}: source ${source ?? 'NULL'}, destination ${destination ?? 'NULL'}`
  return `${table}: ${kind} ${key}${values}, position ${position ?? 'none'}`
}
