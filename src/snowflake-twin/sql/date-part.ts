/** Names of date and time parts (docs: sql-reference/functions-date-time, supported date and time parts). */
const PARTS: Readonly<Record<string, string>> = {
  year: 'year y yy yyy yyyy yr years yrs',
  quarter: 'quarter q qtr qtrs quarters',
  month: 'month mm mon mons months',
  week: 'week w wk weekofyear woy wy weeks',
  weekiso: 'weekiso week_iso weekofyeariso weekofyear_iso',
  day: 'day d dd days dayofmonth',
  dayofweek: 'dayofweek weekday dow dw dayofweek_sun',
  dayofweekiso: 'dayofweekiso weekday_iso dow_iso dw_iso dayofweek_iso',
  dayofyear: 'dayofyear yearday doy dy',
  yearofweekiso: 'yearofweekiso',
  hour: 'hour h hh hr hours hrs',
  minute: 'minute m mi min minutes mins',
  second: 'second s sec seconds secs',
  millisecond: 'millisecond ms msec milliseconds',
  microsecond: 'microsecond us usec microseconds',
  nanosecond: 'nanosecond ns nsec nanosec nsecond nanoseconds nanosecs nseconds',
  epoch_second: 'epoch_second epoch epoch_seconds',
  epoch_millisecond: 'epoch_millisecond epoch_milliseconds',
  epoch_microsecond: 'epoch_microsecond epoch_microseconds',
  epoch_nanosecond: 'epoch_nanosecond epoch_nanoseconds',
}

const NAMES = new Map(Object.entries(PARTS).flatMap(([part, names]) => names.split(' ').map((name) => [name, part])))

/** The part's first name; undefined for a word that is none. */
export function datePart(word: string): string | undefined {
  return NAMES.get(word.toLowerCase())
}
