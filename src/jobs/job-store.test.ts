import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isPipelineError } from '../core/errors.ts'
import type { JobRequest } from '../core/job.ts'
import { loadSqlite } from '../state/sqlite-driver.ts'
import { JobStore } from './job-store.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simplyload-store-'))
  path = join(folder, 'deep', 'jobs.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const open = () => new JobStore(loadSqlite(), path)

const REQUEST: JobRequest = {
  name: 'files load',
  argv: ['files', 'load'],
  folder: '/data',
  configFile: '/data/simplyload.yaml',
  memoryBytesMax: 1 << 30,
  needs: 'state',
  retryOf: undefined,
  user: 'someone',
  host: 'here',
}

test('of two that need the same, one begins, whoever asks', () => {
  using one = open()
  using other = open()
  const [first, second] = [one.add(REQUEST, 1), other.add(REQUEST, 2)]
  expect([first.id, second.id]).toEqual(['load-1', 'load-2'])
  expect(other.begin(second.id, 3)).toBe('load-1')
  expect(one.begin(first.id, 4)).toBeUndefined()
  expect(other.begin(second.id, 5)).toBe('load-1')
  expect(one.end(first.id, 'succeed', { endedMs: 6, exitCode: 0 })).toBe(true)
  expect(other.begin(second.id, 7)).toBeUndefined()
  expect(one.find('2')).toMatchObject({ id: 'load-2', state: 'running', startedMs: 7, ...REQUEST })
})

test('a job ends once: whoever comes second changes nothing', () => {
  using one = open()
  using other = open()
  const { id } = one.add(REQUEST, 1)
  expect(other.end(id, 'vanish', { endedMs: 2, reason: 'gone' })).toBe(true)
  expect(one.end(id, 'succeed', { endedMs: 3 })).toBe(false)
  expect(one.begin(id, 4)).toBeUndefined()
  expect(one.find(id)).toMatchObject({ state: 'lost', endedMs: 2, reason: 'gone' })
  expect(one.askToCancel(id, 5, 1000)).toBe(false)
})

test('asking again to cancel shortens the time, never lengthens it', () => {
  using store = open()
  const { id } = store.add(REQUEST, 1)
  for (const [askedMs, graceMs] of [
    [10, 5000],
    [20, 9000],
    [30, 1000],
  ] as const)
    store.askToCancel(id, askedMs, graceMs)
  expect(store.find(id)?.cancel).toEqual({ askedMs: 10, graceMs: 1000 })
})

test('numbers of forgotten jobs are not given again', () => {
  using store = open()
  const { id } = store.add(REQUEST, 1)
  store.end(id, 'cancel', { endedMs: 2 })
  expect(store.forget(0)).toEqual([id])
  expect(store.add(REQUEST, 3).id).toBe('load-2')
})

test('a file of another program, of a newer version, and one that is damaged are told apart', () => {
  open()[Symbol.dispose]()
  const alter = (sql: string) => {
    using database = new DatabaseSync(path)
    database.exec(sql)
  }
  alter('PRAGMA user_version = 9')
  expect(open).toThrow(expect.toSatisfy((error) => isPipelineError(error, 'state_version')))
  alter('PRAGMA application_id = 7')
  expect(open).toThrow(expect.toSatisfy((error) => isPipelineError(error, 'state_unavailable')))
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
  writeFileSync(path, 'no database '.repeat(100))
  expect(open).toThrow(expect.toSatisfy((error) => isPipelineError(error, 'state_unavailable')))
})
