/** What every operational state must do. `open` gives the same state again after it was closed. */
import { describe, expect, test } from 'vitest'
import { boundary, position } from '../../src/core/position.ts'
import type { StageFile } from '../../src/core/stage.ts'
import type { TableId } from '../../src/core/table-schema.ts'
import { file, odd, orders, record, type StatePlace, schemaOf, tableRecord } from './state-fixture.ts'
import { describeRequests } from './state-requests.ts'
import { describeTokens } from './state-tokens.ts'

export function describeState(name: string, open: () => Promise<StatePlace>): void {
  const ids = (files: readonly StageFile[]) => files.map((each) => each.batchId)

  describe(`${name} as operational state`, () => {
    test('records come back whole after a restart', async () => {
      await using place = await open()
      {
        await using state = await place.reopen()
        await state.saveSource(record)
        await state.saveTable(tableRecord(odd))
        await state.saveTable(tableRecord(orders))
        const chunk = {
          table: odd,
          index: 0,
          spec: '{"a":1}',
          fingerprint: 'f',
          estimatedRows: 9,
          estimatedBytes: 8,
          finishedAt: undefined,
          rows: 0,
          batchIds: ['b'],
        }
        await state.savePlan(odd, [chunk, { ...chunk, index: 1 }])
        await state.finishChunk({ ...chunk, index: 1, finishedAt: boundary(1, 5n), rows: 3 }, [
          file('s1', odd, 5, 5, 'snapshot'),
        ])
      }
      await using state = await place.reopen()
      expect(await state.source('shop')).toEqual(record)
      expect(await state.source('other')).toBeUndefined()
      expect(await state.tables('shop')).toEqual([tableRecord(orders), tableRecord(odd)])
      expect((await state.chunks(odd)).map(({ index, finishedAt, rows }) => [index, finishedAt, rows])).toEqual([
        [0, undefined, 0],
        [1, boundary(1, 5n), 3],
      ])
      expect(await state.waiting('shop', odd)).toEqual([file('s1', odd, 5, 5, 'snapshot')])
    })

    test('files wait in the order in which they were recorded, until they are loaded', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [file('z', orders, 1, 2), file('a', odd, 1, 2)], 3n)
      await state.recordStaged('shop', [file('m', orders, 3, 4)], 5n)
      expect(ids(await state.waiting('shop'))).toEqual(['z', 'a', 'm'])
      expect(ids(await state.waiting('shop', orders))).toEqual(['z', 'm'])
      expect((await state.source('shop'))?.stagedThroughLsn).toBe(5n)
      await state.markLoaded(['z'], 100)
      expect(ids(await state.waiting('shop'))).toEqual(['a', 'm'])
      expect(ids(await state.loadedBefore(101, 10))).toEqual(['z'])
      expect(await state.loadedBefore(100, 10)).toEqual([])
      await state.forget(['z'])
      expect(await state.loadedBefore(101, 10)).toEqual([])
    })

    test('recording a file again does not double it', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n)
      await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n)
      expect(ids(await state.waiting('shop'))).toEqual(['a'])
    })

    test('the destination decides which files are loaded', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      const files = [
        file('s', orders, 1, 1, 'snapshot'),
        file('a', orders, 1, 2),
        file('b', orders, 3, 4),
        file('c', orders, 5, 6),
      ]
      await state.recordStaged('shop', [...files, file('other', odd, 1, 2)], 7n)
      await state.markLoaded(['b', 'c'], 50)
      await state.reconcileLoaded(orders, boundary(1, 5n), 60)
      expect(ids(await state.waiting('shop'))).toEqual(['s', 'c', 'other'])
    })

    test('what waits for a table that is read again is handed back for removal', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [file('a', orders, 1, 2), file('b', odd, 1, 2)], 3n)
      expect(ids(await state.discardWaiting(orders))).toEqual(['a'])
      expect(ids(await state.waiting('shop'))).toEqual(['b'])
    })

    test('the mark of what retention removed only rises, and leaves the rest of the record alone', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [], 9n)
      await state.notePruned('shop', position(1, 8n, 1))
      await state.notePruned('shop', position(1, 4n, 1))
      expect(await state.source('shop')).toMatchObject({ prunedThrough: position(1, 8n, 1), stagedThroughLsn: 9n })
    })

    test('runs and errors come newest first', async () => {
      await using place = await open()
      await using state = await place.reopen()
      const run = {
        id: 'r1',
        source: 'shop',
        startedMs: 1,
        endedMs: undefined,
        outcome: 'running' as const,
        rowsSnapshot: 0,
        changesStaged: 0,
        changesMerged: 0,
        error: undefined,
      }
      await state.saveRun(run)
      await state.saveRun({ ...run, id: 'r2', startedMs: 2 })
      await state.saveRun({ ...run, outcome: 'ok', endedMs: 5 })
      expect(await state.runs('shop', 5)).toEqual([
        { ...run, id: 'r2', startedMs: 2 },
        { ...run, outcome: 'ok', endedMs: 5 },
      ])
      for (let index = 0; index < 3; index++) {
        await state.recordError({
          source: 'shop',
          table: undefined,
          code: 'internal',
          message: `m${index}`,
          hint: undefined,
          atMs: index,
        })
      }
      expect((await state.errors('shop', 2)).map((error) => error.message)).toEqual(['m2', 'm1'])
    })

    test('a chunk is finished together with its files or not at all', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      const chunk = {
        table: orders,
        index: 0,
        spec: '{}',
        fingerprint: 'f',
        estimatedRows: 9,
        estimatedBytes: 8,
        finishedAt: undefined,
        rows: 0,
        batchIds: ['b'],
      }
      await state.savePlan(orders, [chunk])
      await state.recordStaged('shop', [file('taken', odd, 1, 2)], 3n)
      const files = [file('s0', orders, 5, 5, 'snapshot'), file('taken', orders, 5, 5, 'snapshot')]
      await expect(state.finishChunk({ ...chunk, finishedAt: boundary(1, 5n), rows: 9 }, files)).rejects.toMatchObject({
        code: 'internal',
      })
      expect(await state.chunks(orders)).toEqual([chunk])
      expect(ids(await state.waiting('shop'))).toEqual(['taken'])

      const others = [file('s0', orders, 5, 5, 'snapshot'), file('s1', orders, 5, 5, 'snapshot')]
      await state.finishChunk({ ...chunk, finishedAt: boundary(1, 5n), rows: 9 }, others)
      expect((await state.chunks(orders))[0]?.rows).toBe(9)
      expect(await state.waiting('shop', orders)).toEqual(others)
    })

    test('a plan replaces the one before, and can be cleared', async () => {
      await using place = await open()
      await using state = await place.reopen()
      const chunk = {
        table: odd,
        index: 0,
        spec: '{}',
        fingerprint: 'f',
        estimatedRows: 9,
        estimatedBytes: 8,
        finishedAt: boundary(1, 5n),
        rows: 3,
        batchIds: ['b'],
      }
      await state.savePlan(odd, [chunk, { ...chunk, index: 10 }, { ...chunk, index: 9 }])
      expect((await state.chunks(odd)).map(({ index }) => index)).toEqual([0, 9, 10])
      const again = { ...chunk, finishedAt: undefined, rows: 0, batchIds: [] }
      await state.savePlan(odd, [again])
      expect(await state.chunks(odd)).toEqual([again])
      expect(await state.chunks(orders)).toEqual([])
      await state.clearChunks(odd)
      expect(await state.chunks(odd)).toEqual([])
    })

    test('each file keeps the schema that it was written with', async () => {
      await using place = await open()
      {
        await using state = await place.reopen()
        await state.saveSource(record)
        for (let version = 1; version <= 3; version++) {
          const staged = { ...file(`v${version}`, orders, version, version), schema: schemaOf(orders, version) }
          await state.recordStaged('shop', [staged, { ...staged, batchId: `w${version}` }], BigInt(version))
        }
        await state.forget(['v2', 'w2'])
      }
      await using state = await place.reopen()
      const fourth = { ...file('v4', orders, 4, 4), schema: schemaOf(orders, 4) }
      await state.recordStaged('shop', [fourth], 5n)
      expect((await state.waiting('shop')).map(({ batchId, schema }) => `${batchId} ${schema.version}`)).toEqual([
        'v1 1',
        'w1 1',
        'v3 3',
        'w3 3',
        'v4 4',
      ])
    })

    test('a loaded file that is recorded again stays loaded', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n)
      await state.markLoaded(['a'], 5)
      await state.recordStaged('shop', [{ ...file('a', orders, 1, 2), path: 'default/shop/moved.parquet' }], 3n)
      expect(await state.waiting('shop')).toEqual([])
      expect((await state.loadedBefore(6, 1)).map(({ path }) => path)).toEqual(['default/shop/moved.parquet'])
    })

    test('one batch id for files of two tables is refused, as one of them would be lost', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n)
      await expect(state.recordStaged('shop', [file('b', odd, 1, 2), file('a', odd, 1, 2)], 9n)).rejects.toMatchObject({
        code: 'internal',
      })
      expect(await state.waiting('shop')).toEqual([file('a', orders, 1, 2)])
      expect((await state.source('shop'))?.stagedThroughLsn).toBe(3n)
    })

    test('a schema that was first met in a step that failed is kept right afterwards', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveSource(record)
      await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n)
      const failed = { ...file('b', odd, 1, 2), schema: schemaOf(odd, 8) }
      await expect(state.recordStaged('shop', [failed, file('a', odd, 1, 2)], 4n)).rejects.toThrow()
      const other = { ...file('c', odd, 3, 4), schema: schemaOf(odd, 9) }
      await state.recordStaged('shop', [other], 5n)
      await state.recordStaged('shop', [failed], 6n)
      expect(await state.waiting('shop', odd)).toEqual([other, failed])
    })

    test('files of a source that is not known are refused, as nobody would know how far it is covered', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await expect(state.recordStaged('shop', [file('a', orders, 1, 2)], 3n)).rejects.toMatchObject({
        code: 'internal',
      })
      expect(await state.waiting('shop')).toEqual([])
    })

    test('sources do not see each other', async () => {
      await using place = await open()
      await using state = await place.reopen()
      const elsewhere: TableId = { ...orders, source: 'crm' }
      await state.saveSource(record)
      await state.saveSource({ ...record, source: 'crm', generation: 7 })
      await state.saveTable(tableRecord(orders))
      await state.saveTable(tableRecord(elsewhere))
      await state.recordStaged('shop', [file('a', orders, 1, 2)], 3n)
      await state.recordStaged('crm', [file('b', elsewhere, 1, 2)], 4n)
      await state.discardWaiting(elsewhere)
      await state.removeTable(elsewhere)
      expect(await state.tables('shop')).toEqual([tableRecord(orders)])
      expect(await state.tables('crm')).toEqual([])
      expect(ids(await state.waiting('shop'))).toEqual(['a'])
      expect(await state.waiting('crm')).toEqual([])
      expect((await state.source('crm'))?.generation).toBe(7)
    })

    test('errors are bounded, and those of a noisy source do not push out those of others', async () => {
      await using place = await open()
      await using state = await place.reopen()
      const error = { source: 'quiet', table: 'public.orders', code: 'internal', message: 'm', hint: 'h', atMs: 1 }
      await state.recordError(error)
      for (let index = 0; index < 2_500; index++) await state.recordError({ ...error, source: 'noisy', atMs: index })
      const noisy = await state.errors('noisy', 10_000)
      expect(noisy.length).toBeGreaterThanOrEqual(1_000)
      expect(noisy.length).toBeLessThan(2_500)
      expect(noisy[0]?.atMs).toBe(2_499)
      expect(await state.errors('quiet', 10)).toEqual([error])
    })

    test('a table that is removed leaves nothing behind', async () => {
      await using place = await open()
      await using state = await place.reopen()
      await state.saveTable(tableRecord(orders))
      await state.removeTable(orders)
      expect(await state.tables('shop')).toEqual([])
      expect(await state.chunks(orders)).toEqual([])
    })

    test('a table that is being read again comes back with what was asked of it', async () => {
      await using place = await open()
      const range = { columnId: 3, from: "it's", to: '9' }
      const reading = { ...tableRecord(orders), backfill: { request: 'r1', range, startedMs: 7 } }
      {
        await using state = await place.reopen()
        await state.saveTable(reading)
        await state.saveTable({ ...tableRecord(odd), backfill: { request: 'r2', startedMs: 8 } })
      }
      await using state = await place.reopen()
      expect(await state.tables('shop')).toEqual([
        reading,
        { ...tableRecord(odd), backfill: { request: 'r2', startedMs: 8 } },
      ])
    })
  })

  describeRequests(name, open)
  describeTokens(name, open)
}
