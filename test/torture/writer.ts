/** Writes random transactions over one connection until it is told to stop. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Random } from './random.ts'
import { textLiteral } from './random-values.ts'
import { largeChange, randomChange } from './row-changes.ts'
import type { StatementLog } from './statement-log.ts'
import { MONEY_ACCOUNTS, NOISE_TABLE, WORLD } from './world.ts'

export interface WriterOptions {
  readonly url: string
  readonly name: string
  readonly random: Random
  readonly log: StatementLog
  readonly signal: AbortSignal
  /** Rows of the largest transactions. */
  readonly largeRows: number
  /** Between transactions, on average. Milliseconds. */
  readonly pauseMs: number
}

/** Connections of the generator carry it, so that nobody ends them by mistake. */
export const WRITER_APPLICATION = 'torture writer'

export async function connectWriter(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: WRITER_APPLICATION })
  client.on('error', () => undefined)
  await client.connect()
  await client.query(`SET lock_timeout = '3s'; SET timezone = 'UTC'`)
  return client
}

export async function runWriter(options: WriterOptions): Promise<void> {
  const { random, signal, pauseMs } = options
  const client = await connectWriter(options.url)
  try {
    while (!signal.aborted) {
      await writeTransaction(client, options)
      await delay(random.next() * 2 * pauseMs, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    await client.end()
  }
}

async function writeTransaction(client: pg.Client, options: WriterOptions): Promise<void> {
  const { random } = options
  const run = (sql: string) => execute(client, options, sql)
  await run('BEGIN')
  try {
    const size = random.weighted([
      ['one', 40],
      ['few', 45],
      ['many', 12],
      ['large', 2],
    ] as const)
    if (size === 'large') await attempt(client, options, async () => run(largeChange(random, options.largeRows)))
    const changes =
      size === 'one' ? 1 : size === 'few' ? random.integer(2, 8) : size === 'many' ? random.integer(20, 60) : 3
    await writeChanges(client, options, changes, 0)
    const end = random.weighted([
      ['COMMIT', 85],
      ['ROLLBACK', 12],
      ['prepared', 3],
    ] as const)
    if (end !== 'prepared') await run(end)
    else await endPrepared(client, options)
  } catch (error) {
    // A deadlock, a lock timeout, a column that has just been dropped.
    if (!(error instanceof pg.DatabaseError)) throw error
    await run('ROLLBACK')
  }
}

async function writeChanges(client: pg.Client, options: WriterOptions, count: number, depth: number): Promise<void> {
  const { random } = options
  for (let change = 0; change < count; change++) {
    if (depth < 3 && random.chance(0.12)) {
      await nest(client, options, depth)
      continue
    }
    const table = random.pick(WORLD)
    await attempt(client, options, async () => {
      for (const sql of await randomChange(client, random, table)) await execute(client, options, sql)
    })
  }
  if (random.chance(0.1)) await execute(client, options, `INSERT INTO ${NOISE_TABLE} (v) VALUES ('x')`)
  if (random.chance(0.02)) await execute(client, options, `SELECT pg_logical_emit_message(true, 'torture', 'noise')`)
}

/** A savepoint that is kept or taken back, with more inside. */
async function nest(client: pg.Client, options: WriterOptions, depth: number): Promise<void> {
  const { random } = options
  const name = `nested_${depth}`
  await execute(client, options, `SAVEPOINT ${name}`)
  await writeChanges(client, options, random.integer(1, 5), depth + 1)
  if (random.chance(0.5)) await execute(client, options, `ROLLBACK TO ${name}`)
  if (random.chance(0.5)) await execute(client, options, `RELEASE ${name}`)
}

/** What fails (a key that is taken) is undone; the transaction goes on. */
async function attempt(client: pg.Client, options: WriterOptions, work: () => Promise<unknown>): Promise<void> {
  await client.query('SAVEPOINT attempt')
  try {
    await work()
    // Half of them stay subtransactions of their own.
    if (options.random.chance(0.5)) await client.query('RELEASE attempt')
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code === '40P01') throw error
    await client.query('ROLLBACK TO attempt')
  }
}

async function endPrepared(client: pg.Client, options: WriterOptions): Promise<void> {
  const { random, signal } = options
  const id = textLiteral(`torture_${random.letters(12)}`)
  await execute(client, options, `PREPARE TRANSACTION ${id}`)
  await delay(random.integer(0, 300), undefined, { signal }).catch(() => undefined)
  await execute(client, options, `${random.chance(0.7) ? 'COMMIT' : 'ROLLBACK'} PREPARED ${id}`)
}

export async function execute(
  client: pg.Client,
  { log, name }: Pick<WriterOptions, 'log' | 'name'>,
  sql: string,
): Promise<void> {
  try {
    const result = await client.query(sql)
    log.note(name, sql, result.rowCount ?? 0)
  } catch (error) {
    log.note(name, sql, error instanceof Error ? error.message : String(error))
    throw error
  }
}

/** Moves money between the two tables, so that no transaction changes the total. */
export async function runMoneyMover(options: Omit<WriterOptions, 'largeRows'>): Promise<void> {
  const { random, signal, pauseMs } = options
  const client = await connectWriter(options.url)
  try {
    while (!signal.aborted) {
      const [from, to] = random.chance(0.5) ? ['money_a', 'money_b'] : ['money_b', 'money_a']
      const cents = random.integer(1, 50)
      const account = () => random.integer(1, MONEY_ACCOUNTS)
      const moves = [
        `UPDATE ${from} SET cents = cents - ${cents} WHERE id = ${account()}`,
        `UPDATE ${to} SET cents = cents + ${cents} WHERE id = ${account()}`,
      ]
      try {
        await client.query(['BEGIN', ...moves, random.chance(0.9) ? 'COMMIT' : 'ROLLBACK'].join(';'))
      } catch (error) {
        // Two movers may wait for each other.
        if (!(error instanceof pg.DatabaseError)) throw error
        await client.query('ROLLBACK')
      }
      await delay(random.next() * 2 * pauseMs, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    await client.end()
  }
}
