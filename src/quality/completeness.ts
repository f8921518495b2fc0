/**
 * Whether every day is there: rows per day against a calendar. A day without rows is missing, several in a row are a gap; rows
 * on a closed day are unexpected; far fewer rows than on other such days are a partial day; rows that look loaded twice are a
 * duplicate.
 */
import { median } from './anomaly/robust.ts'
import type { BusinessCalendar } from './calendar/business-calendar.ts'
import { type Day, dayText, WEEKDAYS, weekdayOf } from './calendar/civil-date.ts'

export interface CompletenessRequest {
  readonly calendar: BusinessCalendar
  /** The period that is to be complete, `through` included: a month that a file stands for, or its first and last day. */
  readonly from: Day
  readonly through: Day
  /** Rows by day; days without rows may be left out. Days outside of the period are what others are compared with. */
  readonly rows: ReadonlyMap<Day, number>
  /** A sum by day, to tell equal days apart from days that were loaded twice. */
  readonly sums?: ReadonlyMap<Day, number>
  /** A day with a smaller share of the usual rows is partial. Default 0.5. */
  readonly partialBelow?: number
}

export interface DayFinding {
  readonly kind: 'missing' | 'gap' | 'partial' | 'duplicate' | 'unexpected'
  readonly severity: 'CRITICAL' | 'WARNING' | 'INFO'
  readonly from: Day
  readonly through: Day
  /** Days that the finding is about: of a gap, the expected ones in it. */
  readonly days: readonly Day[]
  readonly rows: number
  /** Rows that were to be expected; undefined where nothing can be compared. */
  readonly usualRows: number | undefined
  readonly message: string
}

export interface CompletenessResult {
  /** `not_evaluated`: no day of the period is expected, which is no pass. */
  readonly outcome: 'pass' | 'fail' | 'not_evaluated'
  readonly expectedDays: number
  readonly presentDays: number
  /** Expected days with rows that had nothing to be compared with, so that they may be partial. */
  readonly uncomparedDays: number
  readonly calendar: string
  readonly notes: readonly string[]
  readonly findings: readonly DayFinding[]
}

const PARTIAL_BELOW = 0.5
/** Like days that a comparison wants, and how far back and ahead they are looked for. */
const LIKE_DAYS_MIN = 3
const LIKE_WEEKS = 8
/** With fewer rows a day, none at all happens by chance: e⁻¹⁰ is once in 60 years of days. */
const NONE_BY_CHANCE_MAX = 10
/** Days of fewer rows have equal counts and sums by chance. */
const COPY_ROWS_MIN = 20
const COPY_DAYS_BACK = 7
/** Twice as many rows as usual, this closely, when other days stay within a third. */
const DOUBLE_BETWEEN: readonly [number, number] = [1.9, 2.1]
const STEADY_WITHIN = 1 / 3
/** Closed days of one weekday with rows: more than that is a calendar that does not fit. */
const HABIT_DAYS = 4

/** Pure: it reads nothing and throws nothing of its own. */
export function checkCompleteness(request: CompletenessRequest): CompletenessResult {
  const { calendar, from, through } = request
  const findings: DayFinding[] = []
  const unexpected: Day[] = []
  let missing: Day[] = []
  let expectedDays = 0
  let presentDays = 0
  let uncomparedDays = 0
  for (let day = from; day <= through; day++) {
    const rows = request.rows.get(day) ?? 0
    if (!calendar.about(day).expected) {
      if (rows > 0) unexpected.push(day)
      continue
    }
    expectedDays++
    if (rows === 0) {
      missing.push(day)
      continue
    }
    presentDays++
    findings.push(...absence(request, missing))
    missing = []
    // Holidays on which rows are expected are like no other day.
    const like = calendar.about(day).kind === 'holiday' ? [] : likeDays(request, day)
    if (like.length < LIKE_DAYS_MIN) uncomparedDays++
    const found = copyOf(request, day) ?? comparedWith(request, day, like)
    if (found !== undefined) findings.push(found)
  }
  findings.push(...absence(request, missing), ...surprises(request, unexpected))
  findings.sort((a, b) => a.from - b.from)
  const failed = findings.some(({ severity }) => severity !== 'INFO')
  return {
    outcome: failed ? 'fail' : expectedDays === 0 ? 'not_evaluated' : 'pass',
    expectedDays,
    presentDays,
    uncomparedDays,
    calendar: calendar.description,
    notes: calendar.notes,
    findings,
  }
}

