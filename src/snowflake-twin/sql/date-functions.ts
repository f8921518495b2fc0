/** Date and time functions (docs: sql-reference/functions-date-time). Weeks begin on Monday (WEEK_START 0), weeks of a year are ISO's. */
import type { Binder, FunctionTable } from './binding.ts'
import { argument, boundArguments, checkCount, compilationError, parameter, unknown } from './binding.ts'
import { cast } from './cast.ts'
import { wallClock } from './cast-moment.ts'
import type { DataType } from './data-type.ts'
import { datePart } from './date-part.ts'
import type { Call, Expression } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { isTimestamp, number, TEXT, value } from './value.ts'

const DATE: DataType = { kind: 'DATE' }
const NTZ: DataType = { kind: 'TIMESTAMP_NTZ', precision: 9 }

export const dateFunctions: FunctionTable = {
  DATEADD: dateAdd,
  TIMEADD: dateAdd,
  TIMESTAMPADD: dateAdd,
  DATEDIFF: dateDifference,
  TIMEDIFF: dateDifference,
  TIMESTAMPDIFF: dateDifference,
  DATE_TRUNC: (call, binder) => {
    checkCount(call, binder, 2)
    const [part, of] = call.args
    if (part === undefined || of === undefined) throw unknown(binder.statement, call, 'DATE_TRUNC')
    return truncate(call, binder, partName(part, binder), moment(binder, of))
  },
  DATE_PART: (call, binder) => {
    checkCount(call, binder, 2)
    const [part, of] = call.args
    if (part === undefined || of === undefined) throw unknown(binder.statement, call, 'DATE_PART')
    return field(call, binder, partName(part, binder), moment(binder, of))
  },
  EXTRACT: (call, binder) => {
    checkCount(call, binder, 2)
    const [part, of] = call.args
    if (part === undefined || of === undefined) throw unknown(binder.statement, call, 'EXTRACT')
    return field(call, binder, partName(part, binder), moment(binder, of))
  },
  ...Object.fromEntries(
    Object.entries({
      YEAR: 'year',
      QUARTER: 'quarter',
      MONTH: 'month',
      WEEK: 'week',
      WEEKISO: 'weekiso',
      WEEKOFYEAR: 'week',
      DAY: 'day',
      DAYOFMONTH: 'day',
      DAYOFWEEK: 'dayofweek',
      DAYOFWEEKISO: 'dayofweekiso',
      DAYOFYEAR: 'dayofyear',
      YEAROFWEEKISO: 'yearofweekiso',
      HOUR: 'hour',
      MINUTE: 'minute',
      SECOND: 'second',
    }).map(([name, part]) => [
      name,
      (call: Call, binder: Binder) => {
        checkCount(call, binder, 1)
        const [of] = call.args
        if (of === undefined) throw unknown(binder.statement, call, name)
        return field(call, binder, part, moment(binder, of))
      },
    ]),
  ),
  LAST_DAY: (call, binder) => {
    checkCount(call, binder, 1)
    const of = cast(binder.statement, argument(boundArguments(call, binder, 1), 0), DATE)
    return value(`last_day(${of.sql})`, DATE)
  },
  DAYNAME: (call, binder) => {
    const of = cast(binder.statement, argument(boundArguments(call, binder, 1), 0), DATE)
    return value(`left(dayname(${of.sql}), 3)`, { kind: 'VARCHAR', length: 3 })
  },
  MONTHNAME: (call, binder) => {
    const of = cast(binder.statement, argument(boundArguments(call, binder, 1), 0), DATE)
    return value(`left(monthname(${of.sql}), 3)`, { kind: 'VARCHAR', length: 3 })
  },
  ADD_MONTHS: (call, binder) => {
    const args = boundArguments(call, binder, 2)
    const of = asMoment(binder, argument(args, 0))
    const months = cast(binder.statement, argument(args, 1), number(38, 0)).sql
    // The last day of a month goes to the last day of the other month.
    const moved = `(${of.sql} + to_months(CAST(${months} AS INTEGER)))`
    const sql = `CASE WHEN CAST(${of.sql} AS DATE) = last_day(${of.sql}) THEN ${moved} + to_days(CAST(last_day(${moved}) - CAST(${moved} AS DATE) AS INTEGER)) ELSE ${moved} END`
    return value(
      `CAST(${sql} AS ${of.type.kind === 'DATE' ? 'DATE' : 'TIMESTAMP'})`,
      of.type.kind === 'DATE' ? DATE : NTZ,
    )
  },
  DATE_FROM_PARTS: (call, binder) => fromParts(call, binder, 3),
  DATEFROMPARTS: (call, binder) => fromParts(call, binder, 3),
  TIMESTAMP_FROM_PARTS: (call, binder) => fromParts(call, binder, 6),
  TIMESTAMP_NTZ_FROM_PARTS: (call, binder) => fromParts(call, binder, 6),
  CONVERT_TIMEZONE: (call, binder) => {
    const args = boundArguments(call, binder, 2, 3)
    const zones = args.slice(0, -1).map((one) => cast(binder.statement, one, TEXT).sql)
    const of = asMoment(binder, argument(args, args.length - 1))
    if (zones.length === 2) {
      const wall = wallClock(binder.statement, cast(binder.statement, of, NTZ))
      return value(`((${wall} AT TIME ZONE ${zones[0]}) AT TIME ZONE ${zones[1]})`, NTZ)
    }
    const zone = argument(args, 0).constant
    if (zone !== 'UTC' && zone !== 'Etc/UTC') {
      throw unknown(
        binder.statement,
        call,
        'CONVERT_TIMEZONE to a zone other than UTC with two arguments: its result keeps the offset',
      )
    }
    return cast(binder.statement, cast(binder.statement, of, { kind: 'TIMESTAMP_LTZ', precision: 9 }), {
      kind: 'TIMESTAMP_TZ',
      precision: 9,
    })
  },
}

