/** https://docs.snowflake.com/en/sql-reference/transactions#resource-locking */
import { expect, test } from 'vitest'
import { LockTable } from './lock-table.ts'

const ORDERS = { id: 1, name: 'ORDERS' }
const ITEMS = { id: 2, name: 'ITEMS' }
const HOUR = 3_600_000

function owner(id: string) {
  return { id, queryId: `query-${id}`, idleMs: () => 0, abort: () => undefined }
}

test('an UPDATE waits for the UPDATE of another transaction, an INSERT does not', async () => {
  const locks = new LockTable(HOUR)
  const { signal } = new AbortController()
  await locks.acquire(owner('a'), ORDERS, 'modify', HOUR, signal)
  expect(await locks.acquire(owner('b'), ORDERS, 'append', HOUR, signal)).toBe(false)
  let hasIt = false
  const waiting = locks.acquire(owner('c'), ORDERS, 'modify', HOUR, signal).then((waited) => {
    hasIt = true
    return waited
  })
  await Promise.resolve()
  expect(hasIt).toBe(false)
  locks.release(owner('a'))
  expect(await waiting).toBe(true)
})

test('a transaction may take again what it holds, and more of it', async () => {
  const locks = new LockTable(HOUR)
  const { signal } = new AbortController()
  await locks.acquire(owner('a'), ORDERS, 'append', HOUR, signal)
  expect(await locks.acquire(owner('a'), ORDERS, 'modify', HOUR, signal)).toBe(false)
})

test('a change of the table waits for writers of any kind', async () => {
  const locks = new LockTable(HOUR)
  const { signal } = new AbortController()
  await locks.acquire(owner('a'), ORDERS, 'append', HOUR, signal)
  const waiting = locks.acquire(owner('b'), ORDERS, 'define', HOUR, signal)
  locks.release(owner('a'))
  expect(await waiting).toBe(true)
})

test('two transactions that wait for each other are found out', async () => {
  const locks = new LockTable(HOUR)
  const { signal } = new AbortController()
  await locks.acquire(owner('a'), ORDERS, 'modify', HOUR, signal)
  await locks.acquire(owner('b'), ITEMS, 'modify', HOUR, signal)
  const waiting = locks.acquire(owner('a'), ITEMS, 'modify', HOUR, signal)
  await expect(locks.acquire(owner('b'), ORDERS, 'modify', HOUR, signal)).rejects.toMatchObject({ code: '000625' })
  locks.release(owner('b'))
  expect(await waiting).toBe(true)
})

test('LOCK_TIMEOUT and a cancellation end the wait', async () => {
  const locks = new LockTable(HOUR)
  const abort = new AbortController()
  await locks.acquire(owner('a'), ORDERS, 'modify', HOUR, abort.signal)
  await expect(locks.acquire(owner('b'), ORDERS, 'modify', 1, abort.signal)).rejects.toMatchObject({ code: '000625' })
  const waiting = locks.acquire(owner('c'), ORDERS, 'modify', HOUR, abort.signal)
  abort.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
})

test('a transaction that does nothing while others wait is rolled back', async () => {
  const locks = new LockTable(20)
  const { signal } = new AbortController()
  const gone = { ...owner('a'), idleMs: () => 21, abort: () => locks.release(gone) }
  await locks.acquire(gone, ORDERS, 'modify', HOUR, signal)
  expect(await locks.acquire(owner('b'), ORDERS, 'modify', HOUR, signal)).toBe(true)
})
