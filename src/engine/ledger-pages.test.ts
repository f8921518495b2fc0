import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStore, recorded, type StoreFixture } from '../../test/support/s3-stage.ts'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { boundary, position } from '../core/position.ts'
import type { Stage, StageFile } from '../core/stage.ts'
import type { SourceRecord, State } from '../core/state.ts'
import type { TableId, TableSchema } from '../core/table-schema.ts'
import { openSqliteState } from '../state/sqlite/sqlite-state.ts'
import type { SourceContext } from './context.ts'
import { LedgerPages } from './ledger-pages.ts'
import { isStateCurrent, restoreLedger } from './ledger-restore.ts'
import { newRecord } from './table-book.ts'

const never = new AbortController().signal
const ORDERS: TableId = { source: 'shop', namespace: 'public', name: 'orders' }
const ITEMS: TableId = { source: 'shop', namespace: 'public', name: 'items' }

const RECORD: SourceRecord = {
  source: 'shop',
  generation: 2,
  identity: { system: '74', timeline: 1, slot: 'slot' },
  stagedThroughLsn: 0x10n,
  confirmedLsn: 0x10n,
  prunedThrough: undefined,
}

let fixture: StoreFixture
let folder: string
let stage: Stage
let states: State[]
beforeEach(async () => {
  fixture = await openStore({ pageMax: 4 })
  folder = await mkdtemp(join(tmpdir(), 'simplyload-ledger-'))
  stage = fixture.open()
  states = []
})
afterEach(async () => {
  for (const state of states) await state[Symbol.asyncDispose]()
  await fixture[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function openState(): Promise<State> {
  const state = await openSqliteState({ path: join(folder, `${crypto.randomUUID()}.db`), mode: 'write' })
  states.push(state)
  return state
}

async function open(state: State): Promise<LedgerPages> {
  await state.saveSource(RECORD)
  return new LedgerPages({ stage, state, customer: 'default', source: 'shop' })
}

/** What restoring needs of a context. Notices are gathered. */
function contextOf(state: State, notices: string[] = []): SourceContext {
  const parts = {
    name: 'shop',
    stage,
    state,
    settings: { customer: 'default' },
    clock: systemClock,
    log: silentLog,
    emit: (event: { readonly message?: string }) => notices.push(event.message ?? ''),
  }
  return parts as unknown as SourceContext
}

function schemaOf(table: TableId, version = 1): TableSchema {
  const column = { id: 1, name: 'id', type: { kind: 'int64' as const }, sourceType: 'bigint', nullable: false }
  return { table, columns: [column], identity: { kind: 'key', columnIds: [1] }, version }
}

function fileOf(table: TableId, lsn: number): StageFile {
  const at = position(2, BigInt(lsn), 1)
  const batchId = `shop-e000001-${table.name}-${lsn}`
  return {
    ...recorded(`default/shop/public.${table.name}/2026-11-20_10/${batchId}.parquet`, {
      bytes: lsn,
      checksum: 'crc32:0',
    }),
    batchId,
    schema: schemaOf(table),
    firstPosition: at,
    lastPosition: at,
  }
}

async function contentOf(state: State) {
  const { confirmedLsn: _, ...source } = (await state.source('shop')) ?? RECORD
  const tokens = await state.tokens('shop')
  return {
    source,
    tables: await state.tables('shop'),
    tokens: tokens.toSorted((a, b) => (a.table.name < b.table.name ? -1 : 1)),
    waiting: (await state.waiting('shop')).toSorted((a, b) => (a.batchId < b.batchId ? -1 : 1)),
  }
}

function pages(): string[] {
  return [...fixture.store.bucket().objects.keys()].filter((key) => key.includes('/_ledger/')).sort()
}

/** A run that has recorded so many boundaries. */
async function recordedRun(boundaries: number): Promise<State> {
  const inner = await openState()
  const ledger = await open(inner)
  await inner.saveTable(newRecord(schemaOf(ORDERS), 1))
  await ledger.begin(1, RECORD, boundary(2, 3n))
  for (let lsn = 0x20; lsn < 0x20 + boundaries; lsn++) {
    await ledger.state.recordStaged('shop', [fileOf(ORDERS, lsn)], BigInt(lsn), [{ table: ORDERS, token: `t${lsn}` }])
  }
  return inner
}

test('whatever a run records, a machine without state finds, also after pages could not be written', async () => {
  const table = fc.constantFrom(ORDERS, ITEMS)
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ does: fc.constant('stage' as const), table, fails: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ does: fc.constant('save' as const), table }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('remove' as const), table }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('discard' as const), table }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('remember' as const), table }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      fixture.store.bucket().objects.clear()
      const inner = await openState()
      const ledger = await open(inner)
      const { state } = ledger
      await ledger.begin(1, RECORD, undefined)
      let lsn = 0x20
      for (const each of [...steps, { does: 'stage' as const, table: ORDERS, fails: false }]) {
        lsn++
        if (each.does === 'save')
          await state.saveTable({ ...newRecord(schemaOf(each.table, lsn), lsn), rowsSnapshot: lsn })
        else if (each.does === 'remove') {
          await state.discardWaiting(each.table)
          await state.removeTable(each.table)
        } else if (each.does === 'discard') await state.discardWaiting(each.table)
        else if (each.does === 'remember') await state.saveToken({ table: each.table, token: `t${lsn}` })
        else {
          const record = () => state.recordStaged('shop', [fileOf(each.table, lsn)], BigInt(lsn))
          if (each.fails) {
            fixture.store.denied.add('PutObject')
            await expect(record()).rejects.toMatchObject({ code: 'stage_permission' })
            fixture.store.denied.clear()
          }
          await record()
        }
      }
      const restored = await openState()
      expect(await restoreLedger(contextOf(restored), never)).toBe(true)
      expect(await contentOf(restored)).toEqual(await contentOf(inner))
      // Restoring once more changes nothing.
      expect(await restoreLedger(contextOf(restored), never)).toBe(false)
    }),
    { numRuns: 25 },
  )
})

