/** What people ask of a sync, through every state. */
import { describe, expect, test } from 'vitest'
import type { ControlRequest } from '../../src/core/control-request.ts'
import type { TableId } from '../../src/core/table-schema.ts'
import type { StatePlace } from './state-fixture.ts'

const orders: TableId = { source: 'shop', namespace: 'public', name: 'orders' }
const odd: TableId = { source: 'shop', namespace: 'we"ird', name: 'a.b/ü' }

function asked(id: string, table = orders, action: ControlRequest['action'] = { kind: 'pause' }): ControlRequest {
  return { id, table, action, askedMs: 1_700_000_000_000 }
}

export function describeRequests(name: string, open: () => Promise<StatePlace>): void {
  const ids = (records: readonly { readonly request: ControlRequest }[]) => records.map((each) => each.request.id)

  describe(`${name} as the place of requests`, () => {
    test('what was asked before the first sync is found by it, whole and in order', async () => {
      await using place = await open()
      const range = { column: 'Créé "am"', from: "it's", to: 'ü' }
      const requests = [
        asked('z', orders, { kind: 'backfill', range }),
        asked('a', odd, { kind: 'backfill' }),
        asked('m', odd, { kind: 'resync' }),
      ]
      {
        await using box = await place.openBox()
        for (const request of requests) await box.ask(request)
        await box.ask(asked('elsewhere', { ...orders, source: 'crm' }))
      }
      await using state = await place.reopen()
      expect(await state.openRequests('shop')).toEqual(requests.map((request) => ({ request })))
      expect(ids(await state.openRequests('crm'))).toEqual(['elsewhere'])
      expect(await state.openRequests('other')).toEqual([])
      expect(await state.request('a')).toEqual({ request: requests[1] })
      expect(await state.request('b')).toBeUndefined()
    })

    test('a sync hears of a request within seconds, and its answer is read beside it', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await using box = await place.openBox()
      const heard = Promise.withResolvers<void>()
      using _watch = state.watchRequests(() => heard.resolve())
      await box.ask(asked('r1'))
      await heard.promise
      expect(ids(await state.openRequests('shop'))).toEqual(['r1'])
      expect((await box.request('r1'))?.answer).toBeUndefined()

      await state.answerRequest('r1', { outcome: 'accepted', atMs: 5 })
      expect((await box.request('r1'))?.answer).toEqual({ outcome: 'accepted', atMs: 5 })
      expect(ids(await box.openRequests('shop'))).toEqual(['r1'])
      await state.answerRequest('r1', { outcome: 'refused', message: 'it has no key', atMs: 6 })
      expect((await box.request('r1'))?.answer).toEqual({ outcome: 'refused', message: 'it has no key', atMs: 6 })
      expect(await box.openRequests('shop')).toEqual([])
    })

    test('a second request is heard as well as the first, and none after the watch has ended', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await using box = await place.openBox()
      let heard = Promise.withResolvers<void>()
      {
        using _watch = state.watchRequests(() => heard.resolve())
        await box.ask(asked('r1'))
        await heard.promise
        heard = Promise.withResolvers()
        await box.ask(asked('r2'))
        await heard.promise
      }
      heard = Promise.withResolvers()
      const another = Promise.withResolvers<void>()
      using _watch = state.watchRequests(() => another.resolve())
      await box.ask(asked('r3'))
      await another.promise
      expect(await Promise.race([heard.promise.then(() => 'heard'), Promise.resolve('not heard')])).toBe('not heard')
    })

    test('an accepted request is open again after a restart', async () => {
      await using place = await open()
      {
        await using state = await place.reopen()
        await state.ask(asked('r1'))
        await state.ask(asked('r2'))
        await state.answerRequest('r1', { outcome: 'accepted', message: 'reading', atMs: 5 })
        await state.answerRequest('r2', { outcome: 'done', atMs: 5 })
      }
      await using state = await place.reopen()
      expect(await state.openRequests('shop')).toEqual([
        { request: asked('r1'), answer: { outcome: 'accepted', message: 'reading', atMs: 5 } },
      ])
    })

    test('one id is one request, and what was never asked is not answered', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.ask(asked('r1'))
      await expect(state.ask(asked('r1', odd))).rejects.toThrow()
      await expect(state.answerRequest('r2', { outcome: 'done', atMs: 1 })).rejects.toThrow()
      expect(await state.openRequests('shop')).toEqual([{ request: asked('r1') }])
    })

    test('finished requests are bounded, open ones are kept', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.ask(asked('first'))
      for (let index = 0; index < 700; index++) {
        await state.ask(asked(`r${index}`))
        await state.answerRequest(`r${index}`, { outcome: 'done', atMs: index })
      }
      expect(ids(await state.openRequests('shop'))).toEqual(['first'])
      expect(await state.request('r0')).toBeUndefined()
      expect((await state.request('r699'))?.answer?.outcome).toBe('done')
      expect((await state.request('r600'))?.answer?.outcome).toBe('done')
    })
  })
}
