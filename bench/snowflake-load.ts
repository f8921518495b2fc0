/**
 * What loading into Snowflake costs this side: processor time of the product's own process, and bytes that it uploads, for a
 * table of 3M rows and then changes of it, against the same rows through the DuckDB destination. The local Snowflake runs in
 * the process of the harness, so that its work is not in the figures; DuckDB's own work is in those of the DuckDB destination.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { startTwin } from '../src/snowflake-twin/twin.ts'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { startBenchServer } from './support/bench-server.ts'
import { runSync } from './support/measured-sync.ts'
import { requireSameOnTwin, requireSameOrders } from './support/order-check.ts'
import { createOrders, ORDER_TABLE } from './support/order-table.ts'
import { FINAL_ORDER_TABLE, stageFolder, warehouseFile } from './support/product.ts'
import { copySlot, rewindSlot } from './support/recvlogical.ts'
import { dropPublications } from './support/snapshot-bench.ts'
import { round } from './support/statistics.ts'
import { SLOT, writeTransactions } from './support/stream-scene.ts'
import type { SyncRequest, SyncResult } from './support/sync-request.ts'
import { countUploads } from './support/upload-count.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROWS = 3_000_000
const CHANGES = 600_000
const TRANSACTIONS = 2
const CPU_MAX = 1.3
const BYTES_MAX = 1
const DATABASE = 'BENCH'
const KINDS = ['duckdb', 'snowflake'] as const
type Kind = (typeof KINDS)[number]

export const snowflakeLoad: Benchmark = {
  name: 'snowflake-load',
  summary: "processor time and bytes uploaded for 3M rows into the local Snowflake, against the DuckDB destination's",
  run,
}

async function run({ say, profile, ...options }: BenchOptions): Promise<BenchReport> {
  const rows = options.rows ?? ROWS
  const changes = options.changes ?? Math.min(CHANGES, Math.floor(rows / 5))
  await using server = await startBenchServer()
  await using work = await makeWorkFolder()
  await using twin = await startTwin()
  await twin.sql(`CREATE DATABASE ${DATABASE}`)
  const uploads = countUploads(twin)
  const snowflake = {
    type: 'snowflake',
    account: twin.account,
    host: '127.0.0.1',
    port: twin.port,
    protocol: 'http',
    user: 'BENCH',
    password: 'any',
    role: 'ACCOUNTADMIN',
    warehouse: 'COMPUTE_WH',
    database: DATABASE,
  }
  const folderOf = (kind: Kind) => join(work.path, kind)
  const sync = async (kind: Kind, what: string): Promise<SyncResult> => {
    const request: SyncRequest = {
      url: server.url,
      tables: [ORDER_TABLE],
      folder: folderOf(kind),
      destination: 'duckdb',
      ...(kind === 'snowflake' ? { configured: snowflake } : {}),
      once: true,
      connections: 1,
      interval: '10s',
      memory: '512MiB',
      counted: false,
    }
    const result = await runSync(request, profile)
    const { cpuSeconds, seconds, rssPeakMiB } = result
    say(
      `${kind}, ${what}: ${round(cpuSeconds, 2)} CPU s of ${round(seconds, 1)} s, ${Math.round(rssPeakMiB)} MiB, ${round(uploads.bytes() / 1e6, 1)} MB uploaded so far`,
    )
    return result
  }

  say(`filling ${ORDER_TABLE} with ${rows} rows (not measured)`)
  await createOrders(server, rows)
  const loads: Partial<Record<Kind, SyncResult>> = {}
  loads.duckdb = await sync('duckdb', 'table')
  await copySlot(server, SLOT, keptSlot('duckdb'))
  await dropOwnReplication(server)
  loads.snowflake = await sync('snowflake', 'table')
  await copySlot(server, SLOT, keptSlot('snowflake'))
  say(`writing ${TRANSACTIONS} transactions with ${changes} changes in all (not measured)`)
  await writeTransactions(server, rows, changes, TRANSACTIONS)
  const merges: Partial<Record<Kind, SyncResult>> = {}
  for (const kind of KINDS) {
    await rewindSlot(server, SLOT, keptSlot(kind))
    const result = await sync(kind, 'changes')
    if (result.summary.changesStaged !== changes)
      throw new Error(`${result.summary.changesStaged} changes were staged in place of ${changes}`)
    merges[kind] = result
  }
  await requireSameOrders(server, warehouseFile(folderOf('duckdb')), FINAL_ORDER_TABLE)
  await requireSameOnTwin(server, twin, DATABASE)

  const perMillion = (value: number) => (value / (rows + changes)) * 1e6
  const cpu = (kind: Kind) => (loads[kind]?.cpuSeconds ?? Number.NaN) + (merges[kind]?.cpuSeconds ?? Number.NaN)
  const part = (results: Partial<Record<Kind, SyncResult>>, count: number) => {
    const [limit, measured] = KINDS.map((kind) => ((results[kind]?.cpuSeconds ?? Number.NaN) / count) * 1e6)
    return {
      measured: round(measured ?? 0, 2),
      limit: round(limit ?? 0, 2),
      ratio: round((measured ?? 0) / (limit ?? 0)),
    }
  }
  const [table, changed] = [part(loads, rows), part(merges, changes)]
  const staged = await bytesIn(stageFolder(folderOf('snowflake')))
  const bytes = { uploaded: uploads.bytes(), staged, stagedForDuckDb: await bytesIn(stageFolder(folderOf('duckdb'))) }
  const bytesRatio = bytes.uploaded / bytes.staged
  const ratio = round(cpu('snowflake') / cpu('duckdb'))
  const peaks = [loads.snowflake, merges.snowflake].map((result) => result?.rssPeakMiB ?? 0)
  return {
    ratio,
    measured: round(perMillion(cpu('snowflake')), 2),
    limit: round(perMillion(cpu('duckdb')), 2),
    unit: 'CPU seconds of the client per million rows',
    rssMiB: Math.round(Math.max(...peaks)),
    goal: `at most ${CPU_MAX}×, of the table and of its changes alone too, and at most ${BYTES_MAX}× of the stage files' bytes uploaded`,
    met: Math.max(ratio, table.ratio, changed.ratio) <= CPU_MAX && bytesRatio <= BYTES_MAX && bytes.uploaded > 0,
    details: {
      rows,
      changes,
      table,
      changed,
      bytes,
      bytesPerMillionRows: Math.round(perMillion(bytes.uploaded)),
      bytesRatio: round(bytesRatio),
      uploadedMB: uploads.sizes().map((size) => round(size / 1e6, 1)),
      limit: 'the same rows through the DuckDB destination',
      measuredFrom: 'the start of each run, loading Node not',
      seconds: KINDS.map((kind) => [loads[kind], merges[kind]].map((result) => round(result?.seconds ?? 0, 2))),
    },
  }
}

function keptSlot(kind: Kind): string {
  return `bench_kept_${kind}`
}

/** The second destination begins as the first one did; what is kept for later stays. */
async function dropOwnReplication(server: { query(sql: string): Promise<unknown> }): Promise<void> {
  await server.query(`SELECT pg_drop_replication_slot('${SLOT}')`)
  await dropPublications(server)
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  return bytes
}
