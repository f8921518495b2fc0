/**
 * Public holidays of 200 countries and their regions, from the package `date-holidays` (data CC-BY-3.0). It is loaded when first
 * used, because it takes a tenth of a second. It knows no make-up working days, and days that follow the moon are computed:
 * where a government announces them, own additions and closures correct it.
 */
import type { HolidaysTypes } from 'date-holidays'
import { PipelineError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { civilOf, type Day, parseDay } from './civil-date.ts'

export type HolidayType = HolidaysTypes.HolidayType

export interface CountryHolidaysRequest {
  /** ISO 3166-1 code: `DE`. */
  readonly country: string
  /** Code of a state or province, and of a part of it: `BY`, `BY/A`. */
  readonly region?: string
  readonly types: readonly HolidayType[]
}

/** Holidays of a year by day, with their English names where there are any. */
export type HolidaysOfYear = (year: number) => ReadonlyMap<Day, string>

const HOUR_MS = 3_600_000
/** A holiday of fewer hours, such as the afternoon of 24 December, leaves the day a working day. */
const WHOLE_DAY_HOURS = 18

/** What people write where ISO 3166 has another code. */
const OTHER_CODES: Readonly<Record<string, string>> = { UK: 'GB', EL: 'GR' }

/** Throws `config_invalid` for a country or region that is not known, and names the nearest. */
export async function countryHolidays(request: CountryHolidaysRequest): Promise<HolidaysOfYear> {
  const { default: Holidays } = await import('date-holidays')
  const about = new Holidays()
  const country = codeOf('country', request.country, about.getCountries('en'))
  const [stateText, partText] = request.region?.split('/') ?? []
  const codes = [country]
  if (stateText !== undefined) codes.push(codeOf(`region of ${country}`, stateText, about.getStates(country, 'en')))
  if (partText !== undefined) {
    const state = codes[1] ?? ''
    codes.push(codeOf(`region of ${country}/${state}`, partText, about.getRegions(country, state, 'en')))
  }
  const [, state = '', part = ''] = codes
  const known = new Holidays(country, state, part, { types: [...request.types] })
  return (year) => {
    const days = new Map<Day, string>()
    // A holiday of days in a row may begin in December of the year before.
    for (const holiday of [...known.getHolidays(year - 1, 'en'), ...known.getHolidays(year, 'en')]) {
      // The text is the civil date of the place; only the difference of the instants is used, so clocks do not matter.
      const first = parseDay(holiday.date.slice(0, 10))
      const hours = (holiday.end.getTime() - holiday.start.getTime()) / HOUR_MS
      if (first === undefined || hours < WHOLE_DAY_HOURS) continue
      for (let offset = 0; offset < Math.round(hours / 24); offset++) {
        const day = first + offset
        if (!days.has(day) && civilOf(day).year === year) days.set(day, holiday.name)
      }
    }
    return days
  }
}

/** `known`: code → name; the package gives undefined where a country has no regions. */
function codeOf(what: string, written: string, known: Readonly<Record<string, string>> | undefined): string {
  const names = new Map(Object.entries(known ?? {}))
  const code = written.trim().toUpperCase()
  if (names.has(code)) return code
  const byName = new Map([...names].map(([known, name]) => [name, known]))
  const nearName = nearest(written, byName.keys())
  const near =
    OTHER_CODES[code] ?? (nearName === undefined ? undefined : byName.get(nearName)) ?? nearest(code, names.keys())
  throw new PipelineError('config_invalid', `Looking up the ${what} "${written}"`, {
    cause: new Error(names.size === 0 ? 'no regions are known there' : 'it is not known'),
    hint:
      near !== undefined && names.has(near)
        ? `Did you mean ${near} (${names.get(near)})?`
        : names.size === 0
          ? 'Leave the region out; give its own holidays as closures.'
          : `Known are ${listed([...names.keys()])}.`,
    context: { written },
  })
}

function listed(codes: readonly string[]): string {
  const shown = codes.slice(0, 30).join(', ')
  return codes.length > 30 ? `${shown} and ${codes.length - 30} more` : shown
}
