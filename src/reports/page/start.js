/** Unpacks the data that the page carries, and puts the page together. */
import { heatMap } from './calendar.js'
import { dayPanel } from './day-panel.js'
import { daysBySet, STATUSES } from './days.js'
import { element, section } from './element.js'
import { findingsSection } from './findings.js'
import { anomalySection, auditSection, comparisonSection, structureSection, trendSection } from './history.js'
import { counterTiles, coverageSection, filesSection } from './overview.js'
import { keepStatements } from './samples.js'

/** @import { ReportData } from '../report-data.ts' */
/** @import { Day } from './days.js' */

/** @returns {Promise<ReportData>} */
async function unpack() {
  const packed = document.getElementById('data')?.textContent ?? ''
  const letters = atob(packed)
  const bytes = new Uint8Array(letters.length)
  // A loop: `Uint8Array.from` with a function takes as long as all the rest.
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at)
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Response(stream).json()
}

/** @param {ReportData} data */
function build(data) {
  const findings = findingsSection(data)
  const sets = daysBySet(data)
  const perSet = element('div', {})
  const calendar = [...sets.keys()].length === 0 ? null : calendarSection(sets, perSet)
  const parts = [
    data.files.length > 0 ? counterTiles(data) : null,
    data.files.length > 0 ? coverageSection(data) : null,
    calendar,
    data.files.length > 0 ? filesSection(data, findings.showFile) : null,
    data.files.length > 0 ? findings.view : null,
    perSet,
    data.files.length > 0 ? structureSection(data) : null,
    trendSection(data),
    comparisonSection(data),
    auditSection(data),
  ]
  const page = document.getElementById('report')
  page?.replaceChildren(...parts.filter((part) => part !== null))
  page?.removeAttribute('aria-busy')
  const nav = document.querySelector('nav')
  for (const heading of document.querySelectorAll('#report section > .section-head > h2'))
    nav?.append(element('a', { href: `#${heading.closest('section')?.id ?? ''}` }, heading.textContent ?? ''))
}

/**
 * @param {ReadonlyMap<string, readonly Day[]>} sets
 * @param {HTMLElement} below where the chart of the chosen set goes
 */
function calendarSection(sets, below) {
  const place = element('div', {})
  const tabs = [...sets.keys()].map((set) =>
    element('button', { type: 'button', 'aria-pressed': 'false', click: () => show(set) }, set),
  )

  /** @param {string} set */
  function show(set) {
    for (const tab of tabs) tab.setAttribute('aria-pressed', String(tab.textContent === set))
    const days = sets.get(set) ?? []
    const panel = element('div', { 'aria-live': 'polite' })
    /** @param {Day} day */
    const choose = (day) => {
      panel.replaceChildren(dayPanel(day))
      map.mark(day.day)
    }
    const map = heatMap(days, choose)
    place.replaceChildren(map.view, panel)
    below.replaceChildren(
      anomalySection(days, (day) => {
        choose(day)
        panel.scrollIntoView({ block: 'nearest' })
      }),
    )
    const [worst] = days
      .filter(({ status }) => !['ok', 'closed', 'learning'].includes(status))
      .sort((a, b) => STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status))
    panel.replaceChildren(element('p', { class: 'hint' }, 'Choose a day to see its rules and sample rows.'))
    if (worst !== undefined) choose(worst)
  }

  const [first = ''] = sets.keys()
  show(first)
  return section(
    'calendar',
    'Calendar',
    'Every day of the data. Choose one to see what failed on it; arrow keys move.',
    tabs.length > 1 && element('div', { class: 'toolbar', role: 'group', 'aria-label': 'File set' }, tabs),
    place,
  )
}

function setTheme() {
  const root = document.documentElement
  const isDark =
    root.dataset.theme === undefined
      ? matchMedia('(prefers-color-scheme: dark)').matches
      : root.dataset.theme === 'dark'
  root.dataset.theme = isDark ? 'light' : 'dark'
}

document.getElementById('theme')?.addEventListener('click', setTheme)
document.getElementById('print')?.addEventListener('click', () => print())

unpack().then(
  (data) => {
    keepStatements(data.statements)
    build(data)
    document.documentElement.dataset.ready = String(Math.round(performance.now()))
  },
  (error) => {
    const page = document.getElementById('report')
    page?.replaceChildren(
      element('p', { class: 'hint', role: 'alert' }, `This page cannot be shown: ${error}. Was the file cut?`),
    )
  },
)
