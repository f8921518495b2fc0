/** A Snowflake destination on the twin or in a real account, with a database and a stage of its own. The driver is Snowflake's, untouched. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { filesInPlace } from '../../src/core/stage.ts'
import { type SnowflakeDestinationConfig, snowflakeDestinationSchema } from '../../src/destinations/snowflake/config.ts'
import { openSnowflakeDestination } from '../../src/destinations/snowflake/destination.ts'
import { startTwin, type Twin } from '../../src/snowflake-twin/twin.ts'
import { requireReviewed } from '../snowflake-statements/reviewed-statements.ts'
import type { TestAccount } from '../support/snowflake-test-account.ts'
import { StageRows } from '../support/stage-rows.ts'
import { connectTwin, type TwinClient } from '../support/twin.ts'
import type { AnyDestination, DestinationFixture, TextRow } from './destination-fixture.ts'

export interface SnowflakeFixture extends DestinationFixture {
  readonly twin: Twin
  /** In the database of the fixture, as an administrator. */
  client(): Promise<TwinClient>
}

/** One twin for all tests of a file; a database for each. Whatever was sent to it must have been reviewed. */
export class SnowflakeFixtures implements AsyncDisposable {
  /** One for all of them, since a login takes longer than what is asked of it. Of two fixtures at a time, only the one that asked for it last has it. */
  #client: Promise<TwinClient> | undefined
  #opening: Promise<{ readonly twin: Twin; readonly bucket: string }> | undefined
  #count = 0

