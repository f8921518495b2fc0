/** A Snowflake destination on the twin, of which every statement is recorded, in a form that is the same on every machine. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { filesInPlace } from '../../src/core/stage.ts'
import { SnowflakeAccount } from '../../src/destinations/snowflake/account.ts'
import { openSnowflakeDestination } from '../../src/destinations/snowflake/destination.ts'
import { startTwin } from '../../src/snowflake-twin/twin.ts'
import type { DestinationFixture } from '../contract/destination-fixture.ts'
import { LOADED_MS } from '../contract/destination-fixture.ts'
import { twinConfig } from '../contract/snowflake-fixture.ts'
import { StageRows } from '../support/stage-rows.ts'

export interface RecordedDestination extends DestinationFixture {
  /** What `simplyload cost` asks. */
  cost(): Promise<unknown>
  /** Those since it was asked last, in the order in which they were sent. */
  recorded(): readonly string[]
}

const DATABASE = 'WAREHOUSE'

/** `outside`: how an external stage is reached, where files are in a bucket already. */
export async function openRecorded(outside?: object): Promise<RecordedDestination> {
  const folder = await mkdtemp(join(tmpdir(), 'snowflake-statements-'))
  const stage = await StageRows.open(join(folder, 'stage'))
  const twin = await startTwin({ threads: 1, buckets: { bucket: folder } })
  await twin.sql(`CREATE DATABASE ${DATABASE}`)
  let statements: string[] = []
  twin.faults.plan = ({ kind, sql, attempt }) => {
    if (kind === 'query' && sql !== undefined && attempt === 1) statements.push(plain(sql, folder))
    return undefined
  }
  const config = twinConfig(twin, DATABASE, outside === undefined ? {} : { stage: { type: 'external', ...outside } })
  const destination = openSnowflakeDestination({
    config,
    ...(outside === undefined ? {} : { bucketLocation: 's3://bucket/stage' }),
    folder,
    run: 'run-1',
    fetch: async () => filesInPlace((file) => stage.location(file)),
    clock: {
      ...systemClock,
      nowMs: () => LOADED_MS,
      elapsedMs: () => systemClock.elapsedMs(),
      sleep: systemClock.sleep,
    },
  })
  const unused = () => Promise.reject(new Error('Only the destination is asked here'))
  const account = new SnowflakeAccount({ config, folder, run: 'run-1', clock: systemClock }, undefined)
  return {
    cost: () => account.cost(7, new AbortController().signal),
    destination,
    stage,
    recorded: () => {
      const taken = statements
      statements = []
      return taken
    },
    openAnother: unused,
    rows: unused,
    run: async (sql) => void (await twin.sql(sql)),
    [Symbol.asyncDispose]: async () => {
      await destination[Symbol.asyncDispose]()
      await twin[Symbol.asyncDispose]()
      stage.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** One space for each run of white space outside of literals, and lines broken before the words that begin a part. */
function plain(sql: string, folder: string): string {
  const tokens = sql.trim().split(/('(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*")/)
  const text = tokens.map((token, index) => (index % 2 === 1 ? token : token.replaceAll(/\s+/g, ' '))).join('')
  return text
    .replaceAll(/simplyload-doctor-\w{6}/g, 'simplyload-doctor')
    .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'joined')
    .replaceAll(folder, '/stages')
    .replaceAll(/\/tmp\/[^' ]*\/d-\w+/g, '/uploads')
}
