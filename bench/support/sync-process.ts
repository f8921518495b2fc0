/**
 * The measured process: the product's engine with its real source, stage, state and destination, as `simplyload sync`
 * runs it, told what to do by the harness.
 */
import type { ProgressEvent } from '../../src/core/progress.ts'
import { runSync } from '../../src/engine/sync.ts'
import { giveHeapRoom } from '../../src/v8-flags.ts'
import { peakRssMiB } from './peak-memory.ts'
import { openProduct } from './product.ts'
import { countStatements } from './statement-count.ts'
import type { SyncMessage, SyncOrder, SyncRequest } from './sync-request.ts'

giveHeapRoom()

const request = JSON.parse(process.argv[2] ?? '') as SyncRequest
const send = (message: SyncMessage) => process.send?.(message)

const graceful = new AbortController()
const immediate = new AbortController()
const { promise: go, resolve: begin } = Promise.withResolvers<void>()
process.on('message', (order: SyncOrder) => {
  if (order.kind === 'go') begin()
  else if (order.kind === 'count') send({ kind: 'counts', statements: statements() })
  else if (order.kind === 'poll') void poll()
  else graceful.abort(new Error('stopped by the harness'))
})
process.on('disconnect', () => process.exit(1))

const statements = request.counted ? await countStatements() : () => []
let started = 0
const seconds = () => (performance.now() - started) / 1000
let snapshotStagedSeconds: number | undefined
let changesStagedSeconds: number | undefined
let mergedSeconds: number | undefined

let changesStaged = 0

async function poll(): Promise<void> {
  const before = changesStaged
  const seconds = (await product.poll()) / 1000
  send({ kind: 'polled', poll: { seconds, changes: changesStaged - before } })
}

function take(event: ProgressEvent): void {
  if (event.event === 'snapshot' && event.chunks > 0 && event.chunksDone === event.chunks)
    snapshotStagedSeconds = seconds()
  if (event.event === 'staged') {
    changesStagedSeconds = seconds()
    changesStaged += event.changes
  }
  if (event.event === 'merged') mergedSeconds = seconds()
  // Each batch of a snapshot tells its rows; nobody here wants that many messages.
  if (event.event !== 'snapshot') send({ kind: 'event', event, rssPeakMiB: peakRssMiB() })
}

const product = await openProduct(
  request,
  take,
  (loadedMs, atMs) => send({ kind: 'visible', loadedMs, atMs }),
  request.configured === undefined ? {} : { destination: request.configured },
)
send({ kind: 'ready' })
await go
const cpu = process.cpuUsage()
started = performance.now()
const { summary, firstError } = await runSync(
  [product.context],
  { graceful: graceful.signal, immediate: immediate.signal },
  request.once,
)
await product[Symbol.asyncDispose]()
const used = process.cpuUsage(cpu)
const failedTable = summary.tables.find((table) => table.error !== undefined)
const failed = firstError ?? failedTable?.error
send({
  kind: 'done',
  result: {
    summary,
    error: failed === undefined ? undefined : failed instanceof Error ? String(failed.stack) : String(failed),
    snapshotStagedSeconds,
    changesStagedSeconds,
    mergedSeconds,
    seconds: seconds(),
    cpuSeconds: (used.user + used.system) / 1e6,
    rssPeakMiB: peakRssMiB(),
  },
})
process.disconnect()
