import { expect, test } from 'vitest'
import { ProgressReading } from './progress-reading.ts'

function reading(events: readonly (readonly [number, object])[]): ProgressReading {
  const progress = new ProgressReading()
  for (const [nowMs, event] of events) progress.apply(JSON.stringify(event), nowMs)
  return progress
}

test('bytes of a file, their speed over the last seconds, and the time that is left', () => {
  const event = {
    event: 'progress',
    activity: 'checking',
    file: 'sales_2024-03.tsv',
    part: 2,
    parts: 5,
    bytesTotal: 1000,
  }
  const { progress } = reading([
    [0, { ...event, bytes: 100 }],
    [2000, { ...event, bytes: 500 }],
  ])
  expect(progress).toMatchObject({
    activity: 'checking sales_2024-03.tsv',
    part: 2,
    parts: 5,
    bytes: 500,
    bytesTotal: 1000,
    bytesPerSecond: 200,
    remainingMs: 2500,
  })
})

test('the speed of one file is not that of the next one', () => {
  const { progress } = reading([
    [0, { event: 'progress', file: 'a', bytes: 0, bytesTotal: 900 }],
    [1000, { event: 'progress', file: 'a', bytes: 900, bytesTotal: 900 }],
    [2000, { event: 'progress', file: 'b', bytes: 0, bytesTotal: 50 }],
  ])
  expect(progress).toMatchObject({ bytes: 0, bytesTotal: 50, bytesPerSecond: undefined, remainingMs: undefined })
})

test('rows and bytes of tables that are copied add up', () => {
  const { progress } = reading([
    [0, { event: 'start', source: 'shop', tables: 3 }],
    [0, { event: 'tables', source: 'shop', tables: [{ table: 'public.c', state: 'live' }] }],
    [1, { event: 'snapshot', source: 'shop', table: 'public.a', rows: 10, bytes: 100 }],
    [2, { event: 'snapshot', source: 'shop', table: 'public.b', rows: 5, bytes: 60 }],
    [3, { event: 'snapshot', source: 'shop', table: 'public.a', rows: 20, bytes: 200 }],
    [4, { event: 'state', source: 'shop', table: 'public.a', state: 'live' }],
  ])
  expect(progress).toMatchObject({ rows: 25, bytes: 260, part: 2, parts: 3 })
})

test('files that are in the table count when a load ends', () => {
  const { progress } = reading([
    [0, { event: 'progress', file: 'b.tsv', part: 1, parts: 3, bytes: 5, bytesTotal: 9 }],
    [1, { event: 'load', file: 'a.tsv', outcome: 'already_loaded', rows: 7 }],
    [1, { event: 'load', file: 'b.tsv', outcome: 'loaded', rows: 7 }],
    [1, { event: 'load', file: 'c.tsv', outcome: 'refused', rows: 0 }],
  ])
  expect(progress).toMatchObject({ part: 2, parts: 3 })
})

test('the last error is kept with its causes and what to do', () => {
  const { error } = reading([
    [0, { event: 'error', message: 'Opening w.duckdb', causes: ['it is locked'], hint: 'Close it' }],
  ])
  expect(error).toEqual({ reason: 'Opening w.duckdb failed: it is locked', hint: 'Close it' })
})

test('memory keeps its peak', () => {
  const progress = new ProgressReading()
  for (const bytes of [100, 300, 200]) progress.memory(bytes)
  expect(progress.progress).toMatchObject({ rssBytes: 200, rssBytesPeak: 300 })
})