function partName(part: Expression, binder: Binder): string {
  const text =
    part.type === 'string'
      ? part.value
      : part.type === 'column' && part.parts.length === 1
        ? (part.parts[0] ?? '')
        : undefined
  const found = text === undefined ? undefined : datePart(text)
  if (found !== undefined) return found
  throw compilationError(
    binder.statement,
    part,
    '000969',
    '22023',
    `'${text ?? ''}' is not a valid date/time component for this function.`,
  )
}

function moment(binder: Binder, expression: Expression): Value {
  return asMoment(binder, binder.bind(expression))
}

/** Text and VARIANT count as timestamps. */
function asMoment(binder: Binder, of: Value): Value {
  if (of.type.kind === 'DATE' || of.type.kind === 'TIME' || isTimestamp(of.type)) return of
  return cast(binder.statement, of, NTZ)
}

const INTERVALS: Readonly<Record<string, (amount: string) => string>> = {
  year: (n) => `to_years(${n})`,
  quarter: (n) => `to_months(${n} * 3)`,
  month: (n) => `to_months(${n})`,
  week: (n) => `to_days(${n} * 7)`,
  day: (n) => `to_days(${n})`,
  hour: (n) => `to_hours(${n})`,
  minute: (n) => `to_minutes(${n})`,
  second: (n) => `to_seconds(${n})`,
  millisecond: (n) => `to_milliseconds(${n})`,
  microsecond: (n) => `to_microseconds(${n})`,
}

function dateAdd(call: Call, binder: Binder): Value {
  checkCount(call, binder, 3)
  const [part, amount, of] = call.args
  if (part === undefined || amount === undefined || of === undefined) throw unknown(binder.statement, call, 'DATEADD')
  const name = partName(part, binder)
  const interval = INTERVALS[name]
  if (interval === undefined) throw unknown(binder.statement, part, `DATEADD of ${name}`)
  const to = moment(binder, of)
  // A fraction of a unit is rounded.
  const count = cast(binder.statement, binder.bind(amount), number(18, 0))
  const wide = ['hour', 'minute', 'second', 'millisecond', 'microsecond'].includes(name)
  const added = interval(`CAST(${count.sql} AS ${wide ? 'BIGINT' : 'INTEGER'})`)
  const nullable = to.nullable || count.nullable
  if (to.type.kind === 'DATE' && !wide) return value(`CAST(${to.sql} + ${added} AS DATE)`, DATE, { nullable })
  if (to.type.kind === 'DATE') return value(`(CAST(${to.sql} AS TIMESTAMP) + ${added})`, NTZ, { nullable })
  return value(`(${to.sql} + ${added})`, to.type, { nullable })
}

