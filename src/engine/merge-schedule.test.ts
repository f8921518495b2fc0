import { expect, test } from 'vitest'
import { boundary, type Position } from '../core/position.ts'
import type { SourceContext } from './context.ts'
import { MergeSchedule } from './merge-schedule.ts'
import type { GroupWork } from './merger.ts'
import type { BookedTable } from './table-book.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NOON = Date.UTC(2026, 10, 20, 12)
const NOTHING: GroupWork = { stagedMs: undefined, files: 0, promotes: false, rejoins: false }
const TO = boundary(1, 100n)

/** Groups with what there is to do in them, at a time that only the test moves. */
class Scene {
  nowMs = NOON
  intervalMs = 10_000
  freshnessMs = 5 * MINUTE
  reading = false
  wanted: Position | undefined
  readonly work = new Map<string, GroupWork | undefined>()
  readonly reached = new Map<string, Position>()
  tables: Pick<BookedTable, 'group' | 'record'>[] = []
  readonly schedule: MergeSchedule

  constructor(...groups: readonly string[]) {
    for (const group of groups) {
      this.work.set(group, undefined)
      this.reached.set(group, TO)
    }
    const scene = this
    const context = {
      clock: { nowMs: () => scene.nowMs, elapsedMs: () => scene.nowMs, sleep: async () => undefined },
      get settings() {
        return { freshnessMs: scene.freshnessMs, intervalMs: scene.intervalMs } as SourceContext['settings']
      },
    }
    this.schedule = new MergeSchedule(context, {
      book: { all: () => scene.tables as BookedTable[] },
      merger: {
        groups: () => new Set(scene.work.keys()),
        work: (group) => scene.work.get(group),
        isBehind: (group, at) => (scene.reached.get(group) ?? at) < at,
      },
      wants: () => scene.wanted,
      isReading: () => scene.reading,
    })
  }

  /** Something is staged now, and nobody has merged it. */
  stage(...groups: readonly string[]): void {
    for (const group of groups) this.work.set(group, { ...NOTHING, stagedMs: this.nowMs, files: 1 })
  }

  at(text: string): void {
    this.nowMs = Date.parse(`2026-11-20T${text}Z`)
  }

  due(last = false): readonly string[] {
    return this.schedule.plan(TO, last).due.map(({ group }) => group)
  }

  /** Goes on from moment to moment as the loop does, and returns what was merged when. */
  follow(untilText: string): readonly string[] {
    const untilMs = Date.parse(`2026-11-20T${untilText}Z`)
    const merged: string[] = []
    for (;;) {
      const { due, waitMs } = this.schedule.plan(TO, false)
      for (const { group } of due) {
        this.schedule.begun(group)
        this.work.set(group, undefined)
        this.reached.set(group, TO)
        merged.push(`${new Date(this.nowMs).toISOString().slice(11, 19)} ${group}`)
      }
      if (due.length > 0) continue
      this.nowMs += waitMs
      if (this.nowMs > untilMs) return merged
    }
  }
}

const [FIVE, QUARTER, HOURLY] = ['300000', '900000', '3600000']

test('groups are merged at multiples of their freshness, all that are due together', () => {
  const scene = new Scene(FIVE, QUARTER, HOURLY)
  scene.freshnessMs = 0
  scene.at('12:01:07')
  scene.stage(FIVE, QUARTER, HOURLY)
  expect(scene.follow('12:58:00')).toEqual([`12:05:00 ${FIVE}`, `12:15:00 ${QUARTER}`])
  scene.stage(FIVE, QUARTER)
  expect(scene.follow('13:30:00')).toEqual([`13:00:00 ${FIVE}`, `13:00:00 ${QUARTER}`, `13:00:00 ${HOURLY}`])
})

test('a group that had nothing to do for long waits for its next moment all the same', () => {
  const scene = new Scene('')
  scene.stage('')
  expect(scene.follow('12:40:00')).toEqual(['12:05:00 '])
  scene.at('12:41:13')
  scene.stage('')
  expect(scene.follow('13:00:00')).toEqual(['12:45:00 '])
})

test('what an earlier run has staged is not made to wait again', () => {
  const scene = new Scene('')
  scene.stage('')
  scene.at('12:04:59')
  expect(scene.due()).toEqual([])
  scene.at('12:17:31')
  expect(scene.due()).toEqual([''])
})

test('a calendar that was set back makes nobody wait for longer than a freshness', () => {
  const scene = new Scene('')
  scene.at('20:00:00')
  scene.stage('')
  scene.at('12:01:00')
  expect(scene.follow('12:30:00')).toEqual(['12:05:00 '])
})

test('where changes are merged as they are staged, it happens at once, and at most once per freshness', () => {
  const scene = new Scene('')
  scene.freshnessMs = 10_000
  scene.at('12:00:03')
  scene.stage('')
  expect(scene.due()).toEqual([''])
  scene.schedule.begun('')
  scene.at('12:00:08')
  scene.stage('')
  expect(scene.follow('12:01:00')).toEqual(['12:00:13 '])
})

test('an idle group is left alone for the rest of the day, then moved with all others', () => {
  const scene = new Scene('', HOURLY)
  scene.stage('', HOURLY)
  scene.follow('13:00:00')
  for (const group of ['', HOURLY]) scene.reached.set(group, boundary(1, 50n))
  expect(scene.schedule.plan(TO, true)).toMatchObject({ due: [], isPending: false })
  expect(scene.follow('23:59:59')).toEqual([])
  scene.nowMs = Date.UTC(2026, 10, 21)
  expect(scene.schedule.plan(TO, false).due).toEqual([
    { group: '', moves: true },
    { group: HOURLY, moves: true },
  ])
})

test('after a start the time of the last merge is that of its tables', () => {
  const scene = new Scene('')
  scene.reached.set('', boundary(1, 50n))
  const record = { lastSyncMs: NOON - HOUR } as BookedTable['record']
  scene.tables = [{ group: '', record }]
  expect(scene.due()).toEqual([])
  scene.tables = [{ group: '', record: { ...record, lastSyncMs: NOON - 13 * HOUR } }]
  expect(scene.due()).toEqual([''])
})

test('a table that was read is shown when no other one is being read, or when its group is merged', () => {
  const scene = new Scene('')
  scene.reading = true
  scene.work.set('', { ...NOTHING, promotes: true })
  expect(scene.due()).toEqual([])
  scene.reading = false
  expect(scene.due()).toEqual([''])
  scene.reading = true
  expect(scene.follow('12:05:00')).toEqual(['12:05:00 '])
})

test('whoever waits is not made to wait', () => {
  const scene = new Scene('')
  scene.work.set('', { ...NOTHING, rejoins: true })
  expect(scene.due()).toEqual([''])
  scene.work.set('', undefined)
  scene.wanted = TO
  expect(scene.due()).toEqual([])
  scene.reached.set('', boundary(1, 99n))
  expect(scene.due()).toEqual([''])
  scene.wanted = boundary(1, 101n)
  expect(scene.due()).toEqual([])
  scene.stage('')
  expect(scene.due()).toEqual([])
  expect(scene.due(true)).toEqual([''])
  scene.work.set('', { ...NOTHING, stagedMs: NOON, files: 20_001 })
  expect(scene.due()).toEqual([''])
})
