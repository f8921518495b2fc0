import { expect, test } from 'vitest'
import { ProgressReading } from './progress-reading.ts'

function reading(events: readonly (readonly [number, object])[]): ProgressReading {
  const progress = new ProgressReading()
  for (const [nowMs, event] of events) progress.apply(JSON.stringify(event), nowMs)
  return progress
}

test('bytes of all files, their speed over the last seconds, and the time that is left', () => {
  const files = [
    { file: 'a.tsv', bytes: 400 },
    { file: 'b.tsv', bytes: 600 },
  ]
  const events: readonly (readonly [number, object])[] = [
    [0, { event: 'files', files }],
    [0, { event: 'file', file: 'a.tsv', activity: 'reading', bytes: 0, bytesTotal: 800 }],
    [1000, { event: 'file', file: 'a.tsv', activity: 'reading', bytes: 800, bytesTotal: 800 }],
    [1000, { event: 'checked' }],
    [2000, { event: 'file', file: 'b.tsv', activity: 'reading', bytes: 200, bytesTotal: 600 }],
  ]
  expect(reading(events.slice(0, 2)).progress).toMatchObject({ part: 1, parts: 2, bytes: 0, bytesTotal: 1400 })
  expect(reading(events).progress).toMatchObject({
    activity: 'reading b.tsv',
    part: 2,
    parts: 2,
    bytes: 1000,
    bytesTotal: 1400,
    bytesPerSecond: 500,
    remainingMs: 800,
  })
})

test('a file that is begun again has no speed yet', () => {
  const { progress } = reading([
    [0, { event: 'file', file: 'a', bytes: 0, bytesTotal: 900 }],
    [1000, { event: 'file', file: 'a', bytes: 900, bytesTotal: 900 }],
    [2000, { event: 'file', file: 'a', bytes: 0, bytesTotal: 900 }],
  ])
  expect(progress).toMatchObject({ bytes: 0, bytesTotal: 900, bytesPerSecond: undefined, remainingMs: undefined })
})

test('rows and bytes of tables that are copied add up', () => {
  const { progress } = reading([
    [0, { event: 'start', source: 'shop', tables: 2 }],
    [1, { event: 'snapshot', source: 'shop', table: 'public.a', rows: 10, bytes: 100 }],
    [2, { event: 'snapshot', source: 'shop', table: 'public.b', rows: 5, bytes: 60 }],
    [3, { event: 'snapshot', source: 'shop', table: 'public.a', rows: 20, bytes: 200 }],
    [4, { event: 'state', source: 'shop', table: 'public.a', state: 'live' }],
  ])
  expect(progress).toMatchObject({ rows: 25, bytes: 260, part: 1, parts: 2 })
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
