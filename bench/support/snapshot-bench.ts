import { join } from 'node:path'
import type { BenchOptions, BenchReport } from './bench.ts'
import { SERVER_SETTINGS, startBenchServer } from './bench-server.ts'
import { copyLimit } from './copy-limit.ts'
import { runSync } from './measured-sync.ts'
import { countStagedRows, requireSameOrders } from './order-check.ts'
import { copyStatements, createOrders, ORDER_TABLE } from './order-table.ts'
import { FINAL_ORDER_TABLE, stageFolder, warehouseFile } from './product.ts'
import { describeRounds, inTurn } from './rounds.ts'
import { round } from './statistics.ts'
import type { SyncResult } from './sync-request.ts'
import { makeWorkFolder } from './work-folder.ts'

export interface SnapshotBench {
  readonly destination: 'discard' | 'duckdb'
  readonly connections: number
  readonly ratioMin: number
  readonly rssMaxMiB: number
  /** When the measured work was done. */
  readonly seconds: (result: SyncResult) => number | undefined
  readonly until: string
}

const ROWS = 3_000_000
const ROUNDS = 5

export async function runSnapshotBench(options: BenchOptions, bench: SnapshotBench): Promise<BenchReport> {
  const { say } = options
  const { connections, destination } = bench
  const rows = options.rows ?? ROWS
  await using server = await startBenchServer()
  await using work = await makeWorkFolder()
  say(`filling ${ORDER_TABLE} with ${rows} rows (not measured)`)
  await createOrders(server, rows)
  const limit = await copyLimit(server, rows, await copyStatements(server, connections))
  say(`limit: binary COPY over ${connections} connection(s) by ${limit.reader}; rows/s: ${JSON.stringify(limit.tried)}`)
  const results: SyncResult[] = []
  const rounds = await inTurn(
    options.rounds ?? ROUNDS,
    () => limit.measure(),
    async (at) => {
      const folder = join(work.path, `round-${at}`)
      const result = await runSync(
        {
          url: server.url,
          tables: [ORDER_TABLE],
          folder,
          destination,
          once: true,
          connections,
          interval: '10s',
          memory: '512MiB',
          counted: false,
        },
        options.profile,
      )
      results.push(result)
      const seconds = bench.seconds(result)
      if (seconds === undefined) throw new Error('The run ended before the snapshot was complete')
      say(`round ${at + 1}: ${round(rows / seconds, 0)} rows/s, ${round(result.rssPeakMiB, 0)} MiB`)
      await check(destination, folder, rows, () => requireSameOrders(server, warehouseFile(folder), FINAL_ORDER_TABLE))
      await dropReplication(server)
      return rows / seconds
    },
  )
  const rssMiB = Math.round(Math.max(...results.map((result) => result.rssPeakMiB)))
  const { pairs, ...figures } = describeRounds(rounds)
  return {
    ...figures,
    unit: 'rows/s',
    rssMiB,
    goal: `ratio ≥ ${bench.ratioMin}, RSS ≤ ${bench.rssMaxMiB} MiB`,
    met: figures.ratio >= bench.ratioMin && rssMiB <= bench.rssMaxMiB,
    details: {
      rows,
      connections,
      limit: `COPY … (FORMAT binary), bytes discarded, fastest of the readers: ${limit.reader}`,
      limitReaders: limit.tried,
      measuredFrom:
        'the start of the run: lease, catalog, publication, slot and connections included, loading Node not',
      measuredUntil: bench.until,
      pairs,
      wholeRunSeconds: results.map((result) => round(result.seconds, 2)),
      cpuSeconds: results.map((result) => round(result.cpuSeconds, 2)),
      server: SERVER_SETTINGS,
    },
  }
}

async function check(
  destination: SnapshotBench['destination'],
  folder: string,
  rows: number,
  compare: () => Promise<number>,
): Promise<void> {
  if (destination === 'duckdb') return void (await compare())
  const staged = await countStagedRows(stageFolder(folder), 'snapshot')
  if (staged !== rows) throw new Error(`The stage holds ${staged} rows in place of ${rows}`)
}

/** Each round begins as the first one did. */
async function dropReplication(server: { query(sql: string): Promise<unknown> }): Promise<void> {
  await server.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
  await dropPublications(server)
}

export async function dropPublications(server: { query(sql: string): Promise<unknown> }): Promise<void> {
  await server.query(
    `DO $$ DECLARE name text; BEGIN
       FOR name IN SELECT pubname FROM pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', name); END LOOP;
     END $$`,
  )
}
