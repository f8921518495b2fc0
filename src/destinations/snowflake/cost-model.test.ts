import { expect, test } from 'vitest'
import type { TableVolume } from '../../core/warehouse-cost.ts'
import { estimateDay, type WarehouseTerms } from './cost-model.ts'

const MINUTE = 60_000
const TERMS: WarehouseTerms = { creditsPerHour: 1, suspendWhenDone: true, autoSuspendSeconds: 60 }

function tables(count: number, freshnessMs: number, changesPerDay = 864_000): readonly TableVolume[] {
  return Array.from({ length: count }, (_, index) => ({
    table: `shop.public.t${index}`,
    freshnessMs,
    changesPerDay,
    bytesPerChange: 50,
    tableBytes: 10 << 20,
  }))
}

test('a merge every five minutes pays for a minute each: 288 minutes a day', () => {
  const { wakeUps, billedSeconds, credits } = estimateDay(tables(1, 5 * MINUTE), TERMS)
  expect(wakeUps).toBeCloseTo(288)
  expect(billedSeconds).toBeCloseTo(288 * 60)
  expect(credits).toBeCloseTo(4.8)
})

test('a merge each minute never sleeps: a credit per hour, whatever the settings', () => {
  for (const suspendWhenDone of [true, false]) {
    expect(estimateDay(tables(1, MINUTE), { ...TERMS, suspendWhenDone }).credits).toBeCloseTo(24)
  }
})

test('tables that are due together share a wake-up', () => {
  const alone = estimateDay(tables(1, 15 * MINUTE), TERMS)
  const together = estimateDay(tables(20, 15 * MINUTE), TERMS)
  expect(together.wakeUps).toBeCloseTo(alone.wakeUps)
  expect(together.credits).toBeLessThan(alone.credits * 1.5)
  const mixed = estimateDay([...tables(1, 15 * MINUTE), ...tables(1, 60 * MINUTE)], TERMS)
  expect(mixed.wakeUps).toBeCloseTo(alone.wakeUps)
})

test('waiting for AUTO_SUSPEND costs its seconds at each wake-up', () => {
  const suspended = estimateDay(tables(1, 15 * MINUTE), TERMS)
  const waiting = estimateDay(tables(1, 15 * MINUTE), { ...TERMS, suspendWhenDone: false })
  expect(waiting.billedSeconds - suspended.billedSeconds).toBeCloseTo(suspended.busySeconds)
})

test('a table that seldom changes wakes the warehouse as seldom, and one that never does not at all', () => {
  expect(estimateDay(tables(1, MINUTE, 2), TERMS).wakeUps).toBeLessThan(2.01)
  expect(estimateDay(tables(100, MINUTE, 0), TERMS)).toMatchObject({ wakeUps: 0, credits: 0, idleShare: 0 })
})

test('what tables cost adds up to the whole', () => {
  const { tables: each, credits } = estimateDay([...tables(2, 5 * MINUTE), ...tables(1, 60 * MINUTE, 500)], TERMS)
  expect(each.reduce((sum, table) => sum + table.creditsPerDay, 0)).toBeCloseTo(credits)
})
