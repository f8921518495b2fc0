import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { describeState } from '../../../test/contract/state.ts'
import { isSqliteStateInUse, openSqliteState } from './sqlite-state.ts'

const folder = mkdtempSync(join(tmpdir(), 'simplyload-state-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = () => join(folder, `${files++}`, 'state.db')

describeState('SQLite', async () => {
  const path = newPath()
  return { reopen: () => openSqliteState({ path, mode: 'write' }), async [Symbol.asyncDispose]() {} }
})

test('a second writer is refused and told who has it; readers are welcome; the lock ends with its holder', async () => {
  const path = newPath()
  {
    await using _first = await openSqliteState({ path, mode: 'write' })
    await expect(openSqliteState({ path, mode: 'write' })).rejects.toMatchObject({ code: 'state_locked' })
    await expect(openSqliteState({ path, mode: 'write' })).rejects.toHaveProperty(
      'cause.message',
      expect.stringContaining(String(process.pid)),
    )
    await using reader = await openSqliteState({ path, mode: 'read' })
    expect(await reader.tables('shop')).toEqual([])
    expect(await isSqliteStateInUse(path)).toBe(true)
  }
  expect(await isSqliteStateInUse(path)).toBe(false)
  await using _second = await openSqliteState({ path, mode: 'write' })
})

test('a holder that is killed leaves no lock and loses nothing that was saved', async () => {
  const path = newPath()
  const script = `
    const { openSqliteState } = await import(${JSON.stringify(new URL('./sqlite-state.ts', import.meta.url).href)})
    const state = await openSqliteState({ path: ${JSON.stringify(path)}, mode: 'write' })
    await state.recordError({ source: 'shop', table: undefined, code: 'internal', message: 'kept', hint: undefined, atMs: 1 })
    console.log('saved')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await expect(openSqliteState({ path, mode: 'write' })).rejects.toMatchObject({ code: 'state_locked' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await using state = await openSqliteState({ path, mode: 'write' })
  expect(await state.errors('shop', 1)).toMatchObject([{ message: 'kept' }])
})

test('a file that does not exist reads as empty', async () => {
  await using state = await openSqliteState({ path: newPath(), mode: 'read' })
  expect(await state.runs('shop', 1)).toEqual([])
})

test('a file of a newer version and a file that is none are refused with what to do', async () => {
  const newer = newPath()
  await (await openSqliteState({ path: newer, mode: 'write' }))[Symbol.asyncDispose]()
  const database = new DatabaseSync(newer)
  database.exec('PRAGMA user_version = 99')
  database.close()
  await expect(openSqliteState({ path: newer, mode: 'write' })).rejects.toMatchObject({ code: 'state_version' })
  const damaged = join(folder, 'damaged.db')
  writeFileSync(damaged, 'this is no database file, whatever its name says. '.repeat(100))
  await expect(openSqliteState({ path: damaged, mode: 'write' })).rejects.toMatchObject({
    code: 'state_unavailable',
    hint: expect.stringContaining('damaged'),
  })
})