function absence(request: CompletenessRequest, days: readonly Day[]): readonly DayFinding[] {
  const [first] = days
  const last = days.at(-1)
  if (first === undefined || last === undefined) return []
  const usual = days.map((day) => usualRows(likeDays(request, day))).filter((rows) => rows !== undefined)
  const usualOfAll = usual.length === 0 ? undefined : usual.reduce((sum, rows) => sum + rows, 0)
  const byChance = usual.length === days.length && usual.every((rows) => rows < NONE_BY_CHANCE_MAX)
  const told = usualOfAll === undefined ? '' : `, ${counted(usualOfAll)} usual`
  const reason =
    days.length === 1 ? `${request.calendar.about(first).name}, a day with rows` : `${days.length} days with rows`
  return [
    {
      kind: days.length === 1 ? 'missing' : 'gap',
      severity: byChance ? 'INFO' : 'CRITICAL',
      from: first,
      through: last,
      days,
      rows: 0,
      usualRows: usualOfAll,
      message: `${span(first, last)}: no rows on ${reason} by the calendar${told}${byChance ? '; so few that none may be chance' : ''}`,
    },
  ]
}

function comparedWith(request: CompletenessRequest, day: Day, like: readonly number[]): DayFinding | undefined {
  const usual = usualRows(like)
  const rows = request.rows.get(day) ?? 0
  if (usual === undefined || usual < NONE_BY_CHANCE_MAX) return undefined
  const share = rows / usual
  const found = { from: day, through: day, days: [day], rows, usualRows: usual }
  if (share < (request.partialBelow ?? PARTIAL_BELOW)) {
    const message = `${dayText(day)}: ${counted(rows)}, ${percent(share)} of the ${counted(usual)} usual`
    return { kind: 'partial', severity: 'WARNING', ...found, message }
  }
  const steady = like.every((other) => Math.abs(other / usual - 1) <= STEADY_WITHIN)
  const [low, high] = DOUBLE_BETWEEN
  if (!steady || share < low || share > high) return undefined
  const message = `${dayText(day)}: ${counted(rows)}, twice the ${counted(usual)} usual: it may have been loaded twice`
  return { kind: 'duplicate', severity: 'WARNING', ...found, message }
}

/** A day with the rows and the sum of an earlier one: one file under two dates. */
function copyOf({ rows, sums }: CompletenessRequest, day: Day): DayFinding | undefined {
  const own = rows.get(day) ?? 0
  const sum = sums?.get(day)
  if (own < COPY_ROWS_MIN || sum === undefined || sum === 0) return undefined
  for (let back = 1; back <= COPY_DAYS_BACK; back++) {
    const other = day - back
    if (rows.get(other) !== own || sums?.get(other) !== sum) continue
    const message = `${dayText(day)}: ${counted(own)} and the sum of ${dayText(other)}, to the last digit: it may be the same data`
    return {
      kind: 'duplicate',
      severity: 'WARNING',
      from: day,
      through: day,
      days: [day],
      rows: own,
      usualRows: undefined,
      message,
    }
  }
  return undefined
}

function surprises({ calendar, rows }: CompletenessRequest, days: readonly Day[]): readonly DayFinding[] {
  const byWeekday = Map.groupBy(days, (day) => (calendar.about(day).kind === 'weekend' ? weekdayOf(day) : 0))
  return [...byWeekday].flatMap(([weekday, some]): readonly DayFinding[] => {
    const habit = weekday !== 0 && some.length >= HABIT_DAYS
    const groups = habit ? [some] : some.map((day) => [day])
    return groups.map((group) => {
      const from = group[0] ?? 0
      const through = group.at(-1) ?? from
      const sum = group.reduce((total, day) => total + (rows.get(day) ?? 0), 0)
      const name = habit ? `${group.length} ${capitalized(WEEKDAYS[weekday - 1] ?? '')}s` : calendar.about(from).name
      const advice = habit
        ? '; if that is right, the weekend of the calendar is another, or rows are expected every day'
        : ''
      const message = `${span(from, through)}: ${counted(sum)} on ${name}, when none are expected${advice}`
      return {
        kind: 'unexpected',
        severity: 'WARNING',
        from,
        through,
        days: group,
        rows: sum,
        usualRows: undefined,
        message,
      }
    })
  })
}

/** Rows of expected days of the same weekday around a day, itself left out; days without rows too. */
function likeDays({ calendar, rows }: CompletenessRequest, day: Day): readonly number[] {
  const found: number[] = []
  for (let week = 1; week <= LIKE_WEEKS; week++) {
    for (const other of [day - 7 * week, day + 7 * week]) {
      const count = rows.get(other) ?? 0
      if (count > 0 && calendar.about(other).expected) found.push(count)
    }
  }
  return found
}

function usualRows(like: readonly number[]): number | undefined {
  return like.length < LIKE_DAYS_MIN ? undefined : Math.round(median(like))
}

function span(from: Day, through: Day): string {
  return from === through ? dayText(from) : `${dayText(from)} to ${dayText(through)}`
}

function counted(rows: number): string {
  return `${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)}%`
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
