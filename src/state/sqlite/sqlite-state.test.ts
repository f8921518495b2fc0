import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test, vi } from 'vitest'
import { describeState } from '../../../test/contract/state.ts'
import { NO_FEATURES } from '../../core/batch.ts'
import { position } from '../../core/position.ts'
import type { StageFile } from '../../core/stage.ts'
import type { SourceRecord } from '../../core/state.ts'
import { openSqliteRequestBox } from './request-box.ts'
import { isSqliteStateInUse, openSqliteState } from './sqlite-state.ts'

const MODULE = JSON.stringify(new URL('./sqlite-state.ts', import.meta.url).href)

const folder = mkdtempSync(join(tmpdir(), 'simplyload-state-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = () => join(folder, `${files++}`, 'state.db')

describeState('SQLite', async () => {
  const path = newPath()
  return {
    reopen: () => openSqliteState({ path, mode: 'write' }),
    openBox: () => openSqliteRequestBox(path),
    async [Symbol.asyncDispose]() {},
  }
})

const source: SourceRecord = {
  source: 'shop',
  generation: 1,
  identity: { system: '1', timeline: 1, slot: 's' },
  stagedThroughLsn: 1n,
  confirmedLsn: 1n,
  prunedThrough: undefined,
}

function changes(number: number, table = `t${number % 10}`): StageFile {
  const columns = Array.from({ length: 30 }, (_, index) => ({
    id: index + 1,
    name: `column_${index}`,
    type: { kind: 'int64' as const },
    sourceType: 'bigint',
    nullable: true,
  }))
  return {
    batchId: `b${number}`,
    path: `default/shop/public.${table}/2026-01-01_00/b${number}.parquet`,
    bytes: 1000,
    rows: 10,
    schema: {
      table: { source: 'shop', namespace: 'public', name: table },
      columns,
      identity: { kind: 'append' },
      version: 1,
    },
    kind: 'changes',
    firstPosition: position(1, BigInt(number), 1),
    lastPosition: position(1, BigInt(number), 10),
    features: NO_FEATURES,
    stagedMs: 1,
  }
}

/** Runs `body` in a process of its own, with `openSqliteState`, `path` and the other arguments. */
function script(path: string, body: string): string[] {
  const head = `const { openSqliteState } = await import(${MODULE}); const path = ${JSON.stringify(path)};`
  return ['--input-type=module', '-e', head + body]
}

function start(path: string, body: string): ChildProcess {
  return spawn(process.execPath, script(path, body), { stdio: ['ignore', 'pipe', 'inherit'] })
}

test('a second writer is refused and told who has it; readers are welcome; the lock ends with its holder', async () => {
  const path = newPath()
  {
    await using first = await openSqliteState({ path, mode: 'write' })
    await expect(openSqliteState({ path, mode: 'write' })).rejects.toMatchObject({
      code: 'state_locked',
      cause: { message: `another sync, load of files or job is writing to it (process ${process.pid})` },
    })
    await first.saveSource(source)
    await using reader = await openSqliteState({ path, mode: 'read' })
    expect(await reader.source('shop')).toEqual(source)
    await first.recordStaged('shop', [changes(1)], 9n)
    expect((await reader.source('shop'))?.stagedThroughLsn).toBe(9n)
    expect(await reader.waiting('shop')).toHaveLength(1)
    expect(await isSqliteStateInUse(path)).toBe(true)
    await expect(reader.saveSource(source)).rejects.toMatchObject({ code: 'internal' })
  }
  expect(await isSqliteStateInUse(path)).toBe(false)
  await using _second = await openSqliteState({ path, mode: 'write' })
})

test('whoever asks whether a sync is running does not keep one from starting', async () => {
  const path = newPath()
  await (await openSqliteState({ path, mode: 'write' }))[Symbol.asyncDispose]()
  const asking = start(
    path,
    `const { isSqliteStateInUse } = await import(${MODULE});
     console.log('asking');
     while (true) await isSqliteStateInUse(path);`,
  )
  await once(asking.stdout!, 'data')
  for (let attempt = 0; attempt < 20; attempt++) {
    await using _state = await openSqliteState({ path, mode: 'write' })
  }
  asking.kill('SIGKILL')
  await once(asking, 'exit')
})

test('after kill -9 in the middle of writes everything that was acknowledged is there, and nothing by halves', async () => {
  const path = newPath()
  for (const killAfter of [1, 30, 90]) {
    const child = start(
      path,
      `const state = await openSqliteState({ path, mode: 'write' });
       const source = ${JSON.stringify({ ...source, stagedThroughLsn: undefined, confirmedLsn: undefined })};
       const found = await state.source('shop');
       let number = found === undefined ? 0 : Number(found.stagedThroughLsn);
       if (found === undefined) await state.saveSource({ ...source, stagedThroughLsn: 0n, confirmedLsn: 0n });
       const file = ${JSON.stringify(changes(0))};
       while (true) {
         number++;
         const staged = [1, 2, 3].map((part) => ({ ...file, batchId: number + '.' + part }));
         await state.recordStaged('shop', staged, BigInt(number));
         console.log(number);
       }`,
    )
    let acknowledged = 0
    let lines = 0
    for await (const line of createInterface({ input: child.stdout! })) {
      acknowledged = Number(line)
      if (++lines === killAfter) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')

    // The lock went with its holder.
    await using state = await openSqliteState({ path, mode: 'write' })
    const staged = Number((await state.source('shop'))?.stagedThroughLsn)
    expect(staged).toBeGreaterThanOrEqual(acknowledged)
    const expected = Array.from({ length: staged }, (_, index) =>
      [1, 2, 3].map((part) => `${index + 1}.${part}`),
    ).flat()
    expect((await state.waiting('shop')).map(({ batchId }) => batchId)).toEqual(expected)
  }
})

test('with a hundred thousand files nothing that is asked or written reads them all', async () => {
  const path = newPath()
  await using state = await openSqliteState({ path, mode: 'write' })
  await state.saveSource(source)
  const schemas = Array.from({ length: 10 }, (_, index) => changes(index).schema)
  const all = Array.from({ length: 100_000 }, (_, index) => ({ ...changes(index), schema: schemas[index % 10]! }))
  for (let from = 0; from < all.length; from += 10_000)
    await state.recordStaged('shop', all.slice(from, from + 10_000), 1n)
  const loaded = all.slice(0, 99_000).map(({ batchId }) => batchId)
  await state.markLoaded(loaded, 5)

  const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare')
  const table = all[99_005]!.schema.table
  expect((await state.waiting('shop', table)).length).toBe(100)
  await state.waiting('shop')
  await state.loadedBefore(6, 500)
  await state.recordStaged('shop', [changes(200_000)], 2n)
  await state.reconcileLoaded(table, position(1, 1n, 0), 5)
  await state.forget(loaded.slice(0, 500))
  const statements = new Set(prepare.mock.calls.map(([sql]) => sql))
  prepare.mockRestore()
  expect(statements.size).toBeGreaterThan(4)
  using reader = new DatabaseSync(path, { readOnly: true })
  const plans = [...statements].flatMap((sql) => reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all())
  expect(plans.map(({ detail }) => detail)).not.toContainEqual(expect.stringMatching(/^SCAN \w+$/))
  const { size } = statSync(path)
  expect(size / all.length).toBeLessThan(1000)
})

test('a file that does not exist, or that a killed writer left empty, reads as empty and is not made', async () => {
  const path = newPath()
  {
    await using state = await openSqliteState({ path, mode: 'read' })
    expect(await state.runs('shop', 1)).toEqual([])
  }
  expect(existsSync(path)).toBe(false)
  expect(await isSqliteStateInUse(path)).toBe(false)
  mkdirSync(dirname(path))
  writeFileSync(path, '')
  await using state = await openSqliteState({ path, mode: 'read' })
  expect(await state.tables('shop')).toEqual([])
})

test('a file of a newer version is refused, for reading too', async () => {
  const path = newPath()
  await (await openSqliteState({ path, mode: 'write' }))[Symbol.asyncDispose]()
  withDatabase(path, 'PRAGMA user_version = 99')
  for (const mode of ['read', 'write'] as const) {
    await expect(openSqliteState({ path, mode })).rejects.toMatchObject({
      code: 'state_version',
      cause: { message: 'it has format 99; this version knows 1' },
      hint: expect.stringContaining('newer version'),
    })
  }
})

test('the database of another program is left alone', async () => {
  const path = newPath()
  mkdirSync(dirname(path))
  withDatabase(path, 'CREATE TABLE theirs (a)')
  for (const mode of ['read', 'write'] as const) {
    await expect(openSqliteState({ path, mode })).rejects.toMatchObject({
      code: 'state_unavailable',
      cause: { message: 'it is a database of another program' },
    })
  }
})

test.each([
  ['no database', (path: string) => writeFileSync(path, 'this is no database file, whatever its name. '.repeat(100))],
  ['damaged in the middle', (path: string) => damage(path)],
])('a file that is %s is said so, with what becomes of the tables when it is moved away', async (_, spoil) => {
  const path = newPath()
  {
    await using state = await openSqliteState({ path, mode: 'write' })
    await state.saveSource(source)
    await state.recordStaged(
      'shop',
      Array.from({ length: 500 }, (_, number) => changes(number)),
      1n,
    )
  }
  spoil(path)
  const use = async () => {
    await using state = await openSqliteState({ path, mode: 'write' })
    await state.waiting('shop')
    await state.markLoaded(['b1'], 1)
  }
  await expect(use()).rejects.toMatchObject({
    code: 'state_unavailable',
    hint: expect.stringContaining('Move it away'),
    context: { path },
  })
})

test('a program that keeps the file locked is said to do so', async () => {
  const path = newPath()
  await using state = await openSqliteState({ path, mode: 'write' })
  using other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  await expect(state.saveSource(source)).rejects.toMatchObject({
    code: 'state_unreachable',
    hint: expect.stringContaining('keeps'),
  })
  other.exec('ROLLBACK')
  await state.saveSource(source)
})

test('a file where a folder should be is said so', async () => {
  const file = newPath()
  mkdirSync(dirname(file))
  writeFileSync(file, '')
  await expect(openSqliteState({ path: join(file, 'state.db'), mode: 'write' })).rejects.toMatchObject({
    code: 'state_unavailable',
    hint: expect.stringContaining('a file where a folder should be'),
  })
})

const canMount = ((): boolean => {
  try {
    execFileSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** Runs `body` where the folder of `path` is a file system of its own. */
function onFileSystem(options: string, path: string, body: string): string {
  mkdirSync(dirname(path), { recursive: true })
  const quoted = [process.execPath, ...script(path, body)].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ')
  const mount = `mount -t tmpfs -o ${options} tmpfs '${dirname(path)}'`
  return execFileSync('unshare', ['-rm', 'sh', '-c', `${mount} && ${quoted}`]).toString()
}

test.skipIf(!canMount)('a full disk fails the call whole and loses nothing that was acknowledged', () => {
  const output = onFileSystem(
    'size=2m',
    newPath(),
    `const state = await openSqliteState({ path, mode: 'write' });
     const source = ${JSON.stringify({ ...source, stagedThroughLsn: undefined, confirmedLsn: undefined })};
     await state.saveSource({ ...source, stagedThroughLsn: 0n, confirmedLsn: 0n });
     const file = ${JSON.stringify(changes(0))};
     let number = 0;
     let failure;
     while (failure === undefined && number < 100_000) {
       const staged = Array.from({ length: 100 }, (_, part) => ({ ...file, batchId: (number + 1) + '.' + part }));
       await state.recordStaged('shop', staged, BigInt(number + 1)).then(() => number++, (error) => { failure = error; });
     }
     await state[Symbol.asyncDispose]();
     const again = await openSqliteState({ path, mode: 'read' });
     const waiting = (await again.waiting('shop')).length;
     const through = Number((await again.source('shop')).stagedThroughLsn);
     console.log(JSON.stringify({ code: failure.code, hint: failure.hint, number, waiting, through }));`,
  )
  const { code, hint, number, waiting, through } = JSON.parse(output)
  expect(code).toBe('state_full')
  expect(hint).toContain('Free space on the disk')
  expect(number).toBeGreaterThan(0)
  expect({ waiting, through }).toEqual({ waiting: number * 100, through: number })
})

test.skipIf(!canMount)('a read-only file system is said so', () => {
  const body = `try { await openSqliteState({ path, mode: 'write' }); } catch (error) { console.log(error.code, error.hint); }`
  expect(onFileSystem('ro', newPath(), body)).toMatch(/^state_unavailable Let this user write /)
})

test('loading the driver warns of nothing', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    script(newPath(), `await openSqliteState({ path, mode: 'read' });`),
  )
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' })
})

function withDatabase(path: string, sql: string): void {
  using database = new DatabaseSync(path)
  database.exec(sql)
}

function damage(path: string): void {
  const { size } = statSync(path)
  execFileSync(
    'dd',
    ['if=/dev/urandom', `of=${path}`, 'bs=4096', 'seek=2', `count=${Math.floor(size / 4096) - 2}`, 'conv=notrunc'],
    {
      stdio: 'ignore',
    },
  )
}