test('full pages come again as the others grow, and what they replace is removed', async () => {
  const inner = await openState()
  const ledger = await open(inner)
  await ledger.begin(1, RECORD, boundary(2, 3n))
  const files = Array.from({ length: 400 }, (_, index) => fileOf(ORDERS, 0x100 + index))
  for (let lsn = 0x20; lsn < 0x28; lsn++) {
    ledger.reached(boundary(2, BigInt(lsn)))
    await ledger.state.recordStaged(
      'shop',
      files.map((file) => ({ ...file, batchId: `${file.batchId}-${lsn}` })),
      BigInt(lsn),
    )
    await ledger.state.markLoaded(
      (await inner.waiting('shop')).map((file) => file.batchId),
      1,
    )
  }
  expect(pages().filter((key) => key.endsWith('-full.json.gz'))).toHaveLength(1)
  expect(pages().length).toBeLessThan(5)
  const restored = await openState()
  await restoreLedger(contextOf(restored), never)
  expect((await restored.source('shop'))?.stagedThroughLsn).toBe(0x27n)
  // Files that are loaded are on the pages since the full one only; the destination must have come so far.
  expect((await restored.source('shop'))?.prunedThrough).toBe(boundary(2, 0x27n))
})

test('a run begins a volume of its own, and the newest one counts, whatever the epochs', async () => {
  const first = await recordedRun(2)
  const second = new LedgerPages({ stage, state: first, customer: 'default', source: 'shop' })
  // The destination was replaced: its epochs begin anew.
  await second.begin(1, { ...RECORD, stagedThroughLsn: 0x21n }, undefined)
  expect(pages().map((key) => key.split('/_ledger/')[1])).toEqual(['00000002-e00000001/000000000-full.json.gz'])
  await second.state.recordStaged('shop', [fileOf(ORDERS, 0x30)], 0x30n)
  const restored = await openState()
  await restoreLedger(contextOf(restored), never)
  expect(await contentOf(restored)).toEqual(await contentOf(first))
})

describe('pages that are not as they were written', () => {
  test.each([
    ['one is gone', () => fixture.store.bucket().objects.delete(pages()[3] ?? '')],
    ['one is damaged', () => fixture.store.bucket().put(pages()[3] ?? '', Buffer.from('no page'), {})],
    ['one is cut off', () => cutOff(pages()[3] ?? '')],
  ])('%s: the ledger ends before it', async (_, spoil) => {
    await recordedRun(5)
    spoil()
    const restored = await openState()
    expect(await restoreLedger(contextOf(restored), never)).toBe(true)
    expect((await restored.source('shop'))?.stagedThroughLsn).toBe(0x21n)
    expect((await restored.waiting('shop')).map((file) => file.lastPosition)).toEqual([
      position(2, 0x20n, 1),
      position(2, 0x21n, 1),
    ])
  })

  test('the full one is gone: there is no ledger', async () => {
    await recordedRun(3)
    fixture.store.bucket().objects.delete(pages()[0] ?? '')
    const restored = await openState()
    expect(await restoreLedger(contextOf(restored), never)).toBe(false)
    expect(await restored.source('shop')).toBeUndefined()
  })

  test('a newer version wrote them: it says so', async () => {
    await recordedRun(1)
    fixture.store.bucket().put(pages()[1] ?? '', gzipSync('{"format":2}'), {})
    await expect(restoreLedger(contextOf(await openState()), never)).rejects.toMatchObject({ code: 'state_version' })
  })
})

