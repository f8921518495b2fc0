/** Months (days, quarters, years) for which there is no file between those for which there is one. */
import type { CheckResult } from '../../core/file-check.ts'
import type { FilePeriod } from '../../core/file-set.ts'
import { counted } from '../../core/quantity.ts'
import type { BusinessCalendar } from '../calendar/business-calendar.ts'
import { civilOf, type Day, dayText } from '../calendar/civil-date.ts'
import { judgeCounts } from './judgement.ts'

const GAPS_MAX = 1_000

/**
 * Those right before or behind one of `periods`. `known`: of files that were checked before; what is missing between two of them was
 * told then. `calendar`: of files of single days, which days need none.
 */
export function missingPeriods(
  periods: readonly FilePeriod[],
  known: readonly FilePeriod[],
  calendar: BusinessCalendar | undefined,
): readonly string[] {
  const own = new Set(periods.map(({ name }) => name))
  const sorted = [...periods, ...known].sort((a, b) => a.from - b.from)
  const missing: string[] = []
  let before = sorted[0]
  for (const period of sorted) {
    if (before === undefined) break
    const isAsked = own.has(period.name) || own.has(before.name)
    for (let day = before.through + 1; isAsked && day < period.from && missing.length < GAPS_MAX; ) {
      const gap = periodLike(period.name, day)
      const isFree = gap.from === gap.through && calendar?.about(gap.from).expected === false
      if (!isFree) missing.push(gap.name)
      day = gap.through + 1
    }
    if (period.through >= before.through) before = period
  }
  return missing
}

export function periodsCheck(periods: readonly FilePeriod[], missing: readonly string[]): CheckResult | undefined {
  const names = new Set(periods.map(({ name }) => name))
  if (names.size === 0) return undefined
  const told = missing.slice(0, 6).join(', ') + (missing.length > 6 ? ` and ${missing.length - 6} more` : '')
  return judgeCounts({
    id: 'completeness.periods',
    kind: 'completeness',
    title: 'There is a file for each period',
    severity: 'WARNING',
    evaluated: names.size + missing.length,
    failed: missing.length,
    failing: `No file for ${told}`,
    passing: `${counted(names.size, 'period')}, none missing before or in between`,
    fix: 'Get the missing files, or check them too: a file that was checked before counts.',
  })
}

/** The period of the same length as `name` in which `day` is. */
function periodLike(name: string, day: Day): FilePeriod {
  const { year, month } = civilOf(day)
  const first = (y: number, m: number) => Date.UTC(y, m - 1, 1) / 86_400_000
  const yearText = String(year).padStart(4, '0')
  if (/^\d{4}$/.test(name)) return { name: yearText, from: first(year, 1), through: first(year + 1, 1) - 1 }
  if (/^\d{4}-Q\d$/.test(name)) {
    const quarter = Math.ceil(month / 3)
    const from = first(year, 3 * quarter - 2)
    return { name: `${yearText}-Q${quarter}`, from, through: first(year, 3 * quarter + 1) - 1 }
  }
  if (/^\d{4}-\d\d-\d\d$/.test(name)) return { name: dayText(day), from: day, through: day }
  return { name: dayText(day).slice(0, 7), from: first(year, month), through: first(year, month + 1) - 1 }
}
