/** Billing rules: https://docs.snowflake.com/en/user-guide/cost-understanding-compute, …/user-guide/warehouses-overview. */
import { expect, test } from 'vitest'
import { creditsPerHour, modelledMs, STATEMENT_MS, warehouseSize } from './cost-model.ts'
import { WarehouseMeter, type WarehouseSettings } from './warehouse-meter.ts'

const XS: WarehouseSettings = { size: 'XSMALL', isSecondGeneration: false, autoSuspendMs: 60_000 }
const NOTHING = { bytesScanned: 0, bytesWritten: 0, files: 0 }
const HOUR = 3_600_000

test('a short statement costs from its resume to the automatic suspension', () => {
  const meter = new WarehouseMeter()
  meter.account('WH', XS, 1000, NOTHING)
  expect(meter.times('WH', HOUR)).toEqual([
    { fromMs: 1000, toMs: 1000 + STATEMENT_MS + 60_000, isResume: true, creditsPerHour: 1 },
  ])
  expect(meter.credits('WH', 0, HOUR, HOUR)).toBeCloseTo((STATEMENT_MS + 60_000) / HOUR, 12)
})

test('a warehouse that is suspended at once is billed for a minute, at each resume', () => {
  const meter = new WarehouseMeter()
  for (const at of [0, 10_000]) {
    meter.account('WH', XS, at, NOTHING)
    meter.suspend('WH', at + STATEMENT_MS)
  }
  expect(meter.billedMs('WH', 0, HOUR, HOUR)).toBe(120_000)
})

test('a statement within the idle time keeps the warehouse running', () => {
  const meter = new WarehouseMeter()
  expect(meter.account('WH', XS, 0, NOTHING).hasResumed).toBe(true)
  expect(meter.account('WH', XS, 50_000, NOTHING).hasResumed).toBe(false)
  expect(meter.isRunning('WH', 100_000)).toBe(true)
  expect(meter.isRunning('WH', 120_000)).toBe(false)
  expect(meter.account('WH', XS, 120_000, NOTHING).hasResumed).toBe(true)
})

test('statements side by side share the throughput, not the fixed part', () => {
  const meter = new WarehouseMeter()
  const heavy = { bytesScanned: 100 * 2 ** 20, bytesWritten: 0, files: 0 }
  const ends = [1, 2].map(() => meter.account('WH', XS, 0, heavy).endMs)
  expect(ends).toEqual([STATEMENT_MS + 1000, STATEMENT_MS + 2000])
})

test('a suspension waits for what runs', () => {
  const meter = new WarehouseMeter()
  meter.account('WH', XS, 0, { bytesScanned: 0, bytesWritten: 2500 * 2 ** 20, files: 0 })
  meter.suspend('WH', 1000)
  expect(meter.times('WH', HOUR)[0]?.toMs).toBe(STATEMENT_MS + 100_000)
})

test('a larger warehouse is faster and dearer by the same factor', () => {
  const work = { bytesScanned: 1 << 30, bytesWritten: 0, files: 0 }
  expect(modelledMs(work, 'XSMALL').throughputMs / modelledMs(work, 'MEDIUM').throughputMs).toBe(4)
  expect(creditsPerHour('MEDIUM', false)).toBe(4)
  expect(creditsPerHour('XSMALL', true)).toBe(1.35)
})

test('a change of size while it runs has no minute of its own', () => {
  const meter = new WarehouseMeter()
  meter.account('WH', XS, 0, NOTHING)
  meter.change('WH', { ...XS, size: 'SMALL' }, 30_000)
  meter.suspend('WH', 40_000)
  expect(meter.times('WH', HOUR).map(({ creditsPerHour, isResume }) => [creditsPerHour, isResume])).toEqual([
    [1, true],
    [2, false],
  ])
})

test('sizes are known in all their writings', () => {
  expect(['X-Small', 'xsmall', 'XLARGE', '2X-LARGE', 'X2LARGE', '4XLARGE', 'tiny'].map(warehouseSize)).toEqual([
    'XSMALL',
    'XSMALL',
    'XLARGE',
    'XXLARGE',
    'XXLARGE',
    'X4LARGE',
    undefined,
  ])
})
