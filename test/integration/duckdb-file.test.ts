/** The DuckDB file among other programs and in trouble. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isPipelineError, type PipelineError } from '../../src/core/errors.ts'
import { filesInPlace } from '../../src/core/stage.ts'
import { type DuckDbDestination, openDuckDbDestination } from '../../src/destinations/duckdb/destination.ts'
import { at, before as boundaryBefore, DrivenTable, ITEMS, never, targetOf } from '../contract/destination-fixture.ts'
import { holdDuckDbFile } from '../support/file-holder.ts'
import { MAY_MOUNT, SmallDisk } from '../support/small-disk.ts'
import { StageRows } from '../support/stage-rows.ts'

let folder: string
let path: string
let stage: StageRows
let opened: DuckDbDestination[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simplyload-file-'))
  path = join(folder, 'deep', 'er', 'warehouse.duckdb')
  stage = await StageRows.open(join(folder, 'stage'))
  opened = []
})
afterEach(async () => {
  for (const each of opened) await each[Symbol.asyncDispose]()
  stage.close()
  await rm(folder, { recursive: true })
})

function open(more: Partial<Parameters<typeof openDuckDbDestination>[0]> = {}): DuckDbDestination {
  const destination = openDuckDbDestination({
    path,
    memoryBytesMax: 256 << 20,
    threads: 2,
    fetch: async () => filesInPlace((file) => stage.location(file)),
    ...more,
  })
  opened.push(destination)
  return destination
}

async function live(destination: DuckDbDestination, rows = 1): Promise<DrivenTable> {
  const values = Array.from({ length: rows }, (_, index) => ({ values: { 1: String(index), 2: 'x', 3: null } }))
  return DrivenTable.live({ destination, stage } as unknown as DrivenTable['fixture'], ITEMS, values)
}

describe('other programs', () => {
  test('a reader can open the file between two commits, and delays a merge only while it has it', async () => {
    const destination = open({ lockWaitMs: 30_000 })
    const table = await live(destination)
    await destination.release()
    const holder = await holdDuckDbFile(path, 'READ_ONLY')
    const files = await table.stage([[{ op: 'd', position: at(11), values: { 1: '0' } }]])
    const merged = table.flushParts([table.part(files, boundaryBefore(10))], boundaryBefore(20))
    const first = await Promise.race([merged, new Promise((resolve) => setTimeout(resolve, 150, 'waiting'))])
    expect(first).toBe('waiting')
    await holder[Symbol.asyncDispose]()
    const result = await merged
    expect(result).toMatchObject({ outcome: 'committed' })
    expect(result.outcome === 'committed' && result.waitedForLockMs).toBeGreaterThan(100)
  })

  test('a program that keeps the file is named', async () => {
    const destination = open({ lockWaitMs: 50 })
    await live(destination)
    await destination.release()
    const holder = await holdDuckDbFile(path, 'READ_ONLY')
    const error = await destination.acquireLease('shop', never).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'destination_locked', context: { pid: expect.any(Number) } })
    expect((error as PipelineError).message).toContain(`process ${(error as PipelineError).context.pid}`)
    const findings = await destination.examine([], never)
    expect(findings).toMatchObject([{ level: 'ok' }, { level: 'ok' }])
    await holder[Symbol.asyncDispose]()
  })

  test('a second destination in this process waits like another program', async () => {
    const [first, second] = [open(), open({ lockWaitMs: 50 })]
    await first.acquireLease('shop', never)
    await expect(second.acquireLease('shop', never)).rejects.toMatchObject({ code: 'destination_locked' })
    await first.release()
    await expect(second.acquireLease('shop', never)).resolves.toMatchObject({ lease: { epoch: 2 } })
    await second.release()
    // Readers do not wait for each other.
    const all = await Promise.all([first, second].map((each) => each.checkpoints('shop', never)))
    expect(all).toMatchObject([{ epoch: 2 }, { epoch: 2 }])
  })

  test('waiting ends when the call is stopped', async () => {
    const destination = open({ lockWaitMs: 60_000 })
    await live(destination)
    await destination.release()
    const holder = await holdDuckDbFile(path, 'READ_WRITE')
    const stop = new AbortController()
    const waiting = destination.acquireLease('shop', stop.signal)
    const reason = new Error('enough')
    stop.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await holder[Symbol.asyncDispose]()
  })
})

describe('queries', () => {
  async function all(destination: DuckDbDestination, sql: string) {
    const { columns, rows } = await destination.query(sql, never)
    const found: unknown[] = []
    for await (const row of rows) found.push(row)
    return { columns, rows: found }
  }

  test('columns, types and rows; large integers and nested values as text', async () => {
    const destination = open()
    await live(destination)
    await destination.release()
    const sql = `SELECT id, name, note, 9223372036854775807 AS big, 1.50 AS price, [1, 2] AS list, _fivetran_deleted AS gone
      FROM shop_public.items`
    const found = await all(destination, sql)
    expect(found.columns.map((column) => column.name)).toEqual(['id', 'name', 'note', 'big', 'price', 'list', 'gone'])
    expect(found.rows).toEqual([['0', 'x', null, '9223372036854775807', '1.50', '[1,2]', false]])
  })

  test('a query that is not read to its end lets go of the file', async () => {
    const destination = open()
    await live(destination, 5000)
    const { rows } = await destination.query('SELECT * FROM shop_public.items', never)
    for await (const _ of rows) break
    await expect(destination.acquireLease('shop', never)).resolves.toBeDefined()
  })

  test('wrong SQL is an error that says why, and a query cannot write', async () => {
    const destination = open()
    await live(destination)
    await destination.release()
    const wrong = await destination
      .query('SELECT nothing_like_it FROM shop_public.items', never)
      .catch((e: unknown) => e)
    expect(String((wrong as PipelineError).cause)).toContain('nothing_like_it')
    await expect(destination.query('DROP TABLE shop_public.items', never)).rejects.toMatchObject({
      cause: expect.objectContaining({ message: expect.stringContaining('read-only') }),
    })
  })

  test('without a file there is nothing to query', async () => {
    await expect(open().query('SELECT 1', never)).rejects.toMatchObject({ code: 'not_found' })
  })
})

test.each([
  ['a new file', undefined, ['DICT_FSST', 'ZSTD']],
  ['a file that older programs read', 'v1.0.0', ['Dictionary', 'FSST']],
])('%s: text gets the compression that its storage version has', async (_, version, expected) => {
  if (version !== undefined) {
    await mkdir(dirname(path), { recursive: true })
    const older = await DuckDBInstance.create(path, { storage_compatibility_version: version })
    older.closeSync()
  }
  const destination = open()
  const values = Array.from({ length: 10_000 }, (_, row) => ({
    values: { 1: String(row), 2: `no. ${row}`, 3: 'same' },
  }))
  await DrivenTable.live({ destination, stage } as unknown as DrivenTable['fixture'], ITEMS, values)
  await destination[Symbol.asyncDispose]()
  const { rows } = await open().query(
    `SELECT DISTINCT compression FROM pragma_storage_info('shop_public.items')
     WHERE column_name IN ('name', 'note') AND segment_type = 'VARCHAR' ORDER BY ALL`,
    never,
  )
  expect((await Array.fromAsync(rows)).flat()).toEqual(expected)
})

test('a comparison only reads: it works beside other readers', async () => {
  const destination = open()
  const table = await live(destination, 3)
  await destination[Symbol.asyncDispose]()
  const holder = await holdDuckDbFile(path, 'READ_ONLY')
  const file = await stage.snapshot(ITEMS, boundaryBefore(99), [{ values: { 1: '0', 2: 'x', 3: null } }])
  const found = await open().compare({ target: table.target, schema: ITEMS, files: [file], limit: 5 }, never)
  expect(found).toMatchObject({ sourceRows: 1, destinationRows: 3, differing: 2 })
  await holder[Symbol.asyncDispose]()
})

describe('trouble', () => {
  test('a file that a newer version of SimplyLoad has written is left alone', async () => {
    const destination = open()
    await live(destination)
    await destination.release()
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(path)
    const connection = await instance.connect()
    await connection.run("UPDATE _simplyload.meta SET value = '999' WHERE key = 'format'")
    connection.closeSync()
    instance.closeSync()
    const newer = (error: unknown) => isPipelineError(error, 'destination_version')
    await expect(destination.acquireLease('shop', never)).rejects.toSatisfy(newer)
    await expect(destination.checkpoints('shop', never)).rejects.toSatisfy(newer)
    expect(await destination.examine([], never)).toMatchObject([
      { level: 'ok' },
      { level: 'error', fix: 'Update SimplyLoad' },
    ])
  })

  test('a file from before there were groups is read as it is, and goes on where it was', async () => {
    const destination = open()
    const table = await live(destination)
    await destination.release()
    const instance = await DuckDBInstance.create(path)
    const connection = await instance.connect()
    await connection.run('ALTER TABLE _simplyload.checkpoints DROP COLUMN group_name')
    await connection.run("UPDATE _simplyload.meta SET value = '1' WHERE key = 'format'")
    connection.closeSync()
    instance.closeSync()
    const known = {
      groups: new Map([['', boundaryBefore(10)]]),
      tables: [{ table: ITEMS.table, position: boundaryBefore(10), group: '' }],
    }
    expect(await destination.checkpoints('shop', never)).toMatchObject(known)
    const { lease, checkpoints } = await destination.acquireLease('shop', never)
    expect(checkpoints).toEqual({ epoch: 2, ...known })
    table.lease = lease
    await table.merge(20, [{ op: 'd', position: at(11), values: { 1: '0' } }])
    expect((await destination.checkpoints('shop', never))?.groups.get('')).toBe(boundaryBefore(20))
  })

  test('a file that is no database is named and not touched', async () => {
    path = join(folder, 'notes.txt')
    await writeFile(path, 'not a database, but precious, and long enough to be looked at '.repeat(100))
    const text = await readFile(path)
    await expect(open().acquireLease('shop', never)).rejects.toMatchObject({ code: 'destination_rejected' })
    expect(await readFile(path)).toEqual(text)
    expect(await open().examine([], never)).toMatchObject([{ level: 'error' }])
  })

  test('doctor says what collides, what is missing and what can be made', async () => {
    const destination = open()
    const twice = [targetOf(ITEMS), targetOf({ ...ITEMS, table: { ...ITEMS.table, name: 'Items' } }, { name: 'ITEMS' })]
    expect(await destination.examine(twice, never)).toMatchObject([
      { level: 'error', subject: 'shop_public.items', message: expect.stringContaining('public.Items') },
      { level: 'ok', message: expect.stringContaining('can be made') },
    ])
    await live(destination)
    expect(await destination.examine([targetOf(ITEMS)], never)).toMatchObject([{ level: 'ok' }, { level: 'ok' }])
  })

  test.runIf(MAY_MOUNT)('a full disk rolls back, and the same flush succeeds once there is room', async () => {
    await using disk = SmallDisk.create(24)
    path = join(disk?.folder ?? '', 'warehouse.duckdb')
    const destination = open()
    const table = await live(destination, 10)
    await destination.release()
    const select = `SELECT '${at(11).slice(0, -10)}' || printf('%010x', i + 1) AS _source_position, i + 1000 AS c1,
      md5(i::VARCHAR) || md5((i * 7)::VARCHAR) AS c2, md5((i * 13)::VARCHAR) || md5((i * 17)::VARCHAR) AS c3 FROM range(60000) t(i)`
    const [like] = await table.stage([[{ op: 'i', position: at(11), values: { 1: '1', 2: 'x', 3: null } }]])
    const file = await stage.query({ ...like!, rows: 60_000 }, select)
    const flush = table.flushOf([table.part([file], boundaryBefore(10))], boundaryBefore(20))
    await disk?.fill(1500)
    const error = await destination.flush(flush, never).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'destination_full' })
    await disk?.makeRoom()
    expect(await destination.flush(flush, never)).toMatchObject({ tables: [{ inserted: 60_000 }] })
    await destination[Symbol.asyncDispose]()
  })

  test('too little memory is told with what helps', async () => {
    const destination = open({ memoryLimitBytes: 12 << 20 })
    const table = await live(destination)
    const [like] = await table.stage([[{ op: 'i', position: at(11), values: { 1: '1', 2: 'x', 3: null } }]])
    const select = `SELECT '${at(11).slice(0, -10)}' || printf('%010x', i + 1) AS _source_position, i + 1000 AS c1,
      repeat(md5(i::VARCHAR), 500) AS c2, repeat(md5((i * 3)::VARCHAR), 500) AS c3 FROM range(1000) t(i)`
    const file = await stage.query({ ...like!, rows: 1000 }, select)
    const flush = table.flushOf([table.part([file], boundaryBefore(10))], boundaryBefore(20))
    await expect(destination.flush(flush, never)).rejects.toMatchObject({
      code: 'destination_memory',
      hint: expect.stringContaining('destination.memory'),
      context: { table: 'public.items' },
    })
    await destination.release()
    const roomy = open()
    await expect(roomy.flush(flush, never)).resolves.toMatchObject({ outcome: 'committed' })
  })

  test('a snapshot that cannot be finished within the limit is finished with more', async () => {
    const destination = open({ memoryBytesMax: 20 << 20 })
    const table = await DrivenTable.open({ destination, stage } as unknown as DrivenTable['fixture'], ITEMS)
    const [from, rows] = [boundaryBefore(10), 100_000]
    await destination.beginSnapshot(table.lease, table.target, ITEMS, false, never)
    const like = await stage.snapshot(ITEMS, from, [{ values: { 1: '1', 2: 'x', 3: null } }])
    const file = await stage.query({ ...like, rows }, `SELECT i AS c1, 'x' AS c2, 'y' AS c3 FROM range(${rows}) t(i)`)
    await destination.loadSnapshot(table.lease, { target: table.target, files: [file] }, never)
    // As if it had been read in two sessions: each key is looked for twice.
    await destination.finishSnapshot(table.lease, table.target, ITEMS, from, 2, never)
    expect((await destination.checkpoints('shop', never))?.tables).toMatchObject([{ position: from }])
  })

  test('files whose descriptions do not fit the limit are merged with more', async () => {
    const destination = open({ memoryBytesMax: 8 << 20 })
    const table = await live(destination)
    const files = await table.stage([[{ op: 'i', position: at(11), values: { 1: '1', 2: 'x', 3: null } }]])
    for (const file of files) await describeAtLength(stage.location(file.path))
    const merged = await table.flushParts([table.part(files, boundaryBefore(10))], boundaryBefore(20))
    expect(merged).toMatchObject({ tables: [{ inserted: 1 }] })
  })

  test('a log that cannot be replayed within the limit does not lock us out', async () => {
    await live(open())
    for (const each of opened.splice(0)) await each[Symbol.asyncDispose]()
    const instance = await DuckDBInstance.create(path)
    const connection = await instance.connect()
    await connection.run('PRAGMA disable_checkpoint_on_shutdown')
    await connection.run(`CREATE TABLE large AS SELECT repeat('0123456789abcdef', 4 * 1024 * 1024) AS v`)
    connection.closeSync()
    instance.closeSync()

    const reader = open({ memoryLimitBytes: 64 << 20 })
    expect(await reader.checkpoints('shop', never)).toMatchObject({ epoch: 1 })
    await reader.release()
    const writer = open({ memoryLimitBytes: 64 << 20 })
    expect((await writer.acquireLease('shop', never)).lease.epoch).toBe(2)
  })
})

/** Gives a Parquet file a footer of 5 MB. */
async function describeAtLength(file: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`CREATE TABLE staged AS FROM '${file}'`)
  await connection.run(`COPY staged TO '${file}' (FORMAT parquet, KV_METADATA {note: '${'x'.repeat(5_000_000)}'})`)
  connection.closeSync()
  instance.closeSync()
}
