import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Gate, wrapState } from '../../test/support/wrapped-ports.ts'
import type { Clock } from '../core/clock.ts'
import { type ErrorCode, PipelineError } from '../core/errors.ts'
import type { SourceRecord, State } from '../core/state.ts'
import { openSqliteState } from '../state/sqlite/sqlite-state.ts'
import { retryingState } from './retrying-state.ts'

const folder = mkdtempSync(join(tmpdir(), 'simplyload-retrying-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const record: SourceRecord = {
  source: 'shop',
  generation: 1,
  identity: { system: '1', timeline: 1, slot: 's' },
  stagedThroughLsn: 1n,
  confirmedLsn: 1n,
  prunedThrough: undefined,
}

/** Time passes only while somebody sleeps. */
function sleeper(): Clock & { readonly slept: number[] } {
  const slept: number[] = []
  let nowMs = 0
  return {
    slept,
    nowMs: () => nowMs,
    elapsedMs: () => nowMs,
    async sleep(ms, signal) {
      signal.throwIfAborted()
      slept.push(ms)
      nowMs += ms
    },
  }
}

interface Scene extends AsyncDisposable {
  readonly state: State
  readonly inner: State
  readonly clock: ReturnType<typeof sleeper>
  readonly graceful: AbortController
  readonly notices: string[]
}

async function scene(over: (inner: State) => Partial<State>, attemptsMax = Number.POSITIVE_INFINITY): Promise<Scene> {
  const inner = await openSqliteState({ path: join(folder, `${files++}.db`), mode: 'write' })
  const clock = sleeper()
  const graceful = new AbortController()
  const notices: string[] = []
  const state = retryingState(wrapState(inner, over(inner)), {
    clock,
    stop: { graceful: graceful.signal, immediate: new AbortController().signal },
    attemptsMax,
    tell: ({ error }) => notices.push(error.code),
  })
  return { state, inner, clock, graceful, notices, [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose]() }
}

function failure(code: ErrorCode): PipelineError {
  return new PipelineError(code, 'Writing the state db:5432/shop', { hint: 'start it' })
}

test('a state that is away for a while delays a call and fails nothing', async () => {
  let failures = 40
  await using it = await scene((inner) => ({
    async saveSource(saved) {
      if (failures-- > 0) throw failure('state_unreachable')
      return inner.saveSource(saved)
    },
  }))
  await it.state.saveSource(record)
  expect(await it.inner.source('shop')).toEqual(record)
  expect(it.notices).toHaveLength(40)
  // It does not hammer, and does not sleep through the end of an outage either.
  expect(Math.max(...it.clock.slept)).toBeLessThanOrEqual(30_000)
  expect(it.clock.slept.reduce((sum, ms) => sum + ms)).toBeGreaterThan(300_000)
})

test('a call that is tried again is not overtaken by one that was asked later', async () => {
  const begun = new Gate()
  let first = true
  await using it = await scene((inner) => ({
    async saveSource(saved) {
      begun.open()
      if (first) {
        first = false
        throw failure('state_unreachable')
      }
      return inner.saveSource(saved)
    },
  }))
  const older = it.state.saveSource(record)
  await begun.opened
  const newer = it.state.saveSource({ ...record, generation: 2 })
  await Promise.all([older, newer])
  expect((await it.inner.source('shop'))?.generation).toBe(2)
})

test('what time does not mend is thrown at once', async () => {
  for (const code of ['state_permission', 'state_locked', 'internal'] as const) {
    await using it = await scene(() => ({ tables: () => Promise.reject(failure(code)) }))
    await expect(it.state.tables('shop')).rejects.toMatchObject({ code })
    expect(it.clock.slept).toEqual([])
  }
})

test('a run that does not wait for ever gives up once, with an error that ends it', async () => {
  await using it = await scene(
    () => ({
      tables: () => Promise.reject(failure('state_unreachable')),
      saveRun: () => Promise.reject(failure('state_unreachable')),
    }),
    3,
  )
  await expect(it.state.tables('shop')).rejects.toMatchObject({
    code: 'state_unavailable',
    hint: 'start it',
    cause: { code: 'state_unreachable' },
  })
  expect(it.notices).toHaveLength(3)
  await expect(it.state.tables('shop')).rejects.toMatchObject({ code: 'state_unavailable' })
  expect(it.notices).toHaveLength(3)
})

test('a stop waits for the state a little, and then no more', async () => {
  await using it = await scene(() => ({ tables: () => Promise.reject(failure('state_unreachable')) }))
  it.graceful.abort()
  await expect(it.state.tables('shop')).rejects.toMatchObject({ code: 'state_unavailable' })
  const waitedMs = it.clock.elapsedMs()
  expect(waitedMs).toBeGreaterThanOrEqual(10_000)
  expect(waitedMs).toBeLessThan(30_000)
})