describe('a state of its own', () => {
  test('that knows as much is left alone', async () => {
    const inner = await recordedRun(3)
    const before = await contentOf(inner)
    expect(await restoreLedger(contextOf(inner), never)).toBe(false)
    expect(await contentOf(inner)).toEqual(before)
  })

  test('that is behind is replaced, with all that it alone has', async () => {
    const inner = await recordedRun(3)
    const stale = await openState()
    await stale.saveSource({ ...RECORD, prunedThrough: boundary(2, 9n) })
    await stale.saveTable(newRecord(schemaOf(ITEMS), 1))
    await stale.savePlan(ITEMS, [])
    await stale.recordStaged('shop', [fileOf(ITEMS, 0x12), fileOf(ORDERS, 0x13)], 0x13n)
    const notices: string[] = []
    expect(await isStateCurrent({ stage, state: stale, customer: 'default', source: 'shop' }, never)).toBe(false)
    expect(await restoreLedger(contextOf(stale, notices), never)).toBe(true)
    expect(notices).toEqual([expect.stringContaining('was older than what another process has staged since')])
    const { source, ...rest } = await contentOf(stale)
    const { source: expected, ...others } = await contentOf(inner)
    expect(rest).toEqual(others)
    expect(source).toEqual({ ...expected, prunedThrough: boundary(2, 9n) })
    expect(await isStateCurrent({ stage, state: stale, customer: 'default', source: 'shop' }, never)).toBe(true)
  })

  test('of a later generation is not replaced by what came before', async () => {
    await recordedRun(3)
    const reset = await openState()
    await reset.saveSource({ ...RECORD, generation: 3, stagedThroughLsn: 1n })
    expect(await restoreLedger(contextOf(reset), never)).toBe(false)
  })

  test.each([
    ['forget', undefined],
    ['saveTable', undefined],
    ['recordStaged', boundary(2, 3n)],
  ] as const)(
    'that a process was killed over, at %s, covers nothing, and is restored by the next one',
    async (step, before) => {
      const inner = await recordedRun(3)
      const restored = await openState()
      await restored.saveSource(RECORD)
      await restored.recordStaged('shop', [fileOf(ITEMS, 0x12)], 0x12n)
      const dying = new Proxy(restored, {
        get: (target, name) => {
          if (name === step) return () => Promise.reject(new Error('killed'))
          const value = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      await expect(restoreLedger(contextOf(dying), never)).rejects.toThrow('killed')
      expect(await restored.source('shop')).toMatchObject({ stagedThroughLsn: 0n, prunedThrough: before })
      expect(await restoreLedger(contextOf(restored), never)).toBe(true)
      const { source, ...rest } = await contentOf(restored)
      const { source: expected, ...others } = await contentOf(inner)
      expect(rest).toEqual(others)
      expect(source).toEqual({ ...expected, prunedThrough: boundary(2, 3n) })
    },
  )
})

test('a backfill whose chunks nobody knows is not taken for one that goes on', async () => {
  const inner = await openState()
  const ledger = await open(inner)
  await inner.saveTable({ ...newRecord(schemaOf(ORDERS), 1), backfill: { request: 'r1', startedMs: 1 } })
  await ledger.begin(1, RECORD, undefined)
  const restored = await openState()
  const notices: string[] = []
  await restoreLedger(contextOf(restored, notices), never)
  expect((await restored.tables('shop'))[0]?.backfill).toBeUndefined()
  expect(notices).toContainEqual(expect.stringContaining('public.orders: the backfill that was going on'))
})

function cutOff(key: string): void {
  const { body } = fixture.store.object(key)
  fixture.store.bucket().put(key, body.subarray(0, body.byteLength - 20), {})
}