/** How many boundaries of the part lie between two moments: from 23:59:59 to 00:00:00 is one day. */
function dateDifference(call: Call, binder: Binder): Value {
  checkCount(call, binder, 3)
  const [part, first, last] = call.args
  if (part === undefined || first === undefined || last === undefined) throw unknown(binder.statement, call, 'DATEDIFF')
  const name = partName(part, binder)
  const [from, to] = [moment(binder, first), moment(binder, last)].map((one) =>
    one.type.kind === 'TIME' ? `(TIMESTAMP '1970-01-01' + ${one.sql})` : wallClock(binder.statement, one),
  )
  const result = (sql: string) => value(sql, number(9, 0), { exact: false })
  if (name === 'week')
    return result(`((CAST(date_trunc('week', ${to}) AS DATE) - CAST(date_trunc('week', ${from}) AS DATE)) // 7)`)
  if (name === 'nanosecond')
    return value(`(date_diff('microsecond', ${from}, ${to}) * 1000)`, number(38, 0), { exact: false })
  if (INTERVALS[name] === undefined) throw unknown(binder.statement, part, `DATEDIFF in ${name}`)
  return result(`date_diff('${name}', ${from}, ${to})`)
}

function truncate(call: Call, binder: Binder, part: string, of: Value): Value {
  if (INTERVALS[part] === undefined) throw unknown(binder.statement, call, `DATE_TRUNC to ${part}`)
  if (of.type.kind === 'DATE') return value(`CAST(date_trunc('${part}', ${of.sql}) AS DATE)`, DATE)
  if (of.type.kind === 'TIME') throw unknown(binder.statement, call, 'DATE_TRUNC of a TIME')
  const wall = wallClock(binder.statement, of)
  const cut = `CAST(date_trunc('${part}', ${wall}) AS TIMESTAMP)`
  if (of.type.kind === 'TIMESTAMP_NTZ') return value(cut, of.type)
  // A zone's wall clock is cut, then it is an instant again.
  const zone = of.type.kind === 'TIMESTAMP_TZ' ? 'UTC' : parameter(binder.statement, 'TIMEZONE', 'America/Los_Angeles')
  return value(`(${cut} AT TIME ZONE '${zone.replaceAll("'", "''")}')`, of.type)
}

const FIELDS: Readonly<Record<string, string>> = {
  year: 'year',
  quarter: 'quarter',
  month: 'month',
  week: 'week',
  weekiso: 'week',
  day: 'day',
  dayofweek: 'dayofweek',
  dayofweekiso: 'isodow',
  dayofyear: 'dayofyear',
  yearofweekiso: 'isoyear',
  hour: 'hour',
  minute: 'minute',
}

function field(call: Call, binder: Binder, part: string, of: Value): Value {
  const wall = of.type.kind === 'TIME' ? of.sql : wallClock(binder.statement, of)
  const result = (sql: string) =>
    value(sql, number(part.startsWith('epoch') ? 19 : 4, 0), { exact: false, nullable: of.nullable })
  // Epochs are of the instant; a wall clock without a zone counts as UTC.
  const micros = `epoch_us(${of.type.kind === 'DATE' ? wall : of.sql})`
  const epochs: Readonly<Record<string, number>> = {
    epoch_second: 1_000_000,
    epoch_millisecond: 1000,
    epoch_microsecond: 1,
  }
  const divisor = epochs[part]
  if (divisor !== undefined) return result(`CAST(floor(${micros} / ${divisor}.0) AS BIGINT)`)
  if (part === 'epoch_nanosecond') return result(`(CAST(${micros} AS HUGEINT) * 1000)`)
  if (part === 'second') return result(`CAST(floor(date_part('second', ${wall})) AS BIGINT)`)
  if (part === 'nanosecond') return result(`((date_part('microsecond', ${wall}) % 1000000) * 1000)`)
  const name = FIELDS[part]
  if (name === undefined) throw unknown(binder.statement, call, `the date part ${part}`)
  return result(`date_part('${name}', ${wall})`)
}

function fromParts(call: Call, binder: Binder, least: number): Value {
  const args = boundArguments(call, binder, least).map((one) => cast(binder.statement, one, number(38, 0)).sql)
  const [year, month, day, hour, minute, second] = args.map((sql) => `CAST(${sql} AS BIGINT)`)
  // Months and days beyond the calendar's carry over.
  const date = `(make_date(${year}, 1, 1) + to_months(CAST(${month} - 1 AS INTEGER)) + to_days(CAST(${day} - 1 AS INTEGER)))`
  if (least === 3) return value(`CAST(${date} AS DATE)`, DATE)
  return value(`(${date} + to_hours(${hour}) + to_minutes(${minute}) + to_seconds(${second}))`, NTZ)
}
