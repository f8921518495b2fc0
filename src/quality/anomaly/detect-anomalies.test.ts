import { beforeAll, expect, test } from 'vitest'
import type { BusinessCalendar } from '../calendar/business-calendar.ts'
import { businessDayFromMonthEnd } from '../calendar/business-calendar.ts'
import { type Day, dayText, parseDay, weekdayOf } from '../calendar/civil-date.ts'
import { openCalendar } from '../calendar/open-calendar.ts'
import type { AnomalyRequest, AnomalyResult } from './anomaly-result.ts'
import { detectAnomalies } from './detect-anomalies.ts'

const FIRST = parseDay('2025-01-06')!
const WEEK = [1, 0.95, 0.9, 1, 1.2, 0.6, 0.5]

let everyDay: BusinessCalendar
let workdays: BusinessCalendar
beforeAll(async () => {
  ;[everyDay, workdays] = await Promise.all([openCalendar({ expect: 'every_day' }), openCalendar({ named: 'target2' })])
})

type Change = (day: Day, usual: number) => number

/** About a thousand rows a day with a weekly shape; up to 4% more or less, always in the same way. */
function detect(
  days: number,
  change: Change = (_, usual) => usual,
  request: Partial<AnomalyRequest> = {},
): AnomalyResult {
  const calendar = request.calendar ?? everyDay
  const values = Float64Array.from({ length: days }, (_, index) => {
    const day = FIRST + index
    const wobble = 1 + 0.04 * Math.sin(index * index * 1.7)
    return calendar.about(day).expected
      ? Math.round(change(day, 1000 * (WEEK[weekdayOf(day) - 1] ?? 1) * wobble))
      : Number.NaN
  })
  return detectAnomalies({ series: { measure: 'count', firstDay: FIRST, values }, calendar, ...request })
}

