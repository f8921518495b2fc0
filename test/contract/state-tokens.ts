/** What streams must remember, kept with the files that it belongs to. */
import { describe, expect, test } from 'vitest'
import { file, odd, orders, record, type StatePlace, tableRecord } from './state-fixture.ts'

export function describeTokens(name: string, open: () => Promise<StatePlace>): void {
  describe(`${name} as the memory of streams`, () => {
    test('what a stream must remember is recorded with its files, table by table', async () => {
      await using place = await open()
      {
        await using state = await place.reopen()
        await state.saveSource(record)
        await state.saveToken({ table: orders, token: '{"first":1}' })
        const tokens = [{ table: odd, token: '{"we\'ird":"\\u0000 ü"}' }]
        await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n, tokens)
        await state.recordStaged('shop', [], 4n)
      }
      await using state = await place.reopen()
      const byTable = async () =>
        Object.fromEntries((await state.tokens('shop')).map(({ table, token }) => [table.name, token]))
      expect(await byTable()).toEqual({ orders: '{"first":1}', [odd.name]: '{"we\'ird":"\\u0000 ü"}' })
      const large = JSON.stringify('x'.repeat(4 * 1024 * 1024))
      await state.recordStaged('shop', [], 5n, [{ table: orders, token: large }])
      expect((await byTable()).orders).toBe(large)
      expect(await state.tokens('crm')).toEqual([])
    })

    test('a token is recorded with its files or not at all', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n, [{ table: orders, token: '1' }])
      const failing = state.recordStaged('shop', [file('a', odd, 1, 2)], 9n, [{ table: orders, token: '2' }])
      await expect(failing).rejects.toMatchObject({ code: 'internal' })
      expect(await state.tokens('shop')).toEqual([{ table: orders, token: '1' }])
    })

    test('of a table that is read again or removed, nothing is remembered', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.saveTable(tableRecord(odd))
      for (const table of [orders, odd]) await state.saveToken({ table, token: '1' })
      await state.discardWaiting(orders)
      expect(await state.tokens('shop')).toEqual([{ table: odd, token: '1' }])
      await state.removeTable(odd)
      expect(await state.tokens('shop')).toEqual([])
    })
  })
}
