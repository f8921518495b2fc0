import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { describeState } from '../../../test/contract/state.ts'
import { NO_FEATURES } from '../../core/batch.ts'
import { boundary, position } from '../../core/position.ts'
import type { StageFile } from '../../core/stage.ts'
import type { SourceRecord, TableRecord } from '../../core/state.ts'
import { isFileStateInUse, openFileState } from './file-state.ts'
import { openFileRequestBox } from './request-box.ts'

const MODULE = JSON.stringify(new URL('./file-state.ts', import.meta.url).href)

const folder = mkdtempSync(join(tmpdir(), 'simplyload-state-'))
afterAll(() => rmSync(folder, { recursive: true }))
let folders = 0
const newPath = () => join(folder, `${folders++}`, 'state')

describeState('JSON files', async () => {
  const path = newPath()
  return {
    reopen: () => openFileState({ path, mode: 'write' }),
    openBox: () => openFileRequestBox(path),
    async [Symbol.asyncDispose]() {},
  }
})

const source: SourceRecord = {
  source: 'shop',
  generation: 1,
  identity: { system: '1', timeline: 1, slot: 's' },
  stagedThroughLsn: 0n,
  confirmedLsn: 0n,
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

function tableRecord(name: string, namespace = 'public'): TableRecord {
  const { schema } = changes(1, name)
  return {
    table: { source: 'shop', namespace, name },
    state: 'live',
    schema: { ...schema, table: { source: 'shop', namespace, name } },
    snapshotPosition: boundary(1, 5n),
    resumeState: undefined,
    lastError: undefined,
    lastErrorCode: undefined,
    lastSyncMs: 7,
    rowsSnapshot: 1,
    changesMerged: 2,
    quarantined: 0,
    updatedMs: 9,
  }
}

const journal = (path: string) => join(path, 'journal.jsonl')
const tableFile = (path: string, name: string) => join(path, 'tables', 'shop', `public.${name}.json`)

/** Runs `body` in a process of its own, with `openFileState` and `path`. */
function script(path: string, body: string): string[] {
  const head = `const { openFileState } = await import(${MODULE}); const path = ${JSON.stringify(path)};
    const source = { ...${JSON.stringify({ ...source, stagedThroughLsn: 0, confirmedLsn: 0 })}, stagedThroughLsn: 0n, confirmedLsn: 0n };`
  return ['--input-type=module', '-e', head + body]
}

function start(path: string, body: string): ChildProcess {
  return spawn(process.execPath, script(path, body), { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function filled(path: string, files: number): Promise<void> {
  await using state = await openFileState({ path, mode: 'write' })
  await state.saveSource(source)
  for (const name of ['orders', 'customers']) await state.saveTable(tableRecord(name))
  for (let number = 1; number <= files; number++) await state.recordStaged('shop', [changes(number)], BigInt(number))
}

test('a second writer is refused and told who has it; the lock ends with its holder', async () => {
  const path = newPath()
  {
    await using _first = await openFileState({ path, mode: 'write' })
    await expect(openFileState({ path, mode: 'write' })).rejects.toMatchObject({
      code: 'state_locked',
      cause: { message: `another sync is running (process ${process.pid})` },
    })
    expect(await isFileStateInUse(path)).toBe(true)
  }
  expect(await isFileStateInUse(path)).toBe(false)
  await using _second = await openFileState({ path, mode: 'write' })
})

test('a reader sees what a running sync has written, also where the journal was written anew meanwhile', async () => {
  const path = newPath()
  await using reader = await openFileState({ path, mode: 'read' })
  expect(await reader.source('shop')).toBeUndefined()
  expect(existsSync(path)).toBe(false)

  await using writer = await openFileState({ path, mode: 'write' })
  await writer.saveSource(source)
  await writer.saveTable(tableRecord('orders'))
  expect(await reader.source('shop')).toEqual(source)
  expect(await reader.tables('shop')).toEqual([tableRecord('orders')])
  await expect(reader.saveSource(source)).rejects.toMatchObject({ code: 'internal' })

  const large = JSON.stringify('x'.repeat(300_000))
  const sizes: number[] = []
  for (let number = 1; number <= 30; number++) {
    const token = { table: tableRecord('orders').table, token: large }
    await writer.recordStaged('shop', [changes(number)], BigInt(number), [token])
    await writer.markLoaded([`b${number}`], number)
    sizes.push(statSync(journal(path)).size)
    expect((await reader.source('shop'))?.stagedThroughLsn).toBe(BigInt(number))
    expect(await reader.loadedBefore(100, 100)).toHaveLength(number)
  }
  // 9 MB have been written; the journal was written anew several times.
  expect(sizes.filter((size, index) => size < (sizes[index - 1] ?? 0)).length).toBeGreaterThan(2)
  expect(Math.max(...sizes)).toBeLessThan(3_000_000)
})

test('after kill -9 in the middle of writes everything that was acknowledged is there, and nothing by halves', async () => {
  const path = newPath()
  // With a token that makes the journal be written anew every few steps, so that kills fall into that too.
  for (const killAfter of [1, 7, 30, 90, 140]) {
    const child = start(
      path,
      `const state = await openFileState({ path, mode: 'write' });
       const found = await state.source('shop');
       let number = found === undefined ? 0 : Number(found.stagedThroughLsn);
       if (found === undefined) await state.saveSource(source);
       const file = ${JSON.stringify(changes(0))};
       const record = ${JSON.stringify(tableRecord('orders'))};
       const token = JSON.stringify('x'.repeat(200_000));
       while (true) {
         number++;
         await state.saveTable({ ...record, changesMerged: number });
         const staged = [1, 2, 3].map((part) => ({ ...file, batchId: number + '.' + part }));
         await state.recordStaged('shop', staged, BigInt(number), [{ table: record.table, token: token.replace('x', number) }]);
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
    await using state = await openFileState({ path, mode: 'write' })
    const staged = Number((await state.source('shop'))?.stagedThroughLsn)
    expect(staged).toBeGreaterThanOrEqual(acknowledged)
    expect(staged).toBeLessThanOrEqual(acknowledged + 1)
    const expected = Array.from({ length: staged }, (_, index) =>
      [1, 2, 3].map((part) => `${index + 1}.${part}`),
    ).flat()
    expect((await state.waiting('shop')).map(({ batchId }) => batchId)).toEqual(expected)
    expect((await state.tokens('shop'))[0]?.token).toMatch(new RegExp(`^"${staged}x+"$`))
    expect((await state.tables('shop'))[0]?.changesMerged).toBeGreaterThanOrEqual(acknowledged)
  }
})

test('a last line that a loss of power cut short at any byte was never acknowledged: it is ignored and cut off', async () => {
  const path = newPath()
  await filled(path, 3)
  const whole = readFileSync(journal(path))
  const lastLine = whole.lastIndexOf(0x0a, whole.length - 2) + 1
  for (let bytes = lastLine; bytes < whole.length; bytes += 7) {
    writeFileSync(journal(path), whole.subarray(0, bytes))
    await using reader = await openFileState({ path, mode: 'read' })
    expect((await reader.source('shop'))?.stagedThroughLsn).toBe(2n)
    await using state = await openFileState({ path, mode: 'write' })
    expect(await state.waiting('shop')).toHaveLength(2)
    await state.recordStaged('shop', [changes(9)], 9n)
    expect(await reader.waiting('shop')).toEqual([changes(1), changes(2), changes(9)])
  }
  // Blocks that were not written are full of zeros.
  const torn = Buffer.from(whole)
  torn.fill(0, lastLine + 5, lastLine + 200)
  writeFileSync(journal(path), torn)
  await using state = await openFileState({ path, mode: 'write' })
  expect((await state.source('shop'))?.stagedThroughLsn).toBe(2n)
})

test.each([
  ['a bit turned in the middle', (bytes: Buffer) => flip(bytes, Math.floor(bytes.length / 2))],
  ['a bit turned in the last line', (bytes: Buffer) => flip(bytes, bytes.length - 30)],
  ['a line missing', (bytes: Buffer) => withoutLine(bytes, 3)],
  ['a line doubled', (bytes: Buffer) => Buffer.concat([bytes, bytes.subarray(bytes.lastIndexOf(0x0a, -2) + 1)])],
  ['no beginning', (bytes: Buffer) => bytes.subarray(bytes.indexOf(0x0a) + 1)],
  ['nothing in it', () => Buffer.alloc(0)],
  ['another content', () => Buffer.from('hello\nworld\n')],
])('a journal with %s is refused, naming the file and the mend, and left as it is', async (_, spoil) => {
  const path = newPath()
  await filled(path, 5)
  const spoilt = spoil(readFileSync(journal(path)))
  writeFileSync(journal(path), spoilt)
  const refusal = {
    code: 'state_unavailable',
    message: `Reading the state ${journal(path)}`,
    hint: expect.stringContaining('move it away'),
  }
  await expect(openFileState({ path, mode: 'write' })).rejects.toMatchObject(refusal)
  await using reader = await openFileState({ path, mode: 'read' })
  await expect(reader.waiting('shop')).rejects.toMatchObject(refusal)
  expect(readFileSync(journal(path))).toEqual(spoilt)
  expect(await isFileStateInUse(path)).toBe(false)
})

test('a missing journal beside files of tables is no fresh start', async () => {
  const path = newPath()
  await filled(path, 1)
  unlinkSync(journal(path))
  await expect(openFileState({ path, mode: 'write' })).rejects.toMatchObject({
    code: 'state_unavailable',
    cause: { message: 'it is missing, and files of tables are there' },
    hint: expect.stringContaining(path),
  })
  expect(existsSync(journal(path))).toBe(false)
})

test.each([
  ['cut short', (path: string) => truncateSync(path, 100)],
  ['changed', (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('"live"', '"paused"'))],
  ['that of another table', (path: string) => writeFileSync(path, readFileSync(path.replace('orders', 'customers')))],
])('the file of a table that is %s is refused, naming it and what becomes of its table', async (_, spoil) => {
  const path = newPath()
  await filled(path, 1)
  spoil(tableFile(path, 'orders'))
  await using state = await openFileState({ path, mode: 'write' })
  await expect(state.tables('shop')).rejects.toMatchObject({
    code: 'state_unavailable',
    message: `Reading the state ${tableFile(path, 'orders')}`,
    hint: expect.stringContaining('needs_resync'),
  })
})

test.each([
  ['journal', (path: string) => rewriteHeader(journal(path))],
  ['file of a table', (path: string) => replaceIn(tableFile(path, 'orders'), '"format": 1', '"format": 2')],
])('a %s of a newer version is refused', async (_, change) => {
  const path = newPath()
  await filled(path, 1)
  change(path)
  const use = async () => {
    await using state = await openFileState({ path, mode: 'write' })
    await state.tables('shop')
  }
  await expect(use()).rejects.toMatchObject({
    code: 'state_version',
    cause: { message: 'it has format 2; this version knows 1' },
    hint: expect.stringContaining('newer version'),
  })
})

test('a table that was removed does not come back from the file that a killed process left', async () => {
  const path = newPath()
  await filled(path, 1)
  const left = readFileSync(tableFile(path, 'orders'))
  {
    await using state = await openFileState({ path, mode: 'write' })
    await state.removeTable(tableRecord('orders').table)
    expect(existsSync(tableFile(path, 'orders'))).toBe(false)
  }
  writeFileSync(tableFile(path, 'orders'), left)
  {
    await using reader = await openFileState({ path, mode: 'read' })
    expect((await reader.tables('shop')).map(({ table }) => table.name)).toEqual(['customers'])
    await using state = await openFileState({ path, mode: 'write' })
    expect(existsSync(tableFile(path, 'orders'))).toBe(false)
    await state.saveTable(tableRecord('orders'))
  }
  await using state = await openFileState({ path, mode: 'write' })
  expect((await state.tables('shop')).map(({ table }) => table.name)).toEqual(['customers', 'orders'])
})

test('a schema that no file has any more is written again with the next file that has it', async () => {
  const path = newPath()
  const large = JSON.stringify('x'.repeat(2_000_000))
  {
    await using state = await openFileState({ path, mode: 'write' })
    await state.saveSource(source)
    const { schema } = changes(1, 'orders')
    await state.recordStaged('shop', [{ ...changes(1), schema }], 1n)
    await state.forget(['b1'])
    // The journal is written anew, without the schema.
    for (let time = 0; time < 4; time++) await state.saveToken({ table: schema.table, token: large })
    await state.recordStaged('shop', [{ ...changes(2), schema }], 2n)
  }
  await using state = await openFileState({ path, mode: 'write' })
  expect(await state.waiting('shop')).toEqual([{ ...changes(2), schema: changes(1, 'orders').schema }])
})

test('names that file systems take for the same, or not at all, are tables of their own', async () => {
  const path = newPath()
  const long = 'ü'.repeat(120)
  const names = ['Id', 'id', 'ID', 'a/b', '..', 'CON', 'a b', long, `${long}!`, `${long}?`]
  await using state = await openFileState({ path, mode: 'write' })
  for (const name of names) {
    await state.saveTable(tableRecord(name))
    await state.saveTable(tableRecord(name, 'a.b'))
  }
  expect((await state.tables('shop')).map(({ table }) => `${table.namespace} ${table.name}`).sort()).toEqual(
    names.flatMap((name) => [`public ${name}`, `a.b ${name}`]).sort(),
  )
  const onDisk = readdirSync(join(path, 'tables', 'shop'))
  expect(new Set(onDisk.map((name) => name.toLowerCase())).size).toBe(2 * names.length)
})

test('a hundred thousand files cost milliseconds, and a step costs the same however many there are', async () => {
  const path = newPath()
  const schemas = Array.from({ length: 10 }, (_, index) => changes(index).schema)
  const all = Array.from({ length: 100_000 }, (_, index) => ({ ...changes(index), schema: schemas[index % 10]! }))
  {
    await using state = await openFileState({ path, mode: 'write' })
    await state.saveSource(source)
    for (let from = 0; from < all.length; from += 10_000)
      await state.recordStaged('shop', all.slice(from, from + 10_000), 1n)
    await state.markLoaded(
      all.slice(0, 99_000).map(({ batchId }) => batchId),
      5,
    )
    const before = statSync(journal(path)).size
    await state.recordStaged('shop', [changes(200_000)], 2n)
    expect(statSync(journal(path)).size - before).toBeLessThan(1_000)
    // Limits for a slow machine under load.
    expect(await fastest(() => state.waiting('shop', all[99_005]?.schema.table))).toBeLessThan(30)
    expect(await fastest(() => state.loadedBefore(6, 500))).toBeLessThan(30)
    expect(await fastest(() => state.recordStaged('shop', [changes(200_001)], 2n))).toBeLessThan(60)
  }
  await using state = await openFileState({ path, mode: 'read' })
  expect((await state.waiting('shop', all[99_005]?.schema.table)).length).toBe(100)
  expect(statSync(journal(path)).size / all.length).toBeLessThan(600)
})

test('a file where a folder should be is said so', async () => {
  const file = newPath()
  mkdirSync(dirname(file))
  writeFileSync(file, '')
  await expect(openFileState({ path: join(file, 'state'), mode: 'write' })).rejects.toMatchObject({
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

/** Runs `body` where the folder above `path` is a file system of its own. */
function onFileSystem(options: string, path: string, body: string): string {
  mkdirSync(dirname(path), { recursive: true })
  const quoted = [process.execPath, ...script(path, body)].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ')
  const mount = `mount -t tmpfs -o ${options} tmpfs '${dirname(path)}'`
  return execFileSync('unshare', ['-rm', 'sh', '-c', `${mount} && ${quoted}`]).toString()
}

test.skipIf(!canMount)(
  'a full disk fails the call whole and loses nothing; when there is room again it goes on',
  () => {
    const output = onFileSystem(
      'size=2m',
      newPath(),
      `const { writeFileSync, unlinkSync } = await import('node:fs');
     const ballast = path + '.ballast';
     writeFileSync(ballast, Buffer.alloc(700_000));
     const state = await openFileState({ path, mode: 'write' });
     await state.saveSource(source);
     const file = ${JSON.stringify(changes(0))};
     const batch = (number) => Array.from({ length: 50 }, (_, part) => ({ ...file, batchId: number + '.' + part }));
     let number = 0;
     let failure;
     const step = () => state.recordStaged('shop', batch(number + 1), BigInt(number + 1))
       .then(() => { number++; }, (error) => { failure = error; });
     while (failure === undefined && number < 100_000) await step();
     const { code, hint } = failure;
     await step();
     await state.saveTable(${JSON.stringify(tableRecord('orders'))}).catch(() => undefined);
     const reader = await openFileState({ path, mode: 'read' });
     const readable = Number((await reader.source('shop')).stagedThroughLsn);
     const atFailure = number;
     unlinkSync(ballast);
     await step();
     await state[Symbol.asyncDispose]();
     const again = await openFileState({ path, mode: 'write' });
     const waiting = (await again.waiting('shop')).length;
     console.log(JSON.stringify({ code, hint, readable, atFailure, number, waiting }));`,
    )
    const { code, hint, readable, atFailure, number, waiting } = JSON.parse(output)
    expect(code).toBe('state_full')
    expect(hint).toContain('Free space on the disk')
    expect(atFailure).toBeGreaterThan(0)
    expect({ readable, number, waiting }).toEqual({ readable: atFailure, number: atFailure + 1, waiting: number * 50 })
  },
)

test.skipIf(!canMount)('a read-only file system is said so', () => {
  const body = `try { await openFileState({ path, mode: 'write' }); } catch (error) { console.log(error.code, error.hint); }`
  expect(onFileSystem('ro', newPath(), body)).toMatch(/^state_unavailable Let this user write /)
})

test('a damaged file of requests is refused, and the state beside it is not', async () => {
  const path = newPath()
  await filled(path, 1)
  await using state = await openFileState({ path, mode: 'write' })
  await state.ask({ id: 'r1', table: tableRecord('orders').table, action: { kind: 'pause' }, askedMs: 1 })
  replaceIn(join(path, 'requests.json'), 'pause', 'resume')
  await expect(state.openRequests('shop')).rejects.toMatchObject({
    code: 'state_unavailable',
    hint: expect.stringContaining('requests.json'),
  })
  expect(await state.waiting('shop')).toHaveLength(1)
})

function flip(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

function withoutLine(bytes: Buffer, line: number): Buffer {
  const lines = bytes.toString().split('\n')
  return Buffer.from(lines.filter((_, index) => index !== line).join('\n'))
}

function replaceIn(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
}

/** As a later version would begin it: its own checksum fits. */
function rewriteHeader(path: string): void {
  const [, ...rest] = readFileSync(path, 'utf8').split('\n')
  const json = JSON.stringify({ journal: 'simplyload', format: 2, next: 1 })
  const checksum = execFileSync(process.execPath, [
    '-p',
    `require('node:zlib').crc32(${JSON.stringify(json)}).toString(16).padStart(8, '0')`,
  ])
  writeFileSync(path, '')
  appendFileSync(path, [`${checksum.toString().trim()} ${json}`, ...rest].join('\n'))
}

async function fastest(work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5; attempt++) {
    const startedMs = performance.now()
    await work()
    best = Math.min(best, performance.now() - startedMs)
  }
  return best
}
