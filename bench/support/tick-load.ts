/** The load of the latency benchmark, a process of its own: a tick every few milliseconds, by the clock and not by the last one's end. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

interface LoadRequest {
  readonly url: string
  readonly ticks: number
  readonly everyMs: number
}

const { url, ticks, everyMs } = JSON.parse(process.argv[2] ?? '') as LoadRequest
const client = new pg.Client({ connectionString: url })
await client.connect()
// As PostgreSQL does by default, other than the bench server: else a commit waits up to 200 ms for the WAL writer, and only what
// is flushed is sent to anyone.
await client.query('SET synchronous_commit = on')
const started = performance.now()
let lateMsMax = 0
for (let tick = 1; tick <= ticks; tick++) {
  const dueMs = started + tick * everyMs
  const waitMs = dueMs - performance.now()
  if (waitMs > 0) await delay(waitMs)
  lateMsMax = Math.max(lateMsMax, performance.now() - dueMs)
  await client.query({ name: 'tick', text: 'SELECT bench.tick($1)', values: [tick] })
}
const seconds = (performance.now() - started) / 1000
await client.end()
process.send?.({ ticks, seconds, lateMsMax })
process.disconnect()
