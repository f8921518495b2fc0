/**
 * The scene of the stream benchmarks: a table that the product has copied, in each write mode that is wanted, then
 * transactions that wait in the log. Slots that are never read stand before the changes; each run reads from a copy of its
 * own, so that limit and measured side decode the same log, as often as wanted.
 */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { WriteMode } from '../../src/core/destination.ts'
import type { BenchServer } from './bench-server.ts'
import { type MessageListener, runSync } from './measured-sync.ts'
import { createOrders, insertOrders, ORDER_TABLE, updateOrders } from './order-table.ts'
import { copySlot, decodedBytes, receiveLog, rewindSlot } from './recvlogical.ts'
import type { SyncRequest, SyncResult } from './sync-request.ts'
import type { WorkFolder } from './work-folder.ts'

export interface StreamScene {
  /** Row changes in the log. */
  readonly changes: number
  readonly description: string
  /** Seconds of pg_recvlogical. */
  readonly limit: () => Promise<number>
  readonly measure: (profile: string | undefined, listener?: MessageListener, write?: WriteMode) => Promise<SyncResult>
  /** Folder of the last measured run. */
  readonly roundFolder: string
  /** What the transactions take in the server's memory, as it decodes them. */
  readonly decodedBytes: () => Promise<number>
}

export interface StreamSceneOptions {
  readonly destination: SyncRequest['destination']
  readonly rows: number
  readonly changes: number
  readonly transactions: number
  /** Default: `merge` alone. */
  readonly writes?: readonly WriteMode[]
}

/** What the product names its slot for a source called `bench`. */
export const SLOT = 'simplyload_bench'
const KEPT_SLOT = (write: WriteMode) => `bench_kept_${write}`

export async function makeStreamScene(
  server: BenchServer,
  folder: WorkFolder,
  options: StreamSceneOptions,
  say: (line: string) => void,
): Promise<StreamScene> {
  const { rows, changes, transactions, writes = ['merge'] } = options
  say(`filling ${ORDER_TABLE} with ${rows} rows and copying it (not measured)`)
  await createOrders(server, rows)
  const request = (path: string, write: WriteMode): SyncRequest => ({
    url: server.url,
    tables: [ORDER_TABLE],
    write,
    folder: path,
    destination: options.destination,
    once: true,
    connections: 2,
    interval: '10s',
    memory: '512MiB',
    counted: false,
  })
  const prepared = (write: WriteMode) => join(folder.path, `prepared-${write}`)
  const roundFolder = join(folder.path, 'round')
  for (const write of writes) {
    // Paths are in the product's records, so a copy must lie where the original was.
    await runSync(request(roundFolder, write))
    await rename(roundFolder, prepared(write))
    await copySlot(server, SLOT, KEPT_SLOT(write))
  }
  say(`writing ${transactions} transactions with ${changes} changes in all (not measured)`)
  const inserted = await writeTransactions(server, rows, changes, transactions)
  const lsn = await server.value('SELECT pg_current_wal_lsn()')
  const reading = { slot: KEPT_SLOT(writes[0] ?? 'merge'), publications: publicationNames(), lsn, folder: folder.path }
  return {
    changes,
    description: `${transactions} transaction(s), together ${inserted} inserts and ${changes - inserted} updates of whole rows`,
    roundFolder,
    limit: () => receiveLog(server, reading),
    async measure(profile, listener, write = 'merge') {
      await rewindSlot(server, SLOT, KEPT_SLOT(write))
      await folder.renew('round', prepared(write))
      return runSync(request(roundFolder, write), profile, listener)
    },
    decodedBytes: () => decodedBytes(server, SLOT),
  }
}

/** Half inserts, half updates, in this order in each transaction. Returns the number of inserts. */
export async function writeTransactions(
  server: BenchServer,
  rows: number,
  changes: number,
  transactions: number,
): Promise<number> {
  const perTransaction = Math.floor(changes / transactions)
  const updates = Math.min(Math.floor(perTransaction / 2), Math.floor(rows / transactions))
  const inserts = perTransaction - updates
  for (let at = 0; at < transactions; at++) {
    const firstNew = rows + 1 + at * inserts
    const firstOld = 1 + at * Math.floor(rows / transactions)
    await server.query('BEGIN')
    await server.query(insertOrders(ORDER_TABLE, firstNew, firstNew + inserts - 1))
    await server.query(updateOrders(ORDER_TABLE, firstOld, firstOld + updates - 1))
    await server.query('COMMIT')
  }
  return inserts * transactions
}

function publicationNames(): string {
  return `${SLOT},${SLOT}_append`
}
