import { expect, test } from 'vitest'
import { PipelineError } from '../core/errors.ts'
import { createGuard } from './guard.ts'

const never = new AbortController().signal

test('a failure that time mends is tried again; what it throws in the end is the cause, not the circuit', async () => {
  const notices: string[] = []
  const guard = createGuard(2, ({ error }) => notices.push(error.code))
  let calls = 0
  const work = async () => {
    calls++
    throw new PipelineError('destination_locked', 'Opening warehouse.duckdb')
  }
  await expect(guard.run(work, never)).rejects.toThrow('Opening warehouse.duckdb')
  expect(calls).toBe(3)
  expect(notices).toEqual(['destination_locked', 'destination_locked'])
})

test('a failure that needs a person, or a bug, is thrown at once', async () => {
  const guard = createGuard(5, () => expect.unreachable())
  for (const error of [new PipelineError('source_permission', 'Reading'), new TypeError('bug')]) {
    let calls = 0
    await expect(
      guard.run(async () => {
        calls++
        throw error
      }, never),
    ).rejects.toBe(error)
    expect(calls).toBe(1)
  }
})

test('an abort ends the waiting', async () => {
  const stop = new AbortController()
  const guard = createGuard(Number.POSITIVE_INFINITY, () => stop.abort(new Error('stopped')))
  const failing = async () => {
    throw new PipelineError('source_unreachable', 'Connecting')
  }
  await expect(guard.run(failing, stop.signal)).rejects.toThrow('stopped')
})

test('once a stop is asked for, what failed is not tried again, and begins once at most', async () => {
  const guard = createGuard(Number.POSITIVE_INFINITY, () => graceful.abort())
  const graceful = new AbortController()
  let attempts = 0
  const failing = async () => {
    attempts++
    throw new PipelineError('destination_locked', 'Opening warehouse.duckdb')
  }
  const stop = { graceful: graceful.signal, immediate: never }
  await expect(guard.run(failing, stop)).rejects.toThrow('Opening warehouse.duckdb')
  expect(attempts).toBe(1)
  await expect(guard.run(failing, stop)).rejects.toThrow('Opening warehouse.duckdb')
  expect(attempts).toBe(2)
  expect(await guard.run(async () => 'done', stop)).toBe('done')
})
