/**
 * Credits of a day of merging on the twin's meter: by the second, a minute at each resume, statements as long as the written
 * model says. The limit is the sum over wake-ups of max(60 s, busy time of one ideal merge window): one COPY and one MERGE for
 * each table, one after the other, and nothing else. Some windows of each freshness are simulated, and stand for the day.
 */
import { startTwin } from '../src/snowflake-twin/twin.ts'
import { SettableClock } from '../src/snowflake-twin/twin-clock.ts'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { BENCH_WAREHOUSE, MergeScene } from './support/merge-scene.ts'
import { round } from './support/statistics.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const TABLES = 20
const ROWS_EACH = 50_000
/** Of all tables together. */
const CHANGES_PER_SECOND = 200
/** Minutes between merges → windows that are simulated. */
const WINDOWS: readonly (readonly [minutes: number, windows: number])[] = [
  [1, 8],
  [5, 6],
  [15, 4],
  [60, 2],
]
const RATIO_MAX = 1.1
/** Of what every table on its own schedule costs, at this freshness. */
const SHARE_MAX = 0.25
const SHARE_MINUTES = 15
const DAY_MINUTES = 1440
const MINUTE_MS = 60_000

export const snowflakeCost: Benchmark = {
  name: 'snowflake-cost',
  summary: 'credits of a simulated day on the local Snowflake, by freshness',
  run,
}

interface Day {
  readonly minutes: number
  readonly credits: number
  readonly floor: number
  /** Every table with wake-ups of its own. */
  readonly apart: number
  readonly ratio: number
  readonly statementsPerWindow: number
  readonly resumes: number
}

async function run({ say, tables = TABLES, rows = ROWS_EACH }: BenchOptions): Promise<BenchReport> {
  const days: Day[] = []
  for (const [minutes, windows] of WINDOWS) {
    const day = await simulate(minutes, windows, tables, rows)
    const { credits, floor, ratio, statementsPerWindow } = day
    say(
      `${minutes} min: ${credits} credits a day, floor ${floor}, ratio ${ratio}, ${statementsPerWindow} statements a window`,
    )
    days.push(day)
  }
  const worst = days.reduce((most, day) => (day.ratio > most.ratio ? day : most))
  const shared = days.find((day) => day.minutes === SHARE_MINUTES)
  const share = shared === undefined ? Infinity : round(shared.credits / shared.apart, 3)
  return {
    ratio: worst.ratio,
    measured: worst.credits,
    limit: worst.floor,
    unit: 'credits a day, at the freshness that is furthest from its floor',
    rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
    goal: `at most ${RATIO_MAX}× the floor, and ${SHARE_MAX}× of every table on its own schedule at ${SHARE_MINUTES} min`,
    met: worst.ratio <= RATIO_MAX && share <= SHARE_MAX,
    details: { share, tables, rows, changesPerSecond: CHANGES_PER_SECOND, days },
  }
}

async function simulate(minutes: number, windows: number, tables: number, rows: number): Promise<Day> {
  // Midnight, so that moments are whole.
  const clock = new SettableClock(Date.UTC(2026, 0, 1))
  await using twin = await startTwin({ clock })
  await twin.sql(
    `CREATE WAREHOUSE ${BENCH_WAREHOUSE} WAREHOUSE_SIZE = XSMALL GENERATION = '1' AUTO_SUSPEND = 60 INITIALLY_SUSPENDED = TRUE`,
  )
  await twin.sql('CREATE DATABASE BENCH')
  await using folder = await makeWorkFolder()
  const scene = await MergeScene.open(twin, clock, folder.path, tables, rows)
  try {
    await scene.makeTables()
    clock.advance(60 * MINUTE_MS)
    const fromMs = clock.nowMs()
    const statements = twin.state.history.all().length
    const changes = (CHANGES_PER_SECOND * minutes * 60) / tables
    let floorMs = 0
    let apartMs = 0
    for (let window = 0; window < windows; window++) {
      const ideal = await scene.merge(changes)
      floorMs += Math.max(
        MINUTE_MS,
        ideal.reduce((sum, ms) => sum + ms, 0),
      )
      apartMs += ideal.reduce((sum, ms) => sum + Math.max(MINUTE_MS, ms), 0)
      clock.advance(minutes * MINUTE_MS)
    }
    const toMs = clock.nowMs()
    const perDay = DAY_MINUTES / (minutes * windows)
    const credits = (twin.meter.billedMs(BENCH_WAREHOUSE, fromMs, toMs, toMs) / 3_600_000) * perDay
    // A warehouse that runs all day long costs no more than that.
    const floor = Math.min(24, (floorMs / 3_600_000) * perDay)
    const sent = twin.state.history.all().length - statements
    const resumes = twin.meter
      .times(BENCH_WAREHOUSE, toMs)
      .filter((time) => time.fromMs >= fromMs && time.isResume).length
    return {
      minutes,
      credits: round(credits, 3),
      floor: round(floor, 3),
      apart: round((apartMs / 3_600_000) * perDay, 3),
      ratio: round(credits / floor, 3),
      statementsPerWindow: round(sent / windows, 1),
      resumes: round(resumes / windows, 2),
    }
  } finally {
    await scene.close()
  }
}
