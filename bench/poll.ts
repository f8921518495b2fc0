/**
 * A tenth of a table of 3M rows has changed since the last poll: the poll that finds them and makes Parquet files of them,
 * against reading exactly these rows and throwing the bytes away. One sync runs all the time, as a daemon does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { type BenchServer, SERVER_SETTINGS, startBenchServer } from './support/bench-server.ts'
import { copyLimit } from './support/copy-limit.ts'
import { type RunningSync, startSync } from './support/measured-sync.ts'
import { countStagedRows } from './support/order-check.ts'
import { createOrders, ORDER_TABLE } from './support/order-table.ts'
import { stageFolder } from './support/product.ts'
import { describeRounds, inTurn } from './support/rounds.ts'
import { round } from './support/statistics.ts'
import type { PollResult } from './support/sync-request.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROWS = 3_000_000
/** Each changes rows that none before has changed: their versions then follow each other, which suits the limit best. */
const ROUNDS = 5
/** One row of so many changes. */
const CHANGED_SHARE = 10
const RATIO_MIN = 0.8
/** What polls look back by default. After that the rows of the round before are out of sight. */
const LATE_ARRIVALS_MS = 10_000

export const poll: Benchmark = {
  name: 'poll',
  summary: 'a poll of a tenth of a table to Parquet in the stage, against binary COPY of these rows',
  run,
}

async function run(options: BenchOptions): Promise<BenchReport> {
  const { say, rows = ROWS, rounds: pairsWanted = ROUNDS } = options
  await using server = await startBenchServer()
  await using folder = await makeWorkFolder()
  say(`filling ${ORDER_TABLE} with ${rows} rows and copying it (not measured)`)
  await createOrders(server, rows)
  await server.query(`CREATE INDEX ON ${ORDER_TABLE} (updated_at)`)
  const sync = await startLive(server, folder.path, options.profile)
  const changed = Math.floor(rows / CHANGED_SHARE)
  const scene = new PolledScene(server, sync, changed)
  const limit = await copyLimit(server, changed, [await scene.change(0)])
  await scene.poll()
  say(`limit: binary COPY of the changed rows by ${limit.reader}; rows/s: ${JSON.stringify(limit.tried)}`)
  const rounds = await inTurn(
    pairsWanted,
    async (at) => limit.measure([await scene.change(at + 1)]),
    async (at) => {
      await scene.change(at + 1)
      const { seconds, changes } = await scene.poll()
      if (changes !== changed) throw new Error(`${changes} changes were staged in place of ${changed}`)
      say(`round ${at + 1}: ${round(changed / seconds, 0)} rows/s`)
      return changed / seconds
    },
  )
  sync.stop()
  const { rssPeakMiB } = await sync.finished
  const staged = await countStagedRows(stageFolder(folder.path), 'changes')
  if (staged !== changed * (pairsWanted + 1)) throw new Error(`The stage holds ${staged} changes`)
  const { pairs, ...figures } = describeRounds(rounds)
  return {
    ...figures,
    unit: 'rows/s',
    rssMiB: Math.round(rssPeakMiB),
    goal: `ratio ≥ ${RATIO_MIN}`,
    met: figures.ratio >= RATIO_MIN,
    details: {
      rows,
      changed,
      limit: `COPY (SELECT * … WHERE updated_at >= …) (FORMAT binary), bytes discarded, fastest of the readers: ${limit.reader}`,
      limitReaders: limit.tried,
      measuredFrom: 'the poll is asked for',
      measuredUntil: 'all changed rows lie in stage files that are durable and recorded',
      pairs,
      server: SERVER_SETTINGS,
    },
  }
}

/** A sync whose table is live and that polls when it is told to. */
async function startLive(server: BenchServer, folder: string, profile: string | undefined): Promise<RunningSync> {
  const { promise: live, resolve } = Promise.withResolvers<void>()
  const sync = await startSync(
    {
      url: server.url,
      tables: [ORDER_TABLE],
      mode: 'polling',
      pollInterval: '1h',
      folder,
      destination: 'discard',
      once: false,
      connections: 2,
      interval: '1s',
      memory: '512MiB',
      counted: false,
    },
    profile,
    (message) => {
      if (message.kind === 'event' && message.event.event === 'state' && message.event.state === 'live') resolve()
    },
  )
  await Promise.race([live, sync.finished])
  return sync
}

class PolledScene {
  readonly #server: BenchServer
  readonly #sync: RunningSync
  readonly #changed: number
  #polledMs = Number.NEGATIVE_INFINITY
  #last: { readonly at: number; readonly statement: string } | undefined

  constructor(server: BenchServer, sync: RunningSync, changed: number) {
    this.#server = server
    this.#sync = sync
    this.#changed = changed
  }

  async poll(): Promise<PollResult> {
    const result = await this.#sync.poll()
    this.#polledMs = performance.now()
    return result
  }

  /** Changes the rows of a round, unless this was done. Returns the statement that reads just them. */
  async change(at: number): Promise<string> {
    if (this.#last?.at === at) return this.#last.statement
    await delay(Math.max(0, this.#polledMs + LATE_ARRIVALS_MS - performance.now()))
    await this.#sync.poll()
    const since = await this.#server.value('SELECT clock_timestamp()::text')
    await this.#server.query(
      `UPDATE ${ORDER_TABLE} SET quantity = quantity + 1, amount = amount + 0.01, note = md5(note), updated_at = clock_timestamp()
       WHERE id > ${this.#changed * at} AND id <= ${this.#changed * (at + 1)}`,
    )
    const changed = `${ORDER_TABLE} WHERE updated_at >= '${since}'`
    // The first reader of a row notes that its transaction has ended, and who needs a page first writes what was in its place.
    await this.#server.query(`SELECT sum(quantity) FROM ${changed}`)
    await this.#server.query('CHECKPOINT')
    const statement = `COPY (SELECT * FROM ${changed}) TO STDOUT (FORMAT binary)`
    this.#last = { at, statement }
    return statement
  }
}
