/** From what a person writes (a country, a named calendar, own days) to a calendar. */
import { PipelineError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { type BusinessCalendar, makeCalendar, type OwnDay } from './business-calendar.ts'
import { WEEKDAYS, type Weekday, type WeekdayName, weekdayNumber } from './civil-date.ts'
import { countryHolidays, type HolidayType } from './country-holidays.ts'
import { NAMED_CALENDARS } from './named-calendar.ts'

export interface CalendarRequest {
  /** `nyse` or `target2`; excludes `country`. */
  readonly named?: string
  /** ISO 3166-1 code. Without it and without `named` there are no holidays but own closures. */
  readonly country?: string
  /** `BY`, `BY/A`: codes of ISO 3166-2 without the country. */
  readonly region?: string
  /** Default: public holidays. */
  readonly holidayTypes?: readonly HolidayType[]
  /** Default: the country's own (Friday and Saturday in Egypt), else Saturday and Sunday. An empty list: none. */
  readonly weekend?: readonly WeekdayName[]
  readonly closures?: readonly OwnDay[]
  /** Business days whatever else is said of them: make-up Saturdays, a holiday on which work goes on. */
  readonly workingDays?: readonly OwnDay[]
  /** Default: `business_days`. */
  readonly expect?: 'business_days' | 'every_day'
}

/** Countries that move working days to Saturdays and Sundays by decree each year. */
const MAKE_UP_COUNTRIES: readonly string[] = ['CN', 'HU', 'RU', 'TW', 'VN']
const NO_DAYS: ReadonlyMap<number, string> = new Map()

/** Throws `config_invalid` for a name, country or region that is not known, with the nearest one that is. */
export async function openCalendar(request: CalendarRequest): Promise<BusinessCalendar> {
  const { named, country, region } = request
  if (named !== undefined && country !== undefined) {
    throw new PipelineError('config_invalid', 'Opening a calendar', {
      cause: new Error(`it names "${named}" and the country "${country}"`),
      hint: 'Name one of the two.',
    })
  }
  if (region !== undefined && country === undefined) {
    throw new PipelineError('config_invalid', `Opening the calendar of the region "${region}"`, {
      cause: new Error('it names no country'),
      hint: 'Add `country`.',
    })
  }
  const { holidays, title } =
    named !== undefined ? namedHolidays(named) : country !== undefined ? await ofCountry(request, country) : NO_HOLIDAYS
  const weekend = weekendOf(request)
  const { closures = [], workingDays = [], expect = 'business_days' } = request
  const parts = [
    title,
    `weekend ${weekend.map((weekday) => WEEKDAYS[weekday - 1]).join(' and ') || 'none'}`,
    ...(closures.length > 0 ? [`${closures.length} own ${closures.length === 1 ? 'closure' : 'closures'}`] : []),
    ...(workingDays.length > 0
      ? [`${workingDays.length} own working ${workingDays.length === 1 ? 'day' : 'days'}`]
      : []),
    ...(expect === 'every_day' ? ['rows expected every day'] : []),
  ]
  const notes =
    country !== undefined && MAKE_UP_COUNTRIES.includes(country.toUpperCase()) && workingDays.length === 0
      ? [`Make-up working days of ${country.toUpperCase()} are decreed each year: add them as working days.`]
      : []
  return makeCalendar({ description: parts.join('; '), notes, weekend, holidays, closures, workingDays, expect })
}

const NO_HOLIDAYS = { holidays: () => NO_DAYS, title: 'no holidays' }

function namedHolidays(name: string) {
  const calendar = NAMED_CALENDARS[name.toLowerCase()]
  if (calendar === undefined) {
    const names = Object.keys(NAMED_CALENDARS)
    const near = nearest(name, [...names, 'target', 't2'])
    const meant = near === 'target' || near === 't2' ? 'target2' : near
    throw new PipelineError('config_invalid', `Opening the calendar "${name}"`, {
      cause: new Error('there is no calendar of this name'),
      hint: meant === undefined ? `Known are ${names.join(', ')}.` : `Did you mean "${meant}"?`,
    })
  }
  const holidays = (year: number) => {
    if (year >= calendar.firstYear) return calendar.closedDays(year)
    throw new PipelineError('config_invalid', `Reading the calendar "${name}" of ${year}`, {
      cause: new Error(`its rules are known from ${calendar.firstYear}`),
      hint: 'Start later, or list the closed days of earlier years yourself.',
    })
  }
  return { holidays, title: `${calendar.title} (${calendar.source})` }
}

async function ofCountry({ region, holidayTypes = ['public'] }: CalendarRequest, country: string) {
  const request = { country, types: holidayTypes, ...(region === undefined ? {} : { region }) }
  const place = [country, region].filter((part) => part !== undefined).join('/')
  return { holidays: await countryHolidays(request), title: `${holidayTypes.join(' and ')} holidays of ${place}` }
}

function weekendOf({ weekend, named, country }: CalendarRequest): readonly Weekday[] {
  if (weekend !== undefined) return weekend.map(weekdayNumber)
  if (named !== undefined || country === undefined) return [6, 7]
  // Unicode CLDR's weekends, which Node.js carries.
  const locale = new Intl.Locale(`und-${country.toUpperCase()}`) as Intl.Locale & WeekInfo
  return locale.getWeekInfo().weekend
}

/** Of ECMA-402 "Intl Locale Info", which TypeScript's library lacks. */
interface WeekInfo {
  readonly getWeekInfo: () => { readonly weekend: readonly Weekday[] }
}
