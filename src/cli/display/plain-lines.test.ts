import { expect, test } from 'vitest'
import type { ProgressEvent } from '../../core/progress.ts'
import type { TableState } from '../../core/state.ts'
import { PlainLines } from './plain-lines.ts'

function linesOf(events: readonly ProgressEvent[], endMs: number): readonly string[] {
  const written: string[] = []
  const lines = new PlainLines((line) => written.push(line.replace(/^\d\d:\d\d:\d\d /, '')))
  for (const event of events) lines.apply(event)
  lines.end(endMs)
  return written
}

function merged(inserted: number, latencyMs: number, atMs: number): ProgressEvent {
  const tables = [{ table: 'public.orders', inserted, updated: 0, deleted: 0, quarantined: 0 }]
  return { event: 'merged', source: 'shop', tables, position: '', latencyMs, durationMs: 5, waitedForLockMs: 0, atMs }
}

test('merges are summed up over some seconds, and nothing is left untold at the end', () => {
  const events = Array.from({ length: 60 }, (_, i) => merged(10, 100 + i, i * 100))
  expect(linesOf(events, 6000)).toEqual([
    'shop: merged 510 changes in 51 merges, median latency 125 ms, 0 B behind',
    'shop: merged 90 changes in 9 merges, median latency 155 ms, 0 B behind',
  ])
})

test('a run that goes on says where its tables stand; one that begins, as they move', () => {
  const standing = (...tables: [string, TableState][]): ProgressEvent => ({
    event: 'tables',
    source: 'shop',
    tables: tables.map(([table, state]) => ({ table, state })),
    atMs: 0,
  })
  expect(linesOf([standing(['a', 'live'], ['b', 'paused'], ['c', 'live'], ['d', 'pending'])], 0)).toEqual([
    'shop: 2 tables live; 1 table paused: b',
  ])
  expect(linesOf([standing(['a', 'pending'])], 0)).toEqual([])
})

test('why a table stops is told once', () => {
  const about = { source: 'shop', table: 'public.a', atMs: 0 } as const
  const stopped: ProgressEvent = { ...about, event: 'state', state: 'failed', reason: 'Merging failed: no room' }
  const error: ProgressEvent = {
    ...about,
    event: 'error',
    code: 'destination_full',
    message: 'Merging failed: no room',
  }
  expect(linesOf([stopped, error], 0)).toEqual([
    'shop: public.a: failed',
    'shop: error: public.a: Merging failed: no room',
  ])
})

test('an idle interval writes no line', () => {
  const staged: ProgressEvent = {
    event: 'staged',
    source: 'shop',
    changes: 0,
    tables: [],
    files: 0,
    bytes: 0,
    position: '',
    lagBytes: 0,
    atMs: 0,
  }
  expect(linesOf([staged, { ...staged, atMs: 60_000 }], 120_000)).toEqual([])
})

test('a snapshot is told from time to time, and when it is finished', () => {
  const at = (chunksDone: number, atMs: number): ProgressEvent => ({
    event: 'snapshot',
    source: 'shop',
    table: 'public.orders',
    rows: chunksDone * 1000,
    bytes: chunksDone * 100_000,
    chunksDone,
    chunks: 4,
    estimatedRows: 4100,
    atMs,
  })
  expect(linesOf([at(0, 0), at(1, 1000), at(2, 5000), at(3, 6000), at(4, 7000)], 8000)).toEqual([
    'shop: public.orders: 2,000 of about 4.1k rows copied (200 kB)',
    'shop: public.orders: 4,000 rows copied (400 kB)',
  ])
})

test('an error comes with its fix, on one line, whatever is in the names', () => {
  const error: ProgressEvent = {
    event: 'error',
    source: 'shop',
    table: 'public.a\nb',
    code: 'source_permission',
    message: 'Reading failed',
    hint: 'GRANT …',
    atMs: 0,
  }
  expect(linesOf([error], 0)).toEqual(['shop: error: public.a⏎b: Reading failed; fix: GRANT …'])
})

test('a backfill is told from time to time, and how it ended', () => {
  const backfill = (atMs: number, rows: number, end = {}): ProgressEvent => ({
    event: 'backfill',
    source: 'shop',
    table: 'public.orders',
    rows,
    merged: rows / 2,
    bytes: 0,
    chunksDone: 0,
    chunks: 4,
    estimatedRows: 4000,
    ...end,
    atMs,
  })
  const events = [backfill(0, 0), backfill(1000, 100), backfill(6000, 2000), backfill(7000, 3000)]
  expect(linesOf([...events, backfill(8000, 4000, { outcome: 'done', deleted: 3 })], 9000)).toEqual([
    'shop: public.orders: 2,000 of about 4.0k rows read again, 1,000 merged',
    'shop: public.orders: backfill done, 4,000 rows read again, 3 rows deleted',
  ])
  expect(linesOf([backfill(0, 10, { outcome: 'refused', reason: 'its columns were changed' })], 1)).toEqual([
    'shop: public.orders: backfill given up: its columns were changed',
  ])
})
