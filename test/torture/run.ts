/** `npm run torture -- --minutes 30 --seed N`: tortures the sync, one world after another, until the time is up. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { WRITE_MODES } from '../../src/core/destination.ts'
import { startPostgres } from '../../src/demo/embedded-postgres.ts'
import { STATE_KINDS } from '../support/state-config.ts'
import { torture } from './torture.ts'
import { DESTINATION_KINDS } from './torture-destination.ts'
import { STAGE_KINDS } from './torture-stage.ts'

const USAGE = `npm run torture -- [options]: random changes while the sync is killed, cut off and denied its destination

  --minutes N         how long (default 5)
  --seed N            of the first world; each next one has the next seed (default: from the clock)
  --world-seconds N   per world (default 60)
  --large N           rows of the largest transactions (default 200000)
  --source            cdc, polling (default cdc)
  --state             sqlite, file, postgres (default: each in turn, by the seed)
  --stage             local, s3 (default local)
  --destination       duckdb, snowflake: the local one (default duckdb)
  --write             merge, append, history (default merge)
  --keep              folders of good worlds too
  --hold              the server after the first world that comes out different, until Ctrl-C
`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'world-seconds': { type: 'string', default: '60' },
    large: { type: 'string', default: '200000' },
    source: { type: 'string', default: 'cdc' },
    state: { type: 'string' },
    stage: { type: 'string', default: 'local' },
    destination: { type: 'string', default: 'duckdb' },
    write: { type: 'string', default: 'merge' },
    keep: { type: 'boolean', default: false },
    hold: { type: 'boolean', default: false },
  },
})

if (values.help) {
  process.stdout.write(USAGE)
  process.exit()
}

const wantedState = STATE_KINDS.find((kind) => kind === values.state)
if (values.state !== undefined && wantedState === undefined)
  throw new Error(`--state is one of ${STATE_KINDS.join(', ')}, not ${values.state}`)

if (values.source !== 'cdc' && values.source !== 'polling')
  throw new Error(`--source is cdc or polling, not ${values.source}`)
const { source } = values

const destination = DESTINATION_KINDS.find((kind) => kind === values.destination)
if (destination === undefined)
  throw new Error(`--destination is one of ${DESTINATION_KINDS.join(', ')}, not ${values.destination}`)

const write = WRITE_MODES.find((mode) => mode === values.write)
if (write === undefined) throw new Error(`--write is one of ${WRITE_MODES.join(', ')}, not ${values.write}`)

const stage = STAGE_KINDS.find((kind) => kind === values.stage)
if (stage === undefined) throw new Error(`--stage is one of ${STAGE_KINDS.join(', ')}, not ${values.stage}`)

const endMs = performance.now() + Number(values.minutes) * 60_000
const worldMs = Number(values['world-seconds']) * 1000
const say = (text: string) => process.stdout.write(`${text}\n`)
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const root = await mkdtemp(join(tmpdir(), 'simplyload-torture-'))
await using server = await startPostgres({ settings: { max_wal_size: '4GB' } })
let failures = 0
let seed = Number(values.seed)
say(`torturing for ${values.minutes} minutes, beginning with seed ${seed}; folders in ${root}`)

for (; performance.now() < endMs && !stop.signal.aborted; seed++) {
  const folder = join(root, `seed-${seed}`)
  const database = `torture_${seed}`
  await onServer(`CREATE DATABASE ${database}`)
  const state = wantedState ?? STATE_KINDS[seed % STATE_KINDS.length] ?? 'sqlite'
  const report = await torture({
    seed,
    source,
    state,
    stage,
    destination,
    write,
    url: server.databaseUrl(database),
    folder,
    durationMs: Math.round(Math.min(worldMs, Math.max(5_000, endMs - performance.now()))),
    writers: 3,
    largeRows: Number(values.large),
    pauseMs: 25,
    // Some worlds get room to become live, some are hardly allowed to begin.
    blowPauseMs: [1_500, 4_000, 10_000][seed % 3] ?? 4_000,
    faultRate: 0.06,
    signal: stop.signal,
  })
  const { chaos, problems } = report
  say(
    `seed ${seed}, ${source}, state ${state}, stage ${stage}, ${destination}, ${write}: ${problems.length === 0 ? 'equal' : 'DIFFERENT'}; ${report.statements} statements, ${report.rows} rows, ` +
      `${chaos.kills} kills, ${chaos.stops} stops, ${chaos.cuts} cuts, ${chaos.rivals} rivals, ${chaos.losses} lost states, ${chaos.restarts} starts, ` +
      `${report.reads} reads, ${report.beganLive ? 'live' : 'nothing copied'} at first; last run ${(report.finalRunMs / 1000).toFixed(1)} s`,
  )
  for (const [what, times] of chaos.ownExits) say(`  ${times} × ended by itself: ${what}`)
  for (const problem of problems) say(`  ${problem}`)
  if (problems.length > 0) {
    failures++
    if (values.hold) await hold(database)
    say(
      `  look into ${folder}; again: npm run torture -- --minutes 1 --world-seconds ${worldMs / 1000} --source ${source} --state ${state} --stage ${stage} --destination ${destination} --write ${write} --seed ${seed}`,
    )
  } else {
    if (!values.keep) await rm(folder, { recursive: true, force: true })
    await dropDatabase(database)
  }
}

if (failures === 0 && !values.keep) await rm(root, { recursive: true, force: true })
say(failures === 0 ? 'all worlds came out equal' : `${failures} worlds came out different`)
process.exitCode = failures === 0 ? 0 : 1

async function hold(database: string): Promise<void> {
  say(`  holding ${server.databaseUrl(database)}`)
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => undefined, 60_000)
    stop.signal.addEventListener('abort', () => {
      clearInterval(alive)
      resolve()
    })
  })
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** Its slots first: a walsender that has just lost its reader may hold one a moment longer. */
async function dropDatabase(database: string): Promise<void> {
  await onServer(
    `SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE database = '${database}' AND active;
     SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${database}'`,
  )
  await onServer(`DROP DATABASE ${database} WITH (FORCE)`)
}
