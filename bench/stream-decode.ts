/**
 * Receiving and decoding a backlog of changes, against `pg_recvlogical` with the same options writing to a file: how much
 * of the server's speed is left when every row has become columnar.
 *
 *   node bench/stream-decode.ts [--rows 600000] [--rounds 3] [--json]
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import pg from 'pg'
import { boundary } from '../src/core/position.ts'
import { startPostgres } from '../src/demo/embedded-postgres.ts'
import { connect } from '../src/sources/postgres/client.ts'
import { connectionSettings } from '../src/sources/postgres/connection-settings.ts'
import { parseLsn } from '../src/sources/postgres/lsn.ts'
import { openStream } from '../src/sources/postgres/stream.ts'
import { requestedTables, tableSchema } from '../src/sources/postgres/table-schemas.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '600000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    recvlogical: { type: 'string', default: 'pg_recvlogical' },
    streaming: { type: 'string', default: 'on' },
  },
})
const rows = Number(values.rows)
const run = promisify(execFile)

const TABLE = `CREATE TABLE events (id bigint PRIMARY KEY, kind int NOT NULL, amount numeric(12,2), name text, note text,
  created timestamptz, updated timestamptz, active boolean, score float8, payload jsonb)`
const insert = (first: number): string => `INSERT INTO events
  SELECT g, g % 100, (g % 100000) / 100.0, 'customer ' || g, 'note of row number ' || g || ' with some more text',
    now(), now(), g % 2 = 0, g / 7.0, jsonb_build_object('a', g, 'b', 'text ' || g)
  FROM generate_series(${first}, ${first + rows - 1}) g`

const server = await startPostgres({
  settings: { max_wal_size: '8GB', shared_buffers: '512MB', synchronous_commit: 'on' },
})
const folder = await mkdtemp(join(tmpdir(), 'stream-decode-'))
const client = new pg.Client({ connectionString: server.url })
try {
  await client.connect()
  await client.query(TABLE)
  await client.query('CREATE PUBLICATION everything FOR ALL TABLES')
  const { rows: made } = await client.query<{ lsn: string }>(
    "SELECT lsn FROM pg_create_logical_replication_slot('origin', 'pgoutput')",
  )
  const fromLsn = parseLsn(made[0]!.lsn)
  await client.query(insert(1))
  await client.query(insert(rows + 1))
  const { rows: end } = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn')
  const endLsn = end[0]!.lsn
  const limits: number[] = []
  const measured: number[] = []
  const cpu: number[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    limits.push(await receiveOnly(`limit_${round}`, endLsn))
    const before = process.cpuUsage()
    measured.push(await decode(`ours_${round}`, fromLsn, parseLsn(endLsn)))
    const used = process.cpuUsage(before)
    cpu.push((used.user + used.system) / (2 * rows))
    if (!values.json)
      console.log(
        `round ${round + 1}: pg_recvlogical ${rate(limits.at(-1)!)}, decoded ${rate(measured.at(-1)!)}, ${cpu.at(-1)!.toFixed(2)} µs of CPU a change`,
      )
  }
  const [limit, ours] = [Math.max(...limits), Math.max(...measured)]
  const result = { ratio: ours / limit, measured: ours, limit, cpuMicrosecondsPerChange: Math.min(...cpu) }
  const rssMiB = Math.round(process.resourceUsage().maxRSS / 1024)
  console.log(
    values.json ? JSON.stringify({ ...result, rssMiB }) : `ratio ${result.ratio.toFixed(3)}, RSS ${rssMiB} MiB`,
  )
} finally {
  await client.end()
  await server.stop()
  await rm(folder, { recursive: true })
}

function rate(perSecond: number): string {
  return `${Math.round(perSecond / 1000)}k changes/s`
}

async function receiveOnly(slot: string, endLsn: string): Promise<number> {
  await client.query('SELECT pg_copy_logical_replication_slot($1, $2)', ['origin', slot])
  const started = performance.now()
  await run(
    values.recvlogical,
    [
      ...['-d', server.url, '--slot', slot, '--start', '--no-loop', '--endpos', endLsn, '-f', join(folder, slot)],
      ...['-o', 'proto_version=2', '-o', 'publication_names=everything', '-o', 'binary=on'],
      ...['-o', `streaming=${values.streaming}`, '-o', 'messages=true'],
    ],
    { maxBuffer: 1e6 },
  )
  const seconds = (performance.now() - started) / 1000
  await rm(join(folder, slot))
  await client.query('SELECT pg_drop_replication_slot($1)', [slot])
  return (2 * rows) / seconds
}

async function decode(slot: string, fromLsn: bigint, endLsn: bigint): Promise<number> {
  await client.query('SELECT pg_copy_logical_replication_slot($1, $2)', ['origin', slot])
  const settings = connectionSettings({ url: server.url })
  const signal = AbortSignal.timeout(600_000)
  const request = {
    table: { source: 'bench', namespace: 'public', name: 'events' },
    exclude: [],
    typeOverrides: {},
  }
  const catalog = await connect(settings, {}, signal)
  const [found] = await requestedTables(catalog, [request], signal)
  const schema = tableSchema(found!, catalog.serverVersion)
  await catalog.close()
  const started = performance.now()
  let received = 0
  {
    await using stream = await openStream(
      { settings, slot, publications: ['everything'] },
      {
        generation: 1,
        fromLsn,
        tables: [{ schema, request, startAt: boundary(1, 0n) }],
        flushAfterMs: 1_000,
        batchRowsMax: 100_000,
        batchBytesMax: 64 * 1024 * 1024,
        memoryBytesMax: 128 * 1024 * 1024,
      },
      signal,
    )
    stream.requestBoundary(endLsn)
    for await (const event of stream) {
      if (event.kind === 'changes' || event.kind === 'in-progress') received += event.batch.rows
      if (event.kind === 'boundary' && event.lsn >= endLsn) break
    }
  }
  const seconds = (performance.now() - started) / 1000
  if (received !== 2 * rows) throw new Error(`received ${received} of ${2 * rows} changes`)
  await client.query('SELECT pg_drop_replication_slot($1)', [slot])
  return (2 * rows) / seconds
}
