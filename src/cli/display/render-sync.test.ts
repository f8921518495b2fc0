import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProgressEvent } from '../../core/progress.ts'
import { PLAIN, palette } from '../palette.ts'
import { displayWidth } from '../terminal-text.ts'
import { renderSync } from './render-sync.ts'
import { SyncModel } from './sync-model.ts'
import type { View } from './view.ts'

const START = Date.UTC(2026, 0, 1)
const ROUTE = 'shop: db.example.com:5432/shop → warehouse.duckdb'

function view(over: Partial<View> = {}): View {
  return { width: 100, height: 30, nowMs: START + 10_000, colors: PLAIN, route: ROUTE, scroll: undefined, ...over }
}

function modelOf(events: readonly ProgressEvent[], tables: readonly string[] = []): SyncModel {
  const model = new SyncModel(START)
  for (const table of tables) model.expect('shop', table)
  for (const event of events) model.apply(event)
  return model
}

function state(table: string, to: 'snapshotting' | 'live' | 'failed', atMs = START): ProgressEvent {
  return { event: 'state', source: 'shop', table, state: to, atMs }
}

function snapshot(table: string, rows: number, estimatedRows: number, atMs: number): ProgressEvent {
  return {
    event: 'snapshot',
    source: 'shop',
    table,
    rows,
    bytes: rows * 100,
    chunksDone: 0,
    chunks: 4,
    estimatedRows,
    atMs,
  }
}

function merged(table: string, inserted: number, latencyMs: number, atMs: number): ProgressEvent {
  const tables = [{ table, inserted, updated: 0, deleted: 0, quarantined: 0 }]
  return { event: 'merged', source: 'shop', tables, position: '', latencyMs, durationMs: 5, waitedForLockMs: 0, atMs }
}