/** Park and Miller's generator. */
function randomOf(seed: number): () => number {
  let state = seed * 7919 + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

const on =
  (from: string, through: string, factor: number): Change =>
  (day, usual) =>
    day >= parseDay(from)! && day <= parseDay(through)! ? usual * factor : usual

const told = ({ findings }: AnomalyResult) =>
  findings.map(({ kind, from, through }) => `${kind} ${dayText(from)} ${dayText(through)}`)

const about = (result: AnomalyResult, date: string) => result.verdicts[parseDay(date)! - FIRST]!

test.each<[string, Change, readonly string[]]>([
  ['an ordinary half year', (_, usual) => usual, []],
  ['half of a Tuesday', on('2025-05-06', '2025-05-06', 0.5), ['drop 2025-05-06 2025-05-06']],
  [
    'twice a Sunday, which is as many as on a Monday',
    on('2025-05-11', '2025-05-11', 2),
    ['spike 2025-05-11 2025-05-11'],
  ],
  ['10% less, which is too little to tell', on('2025-05-06', '2025-05-06', 0.9), []],
  ['three days, told as one', on('2025-05-06', '2025-05-08', 0.1), ['drop 2025-05-06 2025-05-08']],
  ['a level that stays', on('2025-05-06', '2025-12-31', 0.6), ['level_shift 2025-05-06 2025-05-10']],
  [
    'a level that goes and comes back',
    on('2025-04-08', '2025-05-05', 1.7),
    ['level_shift 2025-04-08 2025-04-12', 'level_shift 2025-05-06 2025-05-10'],
  ],
  ['growth by 1% a week', (day, usual) => usual * 1.01 ** ((day - FIRST) / 7), []],
  ['a yearly season of 30%', (day, usual) => usual * (1 + 0.3 * Math.sin(((day - FIRST) / 365) * 2 * Math.PI)), []],
])('%s', (_, change, findings) => {
  const result = detect(180, change)
  expect(told(result)).toEqual(findings)
  expect(result.outcome).toBe(findings.length === 0 ? 'pass' : 'fail')
})

test('a verdict says what was expected, in which band, from how many days', () => {
  const verdict = about(detect(180, on('2025-05-06', '2025-05-06', 0.5)), '2025-05-06')
  expect(verdict).toMatchObject({ state: 'anomaly', comparedAs: 'tuesday', days: 10 })
  // A Tuesday has 950.
  expect(verdict.expected).toBeGreaterThan(900)
  expect(verdict.expected).toBeLessThan(1000)
  expect(verdict.lower).toBeGreaterThan(verdict.value)
  expect(verdict.upper).toBeLessThan(1300)
})

test('days after an anomaly are compared with days before it', () => {
  const calm = about(detect(180), '2025-05-09')
  const after = about(detect(180, on('2025-05-06', '2025-05-08', 0.02)), '2025-05-09')
  expect(after.state).toBe('ordinary')
  expect(Math.abs(after.expected / calm.expected - 1)).toBeLessThan(0.02)
})

test('peaks at the ends of months are their own class, and told when they are not there', () => {
  const peaks: Change = (day, usual) => (businessDayFromMonthEnd(workdays, day) === 1 ? usual * 3 : usual)
  const request = { calendar: workdays }
  expect(told(detect(330, peaks, request))).toEqual([])
  expect(about(detect(330, peaks, request), '2025-10-31')).toMatchObject({ state: 'ordinary', comparedAs: 'month_end' })
  const absent: Change = (day, usual) => (day === parseDay('2025-10-31') ? usual : peaks(day, usual))
  expect(told(detect(330, absent, request))).toEqual(['drop 2025-10-31 2025-10-31'])
})

test('holidays may be quiet or not', async () => {
  const calendar = await openCalendar({ country: 'US', expect: 'every_day' })
  const quiet: Change = (day, usual) => (calendar.about(day).kind === 'holiday' ? usual * 0.3 : usual)
  expect(told(detect(330, quiet, { calendar }))).toEqual([])
  expect(told(detect(330, (_, usual) => usual, { calendar }))).toEqual([])
})

test('what a person has marked is not told, and no day is compared with it', () => {
  const sale = on('2025-05-06', '2025-05-06', 4)
  const expectedDays = new Map([[parseDay('2025-05-06')!, 'Sale']])
  const result = detect(180, sale, { expectedDays })
  expect(told(result)).toEqual([])
  expect(about(result, '2025-05-06').state).toBe('expected')
  expect(about(result, '2025-05-13').expected).toBeCloseTo(about(detect(180, sale), '2025-05-13').expected, 6)
})

test('a new normal is learned from the day that a person names', () => {
  const moved = on('2025-05-06', '2025-12-31', 3)
  const result = detect(180, moved, { newNormalFrom: [parseDay('2025-05-06')!] })
  expect(told(result)).toEqual([])
  expect(about(result, '2025-05-08').state).toBe('learning')
  expect(about(result, '2025-05-13')).toMatchObject({ state: 'ordinary' })
  expect(about(result, '2025-05-13').expected).toBeGreaterThan(2500)
})

test('what was as unusual a year ago is ordinary', () => {
  const friday: Change = (day, usual) => (['2025-06-13', '2026-06-12'].includes(dayText(day)) ? usual * 3 : usual)
  expect(told(detect(710, friday))).toEqual(['spike 2025-06-13 2025-06-13'])
})

test('too few days are no pass', () => {
  expect(detect(20)).toMatchObject({ outcome: 'not_evaluated', evaluatedDays: 0, learningDays: 20 })
  expect(detect(0)).toMatchObject({ outcome: 'not_evaluated', verdicts: [] })
})

test('days without rows and days without expectations are left to completeness', () => {
  const result = detect(120, (day, usual) => (dayText(day) === '2025-04-15' ? 0 : usual), { calendar: workdays })
  expect(about(result, '2025-04-15').state).toBe('missing')
  expect(about(result, '2025-04-18').state).toBe('closed') // Good Friday
  expect(result.outcome).toBe('pass')
})

// Seeds of their own; two false alarms per series and year are the goal.
test.each([1, 4, 16])('%i rows a day vary by chance', (mean) => {
  const random = randomOf(mean)
  const poisson = () => {
    let count = 0
    for (let product = random(); product > Math.exp(-mean); product *= random()) count++
    return count
  }
  const results = Array.from({ length: 4 }, () => detect(250, poisson))
  expect(results.flatMap(told).length).toBeLessThan((4 * 2 * 215) / 365)
  expect(told(detect(180, (day) => (dayText(day) === '2025-05-06' ? mean * 6 + 12 : poisson())))).toContain(
    'spike 2025-05-06 2025-05-06',
  )
})

test('sums may be negative', () => {
  const values = Float64Array.from(
    { length: 150 },
    (_, index) => 100 * Math.sin(index * index * 1.3) + (index === 120 ? 900 : 0),
  )
  const { findings } = detectAnomalies({ series: { measure: 'sum', firstDay: FIRST, values }, calendar: everyDay })
  expect(findings.map(({ kind, from }) => `${kind} ${from - FIRST}`)).toEqual(['spike 120'])
})

test('one direction alone may be asked for', () => {
  const both: Change = (day, usual) =>
    on('2025-05-06', '2025-05-06', 3)(day, on('2025-05-14', '2025-05-14', 0.2)(day, usual))
  expect(told(detect(180, both, { settings: { direction: 'drop' } }))).toEqual(['drop 2025-05-14 2025-05-14'])
})
