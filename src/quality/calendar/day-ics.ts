/**
 * Days from an iCalendar file (RFC 5545), as calendars are published and exported: all-day events, over several days or every
 * year. An event that is not understood whole is an error: a closed day that is left out would look like missing rows.
 */
import type { OwnDay } from './business-calendar.ts'
import { civilOf, type Day, dayOf, dayText, parseDay } from './civil-date.ts'
import { unreadable } from './day-list.ts'

export interface IcsRange {
  /** For events that return every year. */
  readonly firstYear: number
  readonly lastYear: number
}

interface Property {
  readonly line: number
  readonly name: string
  readonly value: string
}

const EVENT_DAYS_MAX = 366
/** Parts of a rule that say when else in a year; each would need its own arithmetic. */
const RULE_PARTS = ['FREQ', 'INTERVAL', 'COUNT', 'UNTIL', 'WKST']
const REFUSED = ['RDATE', 'EXDATE', 'EXRULE', 'RECURRENCE-ID']

/** Every event is a list of days with its summary as name. Throws `config_invalid` with the line for what it cannot read. */
export function readDayIcs(text: string, file: string, range: IcsRange): readonly OwnDay[] {
  const days: OwnDay[] = []
  let event: Map<string, Property> | undefined
  // An alarm within an event has a DURATION of its own.
  let within = 0
  for (const property of propertiesOf(text)) {
    const { name, value, line } = property
    if (name === 'BEGIN' && value === 'VEVENT') event = new Map()
    else if (name === 'END' && value === 'VEVENT' && event !== undefined) {
      days.push(...daysOf(event, file, line, range))
      event = undefined
    } else if (name === 'BEGIN') within += event === undefined ? 0 : 1
    else if (name === 'END') within -= event === undefined ? 0 : 1
    else if (event !== undefined && within === 0) {
      if (REFUSED.includes(name))
        throw unreadable(file, line, `${name} is not understood`, 'List its days in a CSV file.')
      event.set(name, property)
    }
  }
  return days.sort((a, b) => a.day - b.day)
}

function daysOf(
  event: ReadonlyMap<string, Property>,
  file: string,
  endLine: number,
  range: IcsRange,
): readonly OwnDay[] {
  if (event.get('STATUS')?.value === 'CANCELLED') return []
  const start = event.get('DTSTART')
  if (start === undefined) throw unreadable(file, endLine, 'the event has no DTSTART', 'Add it, or remove the event.')
  const first = wholeDay(start, file)
  const end = event.get('DTEND')
  const duration = event.get('DURATION')
  // The end is the first day after the event.
  const count = end !== undefined ? wholeDay(end, file) - first : duration !== undefined ? daysLong(duration, file) : 1
  if (count < 1 || count > EVENT_DAYS_MAX) {
    throw unreadable(file, (end ?? start).line, `the event lasts ${count} days`, `1 to ${EVENT_DAYS_MAX} are read.`)
  }
  const summary = event
    .get('SUMMARY')
    ?.value.replace(/\\([\\;,nN])/g, (_, letter) => (/n/i.test(letter) ? ' ' : letter))
  return firstDaysOf(event.get('RRULE'), first, file, range).flatMap((begin) =>
    Array.from({ length: count }, (_, offset) =>
      summary === undefined ? { day: begin + offset } : { day: begin + offset, name: summary },
    ),
  )
}

function firstDaysOf(rule: Property | undefined, first: Day, file: string, range: IcsRange): readonly Day[] {
  if (rule === undefined) return [first]
  const parts = new Map(rule.value.split(';').map((part) => part.split('=', 2) as [string, string]))
  const strange = [...parts.keys()].find((part) => !RULE_PARTS.includes(part))
  if (parts.get('FREQ') !== 'YEARLY' || strange !== undefined) {
    const problem = `the rule ${strange ?? `FREQ=${parts.get('FREQ')}`} is not understood`
    throw unreadable(
      file,
      rule.line,
      problem,
      'Events that return on one date every year are read; list others in a CSV file.',
    )
  }
  const { year, month, dayOfMonth } = civilOf(first)
  const interval = Number(parts.get('INTERVAL') ?? 1)
  if (!Number.isInteger(interval) || interval < 1)
    throw unreadable(file, rule.line, 'INTERVAL is no number above 0', 'Mend it.')
  const until = parts.get('UNTIL')
  const lastDay = until === undefined ? Number.POSITIVE_INFINITY : wholeDay({ ...rule, value: until.slice(0, 8) }, file)
  const days: Day[] = []
  let left = Number(parts.get('COUNT') ?? Number.POSITIVE_INFINITY)
  for (let next = year; next <= range.lastYear && left > 0; next += interval) {
    const day = dayOf(next, month, dayOfMonth)
    // 29 February returns in leap years only (RFC 5545, 3.3.10: invalid dates are left out).
    if (civilOf(day).dayOfMonth !== dayOfMonth) continue
    if (day > lastDay) break
    left--
    if (next >= range.firstYear) days.push(day)
  }
  return days
}

/** Of `20261224`, or of midnight `20261224T000000`. */
function wholeDay({ value, line }: Property, file: string): Day {
  const [, year, month, dayOfMonth, time] = /^(\d{4})(\d\d)(\d\d)(?:T(\d{6})Z?)?$/.exec(value) ?? []
  const day = parseDay(`${year}-${month}-${dayOfMonth}`)
  if (day === undefined) throw unreadable(file, line, `"${value.slice(0, 40)}" is no date`, 'Write it as 20261231.')
  if (time !== undefined && time !== '000000') {
    const problem = `an event begins or ends within ${dayText(day)}`
    throw unreadable(file, line, problem, 'Only whole days can be closed: remove the event, or make it last all day.')
  }
  return day
}

function daysLong({ value, line }: Property, file: string): number {
  const [, weeks, days] = /^P(?:(\d+)W|(\d+)D)$/.exec(value) ?? []
  if (weeks === undefined && days === undefined) {
    throw unreadable(file, line, `the duration ${value.slice(0, 40)} is not in days`, 'Write it as P1D or P2W.')
  }
  return weeks === undefined ? Number(days) : Number(weeks) * 7
}

/** Long lines are folded: a line that begins with a space goes on with the one before. Parameters are not needed. */
function propertiesOf(text: string): readonly Property[] {
  const properties: Property[] = []
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const last = properties.at(-1)
    if (/^[ \t]/.test(line) && last !== undefined) {
      properties[properties.length - 1] = { ...last, value: last.value + line.slice(1) }
      continue
    }
    // A parameter in quotes may hold a colon.
    const [, name, value] = /^([A-Za-z-]+)(?:;(?:[^":]|"[^"]*")*)?:(.*)$/.exec(line) ?? []
    if (name !== undefined) properties.push({ line: index + 1, name: name.toUpperCase(), value: value ?? '' })
  }
  return properties
}
