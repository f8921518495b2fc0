import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { describeState } from '../../../test/contract/state.ts'
import { killWriter } from '../../../test/support/killed-writer.ts'
import { batchesOfSteps, changes, ORDERS, SHOP, tableRecord, WRITE_STEPS } from '../../../test/support/state-records.ts'
import { isFileStateInUse, openFileState } from './file-state.ts'
import { openFileRequestBox } from './request-box.ts'

const MODULE = JSON.stringify(new URL('./file-state.ts', import.meta.url).href)

const folder = mkdtempSync(join(tmpdir(), 'simplyload-state-'))
afterAll(() => rmSync(folder, { recursive: true }))
let folders = 0
const newPath = () => join(folder, `${folders++}`, 'state')
const journal = (path: string) => join(path, 'journal.jsonl')

describeState('JSON files', async () => {
  const path = newPath()
  return {
    reopen: () => openFileState({ path, mode: 'write' }),
    openBox: () => openFileRequestBox(path),
    async [Symbol.asyncDispose]() {},
  }
})

/** The beginning of a program of its own. */
function script(path: string): string {
  return `const { openFileState } = await import(${MODULE}); const path = ${JSON.stringify(path)};
    const source = { ...${JSON.stringify({ ...SHOP, stagedThroughLsn: 0, confirmedLsn: 0 })}, stagedThroughLsn: 0n, confirmedLsn: 0n };`
}

test('a second writer is refused and told who has it; the lock ends with its holder', async () => {
  const path = newPath()
  {
    await using _first = await openFileState({ path, mode: 'write' })
    await expect(openFileState({ path, mode: 'write' })).rejects.toMatchObject({
      code: 'state_locked',
      cause: { message: `another sync, load of files or job is writing to it (process ${process.pid})` },
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
  await writer.saveSource(SHOP)
  await writer.saveTable(tableRecord())
  expect(await reader.source('shop')).toEqual(SHOP)
  expect(await reader.tables('shop')).toEqual([tableRecord()])
  await expect(reader.saveSource(SHOP)).rejects.toMatchObject({ code: 'internal' })

  const large = JSON.stringify('x'.repeat(300_000))
  const sizes: number[] = []
  for (let number = 1; number <= 30; number++) {
    const token = { table: ORDERS, token: large }
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
  for (const killAfter of [1, 7, 30, 90, 140]) {
    // With a token that makes the journal be written anew every few steps, so that kills fall into that too.
    const acknowledged = await killWriter(
      `${script(path)}
       const state = await openFileState({ path, mode: 'write' });
       const tokensOf = (table, number) => [{ table, token: JSON.stringify(number + 'x'.repeat(200_000)) }];
       ${WRITE_STEPS}`,
      killAfter,
    )
    // The lock went with its holder.
    await using state = await openFileState({ path, mode: 'write' })
    const staged = Number((await state.source('shop'))?.stagedThroughLsn)
    expect(staged).toBeGreaterThanOrEqual(acknowledged)
    expect(staged).toBeLessThanOrEqual(acknowledged + 1)
    expect((await state.waiting('shop')).map(({ batchId }) => batchId)).toEqual(batchesOfSteps(staged))
    expect((await state.tokens('shop'))[0]?.token).toMatch(new RegExp(`^"${staged}x+"$`))
    expect((await state.tables('shop'))[0]?.changesMerged).toBeGreaterThanOrEqual(acknowledged)
  }
})

test('a schema that no file has any more is written again with the next file that has it', async () => {
  const path = newPath()
  const large = JSON.stringify('x'.repeat(2_000_000))
  {
    await using state = await openFileState({ path, mode: 'write' })
    await state.saveSource(SHOP)
    const { schema } = changes(1)
    await state.recordStaged('shop', [{ ...changes(1), schema }], 1n)
    await state.forget(['b1'])
    // The journal is written anew, without the schema.
    for (let time = 0; time < 4; time++) await state.saveToken({ table: schema.table, token: large })
    await state.recordStaged('shop', [{ ...changes(2), schema }], 2n)
  }
  await using state = await openFileState({ path, mode: 'write' })
  expect(await state.waiting('shop')).toEqual([{ ...changes(2), schema: changes(1).schema }])
})

test('names that file systems take for the same, or not at all, are tables of their own', async () => {
  const path = newPath()
  const long = 'ü'.repeat(120)
  const names = ['Id', 'id', 'ID', 'a/b', '..', 'CON', 'a b', long, `${long}!`, `${long}?`]
  await using state = await openFileState({ path, mode: 'write' })
  for (const name of names) {
    await state.saveTable(tableRecord({ ...ORDERS, name }))
    await state.saveTable(tableRecord({ ...ORDERS, namespace: 'a.b', name }))
  }
  expect((await state.tables('shop')).map(({ table }) => `${table.namespace} ${table.name}`).sort()).toEqual(
    names.flatMap((name) => [`public ${name}`, `a.b ${name}`]).sort(),
  )
  const onDisk = readdirSync(join(path, 'tables', 'shop'))
  expect(new Set(onDisk.map((name) => name.toLowerCase())).size).toBe(2 * names.length)
})

test('a step writes as much after a hundred thousand files as after one', async () => {
  const path = newPath()
  const schemas = Array.from({ length: 10 }, (_, index) => changes(index, `t${index}`).schema)
  const all = Array.from({ length: 100_000 }, (_, index) => ({ ...changes(index), schema: schemas[index % 10]! }))
  {
    await using state = await openFileState({ path, mode: 'write' })
    await state.saveSource(SHOP)
    for (let from = 0; from < all.length; from += 10_000)
      await state.recordStaged('shop', all.slice(from, from + 10_000), 1n)
    await state.markLoaded(
      all.slice(0, 99_000).map(({ batchId }) => batchId),
      5,
    )
    const before = statSync(journal(path)).size
    await state.recordStaged('shop', [{ ...changes(200_000), schema: schemas[0]! }], 2n)
    expect(statSync(journal(path)).size - before).toBeLessThan(1_000)
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
  const quoted = [process.execPath, '--input-type=module', '-e', script(path) + body]
    .map((part) => `'${part.replaceAll("'", `'\\''`)}'`)
    .join(' ')
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
     await state.saveTable(${JSON.stringify(tableRecord())}).catch(() => undefined);
     const reader = await openFileState({ path, mode: 'read' });
     const readable = Number((await reader.source('shop')).stagedThroughLsn);
     const atFailure = number;
     unlinkSync(ballast);
     // Shorter than what did not fit, of which a part is on the disk.
     await state.recordError({ source: 'shop', code: 'internal', message: 'm', atMs: 1 });
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
