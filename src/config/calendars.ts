/** `calendars`: on which days rows are expected. The output has the form that `src/quality/calendar` opens. */
import { z } from 'zod'
import { nearest } from '../core/nearest.ts'

const DAY_MS = 86_400_000
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
const HOLIDAY_TYPES = ['public', 'bank', 'school', 'observance', 'optional'] as const

/** Civil days since 1970; undefined: no day. */
function dayNumber(text: string): number | undefined {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text ? undefined : time / DAY_MS
}

const dayText = z
  .string('must be a day such as 2024-12-24')
  .refine((text) => dayNumber(text) !== undefined, 'must be a day such as 2024-12-24')

const day = z
  .union([
    dayText,
    z.strictObject({ day: dayText.describe('2024-12-24'), name: z.string().min(1).describe('For reports') }),
  ])
  .transform((written) => {
    const own = typeof written === 'string' ? { day: written } : written
    return { ...own, day: dayNumber(own.day) ?? 0 }
  })

const month = z.int().min(1).max(12)
const namedAfter = z.enum(['start', 'end']).default('end')

const fiscal = z
  .strictObject({
    start_month: month.optional().describe('A year of twelve months: its first one'),
    pattern: z
      .enum(['4-4-5', '4-5-4', '5-4-4'])
      .optional()
      .describe('A year of 52 or 53 weeks: weeks of the periods of a quarter'),
    end_month: month.optional().describe('Weeks: the month at whose end the year ends'),
    end_weekday: z.enum(WEEKDAYS).default('saturday').describe('Weeks: the day on which the year ends'),
    anchor: z
      .enum(['last', 'nearest'])
      .default('last')
      .describe('Weeks: the year ends on the last such day of the month, or on the one nearest to its end'),
    long_period: month.default(12).describe('Weeks: the period that has the 53rd week'),
    named_after: namedAfter.describe('The calendar year of its first or last day is its number'),
  })
  .refine(({ start_month, pattern }) => (start_month === undefined) !== (pattern === undefined), {
    error: 'must have start_month or pattern, one of the two',
  })
  .refine(({ pattern, end_month }) => pattern === undefined || end_month !== undefined, {
    error: 'must be given with pattern',
    path: ['end_month'],
  })
  .transform((written) =>
    written.pattern === undefined
      ? { kind: 'months' as const, startMonth: written.start_month ?? 1, namedAfter: written.named_after }
      : {
          kind: 'weeks' as const,
          pattern: written.pattern,
          endMonth: written.end_month ?? 12,
          endWeekday: (WEEKDAYS.indexOf(written.end_weekday) + 1) as 1 | 2 | 3 | 4 | 5 | 6 | 7,
          anchor: written.anchor,
          namedAfter: written.named_after,
          longPeriod: written.long_period,
        },
  )

const calendar = z
  .strictObject({
    country: z.string().min(2).optional().describe('ISO 3166 code: `DE`. Its public holidays and its weekend'),
    region: z.string().min(1).optional().describe('Of the country: `BY`'),
    named: z.string().min(1).optional().describe('In place of a country: `nyse` or `target2`'),
    holiday_types: z.array(z.enum(HOLIDAY_TYPES)).min(1).optional().describe('Default: public'),
    weekend: z
      .array(z.enum(WEEKDAYS))
      .max(6)
      .optional()
      .describe("Default: the country's, else saturday and sunday. `[]`: none"),
    closures: z
      .array(day)
      .default([])
      .describe('Days without rows: `2024-12-24`, or `{ day: 2024-12-24, name: Inventory }`'),
    working_days: z.array(day).default([]).describe('Days with rows, whatever else is said of them: make-up days'),
    expect: z
      .enum(['business_days', 'every_day'])
      .default('business_days')
      .describe('Days on which there must be rows. `every_day`: on weekends and holidays too'),
    fiscal: fiscal.optional().describe('The fiscal year, whose period ends are days of their own kind'),
  })
  .refine(({ country, named }) => country === undefined || named === undefined, {
    error: 'must be left out where there is a country',
    path: ['named'],
  })
  .refine(({ country, region }) => region === undefined || country !== undefined, {
    error: 'must have a country beside it',
    path: ['region'],
  })
  .superRefine(({ closures, working_days }, context) => {
    const closed = new Set(closures.map((each) => each.day))
    for (const [index, each] of working_days.entries()) {
      if (!closed.has(each.day)) continue
      context.addIssue({ code: 'custom', path: ['working_days', index], message: 'must not be a closure too' })
    }
  })
  .transform(({ fiscal: year, ...written }) => ({
    request: {
      ...(written.named === undefined ? {} : { named: written.named }),
      ...(written.country === undefined ? {} : { country: written.country }),
      ...(written.region === undefined ? {} : { region: written.region }),
      ...(written.holiday_types === undefined ? {} : { holidayTypes: written.holiday_types }),
      ...(written.weekend === undefined ? {} : { weekend: written.weekend }),
      closures: written.closures,
      workingDays: written.working_days,
      expect: written.expect,
    },
    fiscal: year,
  }))

export const calendars = z
  .record(z.string().regex(/^[a-z][a-z0-9_-]*$/, 'must consist of lower-case letters, digits, _ and -'), calendar)
  .prefault({})
  .describe('Business calendars for tables of files. The keys are names of your choice')

/** What a configuration says of them, whatever its connectors. */
export interface CalendarKeys {
  readonly calendars: Readonly<Record<string, unknown>>
  readonly sources: Readonly<
    Record<string, { readonly tables?: readonly { readonly set?: { readonly calendar?: string | undefined } }[] }>
  >
}

/** Calendars that tables name and nobody has described. */
export function calendarProblems({
  calendars: known,
  sources,
}: CalendarKeys): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  return Object.entries(sources).flatMap(([name, { tables = [] }]) =>
    tables.flatMap(({ set }, index) => {
      const wanted = set?.calendar
      if (wanted === undefined || Object.hasOwn(known, wanted)) return []
      const near = nearest(wanted, Object.keys(known))
      const message = `must be one of calendars${near === undefined ? '' : `; did you mean ${near}?`}`
      return [{ path: ['sources', name, 'tables', index, 'calendar'], message }]
    }),
  )
}