describe('the live display', () => {
  test('shows a table that is being copied with its share, rates and remaining time', () => {
    const copied = [5, 6, 7, 8, 9].map((second) =>
      snapshot('public.orders', (second - 4) * 10_000, 100_000, START + second * 1000),
    )
    const lines = renderSync(modelOf([state('public.orders', 'snapshotting'), ...copied]), view())
    const line = lines.find((text) => text.includes('public.orders'))
    expect(line).toMatch(/◐ public\.orders +copying 50 % +50,000 +10\.0k +1\.0 +5\.0 s$/)
    expect(lines[1]).toContain('50 %  50.0k rows · 0 of 1 tables')
  })

  test('rows that were all read are still written: nothing is said to be left', () => {
    const copied = [5, 6, 7, 8, 9].map((second) =>
      snapshot('public.orders', (second - 4) * 10_000, 50_001, START + second * 1000),
    )
    const text = renderSync(modelOf([state('public.orders', 'snapshotting'), ...copied]), view()).join('\n')
    expect(text).toContain('99 %')
    expect(text).not.toContain('ms')
  })

  test('a run that was asked to stop says so, and how to end it at once', () => {
    const stopping: ProgressEvent = { event: 'stopping', source: 'shop', atMs: START + 9_000 }
    const lines = renderSync(modelOf([state('public.orders', 'snapshotting'), stopping]), view())
    expect(lines.at(-1)).toMatch(/^stopping: .* again stops at once/)
  })

  test('a run that goes on shows its tables as they are, before any of them moves', () => {
    const tables = [
      { table: 'public.a', state: 'live' },
      { table: 'public.b', state: 'paused' },
    ] as const
    const model = modelOf([{ event: 'tables', source: 'shop', tables, atMs: START }], ['public.a', 'public.b'])
    const lines = renderSync(model, view())
    expect(lines[1]).toBe('following 2 tables · 0 changes merged · 0 rows/s · 0 B/s')
    expect(lines.find((line) => line.includes('public.a'))).toMatch(/● public\.a +live +0$/)
    expect(lines.find((line) => line.includes('public.b'))).toMatch(/○ public\.b +paused +0$/)
  })

  test('shows how much of a live table is read again, and that it is paused', () => {
    const backfill = (rows: number, second: number, end = {}): ProgressEvent => {
      const progress = { rows, merged: 0, bytes: rows, chunksDone: 0, chunks: 4, estimatedRows: 40_000 }
      return {
        event: 'backfill',
        source: 'shop',
        table: 'public.orders',
        ...progress,
        ...end,
        atMs: START + second * 1000,
      }
    }
    const going = [state('public.orders', 'live'), backfill(0, 5), backfill(10_000, 9)]
    const line = (events: readonly ProgressEvent[]) =>
      renderSync(modelOf(events), view()).find((text) => text.includes('public.orders'))
    expect(line(going)).toMatch(/◐ public\.orders +backfill 25 % +10,000/)
    const ended = [...going, backfill(40_000, 10, { outcome: 'done', deleted: 1 })]
    expect(line(ended)).toMatch(/● public\.orders +live/)
    expect(renderSync(modelOf(ended), view()).join('\n')).toContain(
      'backfill done, 40,000 rows read again, 1 row deleted',
    )
    const paused: ProgressEvent = {
      event: 'state',
      source: 'shop',
      table: 'public.orders',
      state: 'paused',
      atMs: START,
    }
    expect(line([...going, paused])).toMatch(/○ public\.orders +paused/)
  })

  test('follows: latency, position in the notation of the source, distance', () => {
    const lines = renderSync(
      modelOf([
        state('public.orders', 'live'),
        merged('public.orders', 7, 180, START + 9000),
        merged('public.orders', 3, 420, START + 9500),
        {
          event: 'staged',
          source: 'shop',
          changes: 1,
          tables: ['public.orders'],
          files: 1,
          bytes: 100,
          position: '0001/00000000016b3748/0000000000',
          lagBytes: 1_200_000,
          atMs: START + 9600,
        },
      ]),
      view(),
    )
    expect(lines[1]).toContain('following 1 table · 10 changes merged')
    expect(lines).toContain('latency  ▄█  median 420 ms · max 420 ms')
    expect(lines).toContain('position 0/16B3748 · 1.2 MB behind')
  })

  test('a table gets older while its changes wait, and is fresh again once they are merged', () => {
    const staged = (ordinal: string, atMs: number): ProgressEvent => ({
      event: 'staged',
      source: 'shop',
      changes: 1,
      tables: ['public.orders'],
      files: 1,
      bytes: 100,
      position: `0001/00000000016b3748/${ordinal}`,
      lagBytes: 0,
      atMs,
    })
    const lineOf = (events: readonly ProgressEvent[]) =>
      renderSync(modelOf([state('public.orders', 'live'), ...events]), view({ nowMs: START + 300_000 })).find((line) =>
        line.includes('public.orders'),
      )
    const two = [staged('0000000001', START), staged('0000000005', START + 180_000)]
    expect(lineOf(two)).toMatch(/live .* 5 min$/)
    const merge = (position: string) => ({ ...merged('public.orders', 1, 300, START + 190_000), position })
    expect(lineOf([...two, merge('0001/00000000016b3748/0000000002')])).toMatch(/live .* 2 min$/)
    expect(lineOf([...two, merge('0001/00000000016b3748/0000000006')])).toMatch(/live +1$/)
  })

  test('a lost connection is told in words, counts down, and is over when rows flow again', () => {
    const retry: ProgressEvent = {
      event: 'retry',
      source: 'shop',
      code: 'source_connection_lost',
      message: 'Reading the stream failed: connection reset',
      attempt: 3,
      delayMs: 4000,
      atMs: START + 8000,
    }
    const broken = renderSync(modelOf([retry]), view())
    expect(broken).toContain('! shop: Reading the stream failed: connection reset; trying again in 2.0 s (attempt 3)')
    const mended = renderSync(modelOf([retry, merged('public.orders', 1, 10, START + 9000)]), view())
    expect(mended.join('\n')).not.toContain('trying again')
    expect(mended.join('\n')).toContain('shop: going on after 3 failed attempts')
  })

  test('an error keeps its whole fix, on several lines where it must', () => {
    const hint = 'GRANT SELECT ON public.orders TO loader; '.repeat(4).trim()
    const lines = renderSync(
      modelOf([
        {
          event: 'error',
          source: 'shop',
          table: 'public.orders',
          code: 'source_permission',
          message: 'Reading failed',
          hint,
          atMs: START,
        },
      ]),
      view({ width: 60 }),
    )
    const said = lines
      .slice(-6)
      .map((line) => line.trim())
      .join(' ')
    expect(said).toContain(hint)
  })

  test('of 1,000 tables the failed and the active ones are shown, the others counted', () => {
    const tables = Array.from({ length: 1000 }, (_, i) => `public.t${i}`)
    const events = tables.map((table) => state(table, 'live'))
    events.push(state('public.t700', 'failed'), merged('public.t900', 5, 100, START + 9000))
    const lines = renderSync(modelOf(events, tables), view({ height: 20 }))
    expect(lines[4]).toContain('✗ public.t700')
    expect(lines[5]).toContain('● public.t900')
    expect(lines.join('\n')).toMatch(/… and 9\d\d more: 9\d\d live/)
  })

  test('scrolling shows all tables in their order', () => {
    const tables = Array.from({ length: 100 }, (_, i) => `public.t${i}`)
    const lines = renderSync(modelOf([], tables), view({ height: 20, scroll: 40 }))
    expect(lines[4]).toContain('public.t40')
    expect(lines.join('\n')).toMatch(/41–5\d of 100 tables/)
  })

  test('where all tables fit they keep the order of the configuration, whatever happens to them', () => {
    const lines = renderSync(modelOf([state('public.b', 'failed')], ['public.a', 'public.b', 'public.c']), view())
    const names = lines.flatMap((line) => /public\.[abc](?= )/.exec(line)?.[0] ?? [])
    expect(names).toEqual(['public.a', 'public.b', 'public.c'])
  })

  test('names cannot send control sequences to the terminal', () => {
    const lines = renderSync(modelOf([], ['public.\x1b]0;title\x07\nx']), view({ height: 200 }))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(lines.join('')).not.toMatch(/[\x00-\x1f]/)
  })

  test('fits every terminal: no line is wider, and there are fewer lines than it has', () => {
    const names = fc.array(fc.string({ unit: 'grapheme', maxLength: 70 }), { maxLength: 60 })
    const size = fc.record({ width: fc.integer({ min: 1, max: 220 }), height: fc.integer({ min: 2, max: 60 }) })
    fc.assert(
      fc.property(
        names,
        size,
        fc.boolean(),
        fc.option(fc.nat(100), { nil: undefined }),
        (tables, { width, height }, color, scroll) => {
          const events = tables.flatMap((table, i) => [
            state(table, i % 3 === 0 ? 'snapshotting' : 'live'),
            snapshot(table, i * 1_000_003, i * 999_999, START + 9000),
            merged(table, i, i * 100, START + 9500),
          ])
          events.push({ event: 'notice', source: 'shop', message: 'a notice of some length '.repeat(9), atMs: START })
          const colors = palette(color, true, {})
          const lines = renderSync(modelOf(events, tables), view({ width, height, colors, scroll }))
          expect(lines.length).toBeLessThan(height)
          for (const line of lines) expect(displayWidth(stripVTControlCharacters(line))).toBeLessThanOrEqual(width)
        },
      ),
    )
  })
})