  /** `stage`: with `external`, files are in a bucket already. */
  async open(stage: 'internal' | 'external' = 'internal'): Promise<SnowflakeFixture> {
    this.#opening ??= startWithBucket()
    const { twin, bucket } = await this.#opening
    const database = `TEST_${++this.#count}`
    await twin.sql(`CREATE DATABASE ${database}`)
    const isExternal = stage === 'external'
    const external = { stage: { type: 'external', access_key_id: 'key', secret_access_key: 'secret' } }
    const fixture = await openFixture({
      config: twinConfig(twin, database, isExternal ? external : {}),
      bucket: isExternal ? { folder: join(bucket, database), location: `s3://${BUCKET}/${database}` } : undefined,
      connect: async () => {
        this.#client ??= connectTwin(twin, { role: 'ACCOUNTADMIN' })
        const client = await this.#client
        await client.run(`USE SCHEMA ${database}.PUBLIC`)
        return client
      },
      release: async () => undefined,
      drop: async () => void (await twin.sql(`DROP DATABASE ${database}`)),
    })
    return { ...fixture, twin }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await this.#opening
    if (opened === undefined) return
    await (await this.#client)?.[Symbol.asyncDispose]()
    await requireReviewed(opened.twin)
    await opened.twin[Symbol.asyncDispose]()
    await rm(opened.bucket, { recursive: true })
  }
}

const BUCKET = 'bucket'

async function startWithBucket() {
  const bucket = await mkdtemp(join(tmpdir(), 'simplyload-bucket-'))
  return { twin: await startTwin({ buckets: { [BUCKET]: bucket }, threads: 1 }), bucket }
}

export function twinConfig(twin: Twin, database: string, more: object = {}): SnowflakeDestinationConfig {
  return snowflakeDestinationSchema.parse({
    type: 'snowflake',
    account: twin.account,
    host: '127.0.0.1',
    port: twin.port,
    protocol: 'http',
    user: 'TESTER',
    password: 'anything',
    role: 'ACCOUNTADMIN',
    warehouse: 'COMPUTE_WH',
    database,
    case: 'keep',
    ...more,
  })
}

/** In a database of its own, which is dropped with the fixture. */
export async function openAccountFixture(account: TestAccount): Promise<DestinationFixture> {
  const database = await account.createDatabase()
  return openFixture({
    config: snowflakeDestinationSchema.parse({ ...account.destination, database, case: 'keep' }),
    bucket: undefined,
    connect: () => account.connect(database),
    release: (client) => client[Symbol.asyncDispose](),
    drop: () => account.dropDatabase(database),
  })
}

interface FixturePlace {
  readonly config: SnowflakeDestinationConfig
  /** A folder that stands for a bucket with the stage in it. */
  readonly bucket: { readonly folder: string; readonly location: string } | undefined
  connect(): Promise<TwinClient>
  /** Once the fixture is done with it. */
  release(client: TwinClient): Promise<void>
  /** The database. */
  drop(): Promise<void>
}

async function openFixture({
  config,
  bucket,
  connect,
  release,
  drop,
}: FixturePlace): Promise<Omit<SnowflakeFixture, 'twin'>> {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-snowflake-'))
  const stage = await StageRows.open(bucket?.folder ?? join(folder, 'stage [a]*'))
  const open = (): AnyDestination =>
    openSnowflakeDestination({
      config,
      ...(bucket === undefined ? {} : { bucketLocation: bucket.location }),
      folder,
      run: 'test',
      fetch: async () => filesInPlace((file) => stage.location(file)),
      clock: systemClock,
    })
  const opened = [open()]
  const [destination] = opened
  let client: TwinClient | undefined
  const connected = async () => (client ??= await connect())
  return {
    client: connected,
    destination: destination!,
    stage,
    openAnother: async () => {
      const another = open()
      opened.push(another)
      return another
    },
    rows: async (namespace, name) => readRows(await connected(), namespace, name),
    run: async (sql) => {
      for (const statement of sql.split(';')) await (await connected()).run(quoteNames(statement))
    },
    // An object has a key once, and is written without spaces. Of the others, sources stage none (`value-limits.ts`).
    edges: { json: '{"a":[1,null,"é"]}', date: '0001-01-01', time: '23:59:59.999999' },
    [Symbol.asyncDispose]: async () => {
      try {
        for (const each of opened) await each[Symbol.asyncDispose]()
        if (client !== undefined) await release(client)
        stage.close()
      } finally {
        await drop()
      }
      await rm(folder, { recursive: true })
    },
  }
}

/** Names that stand unquoted and in lower case mean themselves, as the destination has kept them. */
function quoteNames(sql: string): string {
  return sql
    .replaceAll(/INTERVAL (\d+ [A-Z]+)/g, "INTERVAL '$1'")
    .replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\b[a-z_][a-z0-9_]*\b/g, (token) =>
      /^['"]|^(true|false|null)$/.test(token) ? token : `"${token}"`,
    )
}

async function readRows(client: TwinClient, namespace: string, name: string): Promise<readonly TextRow[]> {
  const quoted = (part: string) => `"${part.replaceAll('"', '""')}"`
  const table = `${quoted(namespace)}.${quoted(name)}`
  const described = await client.rows(`DESCRIBE TABLE ${table}`)
  const columns = described.map((row) => ({ name: String(row.name), type: String(row.type) }))
  const selected = columns.map((column) => `${textOf(quoted(column.name), column.type)} AS ${quoted(column.name)}`)
  const rows = await client.rows(`SELECT ${selected.join(', ')} FROM ${table}`)
  const read = rows.map((row) =>
    Object.fromEntries(columns.map(({ name, type }) => [name, formOf(row[name] ?? null, type)])),
  )
  return read
    .map((row) => ({ row, order: JSON.stringify(Object.values(row)) }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    .map(({ row }) => row)
}

/** Text that says exactly what is stored. */
function textOf(column: string, type: string): string {
  if (type.startsWith('TIMESTAMP')) return `TO_VARCHAR(${column}, 'YYYY-MM-DD HH24:MI:SS.FF6')`
  if (type.startsWith('TIME')) return `TO_VARCHAR(${column}, 'HH24:MI:SS.FF6')`
  if (type === 'DATE') return `TO_VARCHAR(${column}, 'YYYY-MM-DD')`
  if (type.startsWith('BINARY')) return `TO_VARCHAR(${column}, 'HEX')`
  return type === 'VARIANT' ? `TO_JSON(${column})` : `TO_VARCHAR(${column})`
}

/** In the form that the contract has for values of each kind. */
function formOf(value: string | boolean | null, type: string): string | null {
  if (value === null) return null
  const text = String(value)
  if (type.startsWith('BINARY')) return binaryForm(text)
  if (type === 'FLOAT') return text.toLowerCase().replace(/^(-?)(inf|infinity)$/, '$1inf')
  if (!type.startsWith('TIME')) return text
  const trimmed = text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text
  return /_(TZ|LTZ)/.test(type) ? `${trimmed}+00` : trimmed
}

function binaryForm(hex: string): string {
  return (hex.match(/../g) ?? [])
    .map((pair) => {
      const code = Number.parseInt(pair, 16)
      return code >= 32 && code < 127 ? String.fromCharCode(code) : `\\x${pair.toUpperCase()}`
    })
    .join('')
}
