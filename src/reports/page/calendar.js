/** The heat map of days: weeks from left to right, Monday on top. Arrow keys move, Enter and clicks choose. */
import { STATUS_SIGNS, STATUS_WORDS, STATUSES } from './days.js'
import { element } from './element.js'
import { count, counted, longDay, MONTHS, weekdayOf } from './figures.js'

/** @import { Day } from './days.js' */
/** @typedef {'status' | 'rows' | 'failing'} HeatMode */

const DAY_MS = 86_400_000
const STEPS = 5

/** @type {Readonly<Record<HeatMode, string>>} */
const MODES = { status: 'Status', rows: 'Rows', failing: 'Failed rules' }

/**
 * @param {readonly Day[]} days
 * @param {(day: Day) => void} choose
 * @returns {{ readonly view: HTMLElement, readonly mark: (day: string) => void }}
 */
export function heatMap(days, choose) {
  /** @type {Map<string, HTMLButtonElement>} */
  const cells = new Map()
  const byDay = new Map(days.map((day) => [day.day, day]))
  const years = [...new Set(days.map(({ day }) => day.slice(0, 4)))]
  const legend = element('ul', { class: 'legend' })
  const view = element('div', { class: 'heat' })
  const modes = Object.entries(MODES).map(([mode, words]) =>
    element(
      'button',
      { type: 'button', 'aria-pressed': 'false', click: () => paint(/** @type {HeatMode} */ (mode)) },
      words,
    ),
  )
  view.append(
    element('div', { class: 'toolbar', role: 'group', 'aria-label': 'What the colours show' }, modes),
    element(
      'div',
      { class: 'scroll years', keydown: (event) => move(/** @type {KeyboardEvent} */ (event)) },
      years.map(yearStrip),
    ),
    legend,
  )

  const widest = Math.max(1, ...years.map((year) => days.filter(({ day }) => day.startsWith(year)).length / 7))
  // As large as the page allows; on small screens a year is wider than the page, and is moved sideways.
  view.style.setProperty('--cell', `${Math.max(15, Math.min(26, Math.floor(1000 / (widest + 2)) - 2))}px`)

  /** @param {string} year */
  function yearStrip(year) {
    const strip = element('div', { class: 'weeks', role: 'group', 'aria-label': `Days of ${year}` })
    const ofYear = days.filter(({ day }) => day.startsWith(year))
    const [first] = ofYear
    if (first === undefined) return strip
    const start = Date.parse(first.day) - weekdayOf(first.day) * DAY_MS
    let month = ''
    for (const day of ofYear) {
      const week = Math.floor((Date.parse(day.day) - start) / (7 * DAY_MS)) + 2
      const cell = element('button', {
        type: 'button',
        tabindex: -1,
        'data-day': day.day,
        'aria-label': `${longDay(day.day)}: ${STATUS_WORDS[day.status]}, ${counted(day.rows, 'row')}, ${counted(day.failing, 'failed rule')}`,
        title: `${longDay(day.day)}\n${STATUS_WORDS[day.status]}, ${counted(day.rows, 'row')}`,
        click: () => choose(day),
      })
      cell.style.gridColumn = String(week)
      cell.style.gridRow = String(weekdayOf(day.day) + 2)
      cells.set(day.day, cell)
      strip.append(cell)
      if (day.day.slice(0, 7) === month) continue
      month = day.day.slice(0, 7)
      const label = element('span', { class: 'month' }, MONTHS[Number(day.day.slice(5, 7)) - 1] ?? '')
      label.style.gridColumn = `${week} / span 3`
      strip.append(label)
    }
    for (const [row, name] of /** @type {const} */ ([
      [2, 'Mon'],
      [4, 'Wed'],
      [6, 'Fri'],
      [8, 'Sun'],
    ])) {
      const label = element('span', { class: 'weekday' }, name)
      label.style.gridRow = String(row)
      strip.append(label)
    }
    return element('div', { class: 'year' }, element('h3', {}, year), strip)
  }

  /** @param {HeatMode} mode */
  function paint(mode) {
    modes.forEach(
      (button, place) => void button.setAttribute('aria-pressed', String(Object.keys(MODES)[place] === mode)),
    )
    const largest = Math.max(1, ...days.map((day) => (mode === 'rows' ? day.rows : day.failing)))
    for (const [name, cell] of cells) {
      const day = byDay.get(name)
      if (day === undefined) continue
      const value = mode === 'rows' ? day.rows : day.failing
      const step = value === 0 ? 0 : Math.min(STEPS, 1 + Math.floor((value / largest) * (STEPS - 0.001)))
      cell.className = mode === 'status' ? `cell s-${day.status}` : `cell ${mode === 'rows' ? 'v' : 'f'}-${step}`
      cell.textContent = mode === 'status' ? STATUS_SIGNS[day.status] : ''
    }
    legend.replaceChildren(...(mode === 'status' ? statusLegend() : stepLegend(mode, largest)))
  }

  function statusLegend() {
    return STATUSES.filter((status) => days.some((day) => day.status === status)).map((status) => {
      const found = days.filter((day) => day.status === status).length
      const sign = element('span', { class: `cell s-${status}`, 'aria-hidden': 'true' }, STATUS_SIGNS[status])
      return element('li', {}, sign, ` ${STATUS_WORDS[status]} `, element('b', {}, count(found)))
    })
  }

  /** @param {HeatMode} mode @param {number} largest */
  function stepLegend(mode, largest) {
    const letter = mode === 'rows' ? 'v' : 'f'
    const steps = [...Array(STEPS + 1).keys()].map((step) =>
      element('span', { class: `cell ${letter}-${step}`, 'aria-hidden': 'true' }),
    )
    return [element('li', {}, '0 ', steps, ` ${count(largest)}`)]
  }

  /** @param {KeyboardEvent} event */
  function move(event) {
    const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 }[event.key]
    const from = /** @type {HTMLElement} */ (event.target).dataset.day
    if (step === undefined || from === undefined) return
    event.preventDefault()
    const target = new Date(Date.parse(from) + step * DAY_MS).toISOString().slice(0, 10)
    focus(target)
  }

  /** @param {string} day */
  function focus(day) {
    const cell = cells.get(day)
    if (cell === undefined) return
    mark(day, false)
    cell.focus()
  }

  /** One cell can be reached with the tab key: the one that was last used. @param {string} day */
  function mark(day, isChosen = true) {
    for (const [name, cell] of cells) {
      cell.tabIndex = name === day ? 0 : -1
      if (isChosen) cell.toggleAttribute('data-chosen', name === day)
    }
    // Before the first frame the calendar is in no page yet.
    if (isChosen) requestAnimationFrame(() => reveal(day))
  }

  /** Sideways alone: the page stays where it is. @param {string} day */
  function reveal(day) {
    const [cell, strip] = [cells.get(day)?.getBoundingClientRect(), view.querySelector('.years')]
    if (cell === undefined || strip === null || strip.scrollWidth <= strip.clientWidth) return
    const { left, right } = strip.getBoundingClientRect()
    if (cell.left < left || cell.right > right) strip.scrollLeft += cell.left - (left + right) / 2
  }

  paint('status')
  const [firstDay] = days
  if (firstDay !== undefined) mark(firstDay.day, false)
  return { view, mark }
}
