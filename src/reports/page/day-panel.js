/** One day: what was expected, what came, and the rules that failed with rows of it. */
import { STATUS_WORDS } from './days.js'
import { element, fileText, outcomeMark, severityBadge } from './element.js'
import { compact, count, counted, deviation, longDay } from './figures.js'
import { checkDetails } from './samples.js'

/** @import { Day, DayPlace } from './days.js' */
/** @import { ReportCheck } from '../report-data.ts' */

const RULES_FIRST = 25

/** @param {Day} day */
export function dayPanel(day) {
  const rules = day.places.flatMap((place) => failedRules(place)).sort((a, b) => a.place - b.place)
  const list = element('div', { class: 'rules' })
  /** @param {number} from @param {number} through */
  const show = (from, through) => {
    for (const { check, rows, file } of rules.slice(from, through)) list.append(ruleRow(check, rows, file, day))
    if (through >= rules.length) return
    const more = element(
      'button',
      {
        type: 'button',
        class: 'more',
        click: () => {
          more.remove()
          show(through, through + 200)
        },
      },
      `Show more (${count(rules.length - through)} left)`,
    )
    list.append(more)
  }
  show(0, RULES_FIRST)
  return element(
    'div',
    { class: 'day-panel' },
    element(
      'div',
      { class: 'day-facts' },
      element('h3', {}, longDay(day.day)),
      element('p', {}, element('span', { class: `pill s-${day.status}` }, STATUS_WORDS[day.status]), ` ${day.name}`),
      element('p', { class: 'large' }, count(day.rows), element('small', {}, ` ${day.rows === 1 ? 'row' : 'rows'}`)),
      bandGauge(day),
      ...marks(day),
      sums(day),
      element(
        'p',
        { class: 'hint' },
        [...new Set(day.places.map(({ file }) => file.file))]
          .slice(0, 3)
          .map((name) => element('span', {}, fileText(name), ' ')),
      ),
    ),
    element(
      'div',
      { class: 'day-rules' },
      element(
        'h3',
        {},
        rules.length === 0
          ? 'No check failed on this day'
          : counted(rules.length, 'check failed on this day', 'checks failed on this day'),
      ),
      list,
    ),
  )
}

/** @param {DayPlace} place */
function failedRules({ file, index }) {
  const pairs = file.days.failed[index] ?? []
  /** @type {{ readonly check: ReportCheck, readonly rows: number | undefined, readonly place: number, readonly file: DayPlace['file'] }[]} */
  const rules = []
  for (let at = 0; at < pairs.length; at += 2) {
    const place = pairs[at] ?? -1
    const check = file.checks[place]
    if (check !== undefined) rules.push({ check, rows: pairs[at + 1] ?? 0, place, file })
  }
  const day = file.days.day[index] ?? ''
  const told = new Set(rules.map(({ check }) => check))
  file.checks.forEach((check, place) => {
    if (check.outcome !== 'pass' && check.days.includes(day) && !told.has(check))
      rules.push({ check, rows: undefined, place, file })
  })
  return rules
}

/** @param {ReportCheck} check @param {number | undefined} rows @param {DayPlace['file']} file @param {Day} day */
function ruleRow(check, rows, file, day) {
  const row = element(
    'details',
    { class: 'finding' },
    element(
      'summary',
      {},
      severityBadge(check.severity),
      element('span', { class: 'title' }, fileText(check.title)),
      element('span', { class: 'failed' }, rows === undefined ? 'the day itself' : counted(rows, 'row')),
      outcomeMark(check.outcome),
    ),
  )
  row.addEventListener('toggle', () => {
    if (row.open && row.childElementCount === 1) row.append(checkDetails(check, file, day.day))
  })
  return row
}

/** What people have said of the day. @param {Day} day */
function marks({ day, places }) {
  const reasons = new Set(places.flatMap(({ file }) => file.days.marked[day] ?? []))
  return [...reasons].map((reason) => element('p', {}, 'Marked as expected: ', fileText(reason)))
}

/** Of days without a band. @type {Readonly<Partial<Record<Day['status'], string>>>} */
const UNCOMPARED = {
  missing: 'The calendar expects rows on this day.',
  unexpected: 'The calendar expects no rows on this day, or it is of another period.',
  closed: 'The calendar expects no rows on this day.',
  learning: 'Too few days like it are known to compare it with.',
}

/** The rows against the band, on one line. @param {Day} day */
function bandGauge({ rows, band, status }) {
  if (band === null)
    return element('p', { class: 'hint' }, UNCOMPARED[status] ?? 'There was nothing to compare it with.')
  const [expected, lower, upper] = band
  const largest = Math.max(upper, rows) * 1.1 || 1
  const range = element('span', { class: 'range' })
  range.style.left = `${(lower / largest) * 100}%`
  range.style.width = `${((upper - lower) / largest) * 100}%`
  const needle = element('span', { class: rows < lower || rows > upper ? 'needle out' : 'needle' })
  needle.style.left = `${(rows / largest) * 100}%`
  return element(
    'div',
    {},
    element('div', { class: 'gauge', 'aria-hidden': 'true' }, range, needle),
    element(
      'p',
      { class: 'hint' },
      `Expected ${count(expected)}, between ${compact(lower)} and ${compact(upper)}; ${deviation(rows, expected)}`,
    ),
  )
}

/** @param {Day} day */
function sums({ places }) {
  const rows = places.flatMap(({ file, index }) =>
    Object.entries(file.days.sums).map(([column, values]) => [column, values[index] ?? null]),
  )
  if (rows.length === 0) return null
  return element(
    'dl',
    { class: 'sums' },
    rows.flatMap(([column, value]) => [
      element('dt', {}, 'Sum of ', fileText(column ?? '')),
      element('dd', {}, value ?? 'none'),
    ]),
  )
}
