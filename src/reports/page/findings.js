/** Every check, failures first, with filters. Rows are made as they are asked for: a thousand of them at once are slow. */
import { element, fileText, outcomeMark, section, severityBadge } from './element.js'
import { count, counted } from './figures.js'
import { checkDetails } from './samples.js'

/** @import { ReportCheck, ReportData, ReportFile } from '../report-data.ts' */
/** @typedef {{ readonly check: ReportCheck, readonly file: ReportFile | undefined, readonly set: string, readonly text: string }} Finding */

const ROWS_FIRST = 40
const ROWS_MORE = 200
/** More pages than anybody prints. */
const ROWS_PRINTED = 300

const SEVERITY_ORDER = ['CRITICAL', 'WARNING', 'INFO']
const OUTCOME_ORDER = ['fail', 'not_evaluated', 'pass']

/** @param {ReportData} data @returns {Finding[]} */
function allFindings(data) {
  /** @param {ReportCheck} check @param {ReportFile | undefined} file @param {string} set */
  const finding = (check, file, set) => ({
    check,
    file,
    set,
    text: `${check.id} ${check.title} ${check.message} ${file?.file ?? set}`.toLowerCase(),
  })
  const findings = [
    ...data.files.flatMap((file) => file.checks.map((check) => finding(check, file, file.set))),
    ...data.sets.flatMap(({ set, checks }) => checks.map((check) => finding(check, undefined, set))),
  ]
  return findings.sort(
    (a, b) =>
      OUTCOME_ORDER.indexOf(a.check.outcome) - OUTCOME_ORDER.indexOf(b.check.outcome) ||
      SEVERITY_ORDER.indexOf(a.check.severity) - SEVERITY_ORDER.indexOf(b.check.severity) ||
      b.check.failed - a.check.failed,
  )
}

/**
 * @param {ReportData} data
 * @returns {{ readonly view: HTMLElement, readonly showFile: (file: string) => void }}
 */
export function findingsSection(data) {
  const findings = allFindings(data)
  const list = element('div', { class: 'rules', id: 'finding-list' })
  const told = element('p', { class: 'hint', role: 'status' })
  const search = element('input', {
    type: 'search',
    placeholder: 'Search rules and messages',
    'aria-label': 'Search findings',
    input: () => show(),
  })
  const kinds = picker('Kind', [...new Set(findings.map(({ check }) => check.kind))])
  const files = picker('File', data.files.length > 1 ? data.files.map(({ file }) => file) : [])
  const severities = chips(SEVERITY_ORDER, SEVERITY_ORDER, (finding) => finding.check.severity)
  const outcomes = chips(OUTCOME_ORDER, ['fail', 'not_evaluated'], (finding) => finding.check.outcome)

  /** @param {string} title @param {readonly string[]} choices */
  function picker(title, choices) {
    const options = choices.map((choice) => element('option', { value: choice }, choice))
    const select = element(
      'select',
      { 'aria-label': title, change: () => show() },
      element('option', { value: '' }, `${title}: all`),
      options,
    )
    select.hidden = choices.length < 2
    return select
  }

  /** @param {readonly string[]} choices @param {readonly string[]} on @param {(finding: Finding) => string} of */
  function chips(choices, on, of) {
    const buttons = choices.map((choice) => {
      const found = findings.filter((finding) => of(finding) === choice).length
      const words = { fail: 'failed', not_evaluated: 'not evaluated', pass: 'passed' }[choice] ?? choice
      return element(
        'button',
        {
          type: 'button',
          'data-choice': choice,
          'aria-pressed': String(on.includes(choice)),
          click: (event) => {
            const button = /** @type {HTMLElement} */ (event.currentTarget)
            button.setAttribute('aria-pressed', String(button.getAttribute('aria-pressed') !== 'true'))
            show()
          },
        },
        `${words} `,
        element('b', {}, count(found)),
      )
    })
    return {
      buttons,
      chosen: () =>
        new Set(
          buttons
            .filter((button) => button.getAttribute('aria-pressed') === 'true')
            .map(({ dataset }) => dataset.choice),
        ),
    }
  }

  function show() {
    const [severity, outcome, text] = [severities.chosen(), outcomes.chosen(), search.value.trim().toLowerCase()]
    const found = findings.filter(
      ({ check, file, text: own }) =>
        severity.has(check.severity) &&
        outcome.has(check.outcome) &&
        (kinds.value === '' || check.kind === kinds.value) &&
        (files.value === '' || file?.file === files.value) &&
        own.includes(text),
    )
    told.textContent =
      found.length === 0 ? 'No check is like that.' : `${counted(found.length, 'check')} of ${count(findings.length)}`
    list.replaceChildren()
    append(found, 0, ROWS_FIRST)
  }

  /** @param {readonly Finding[]} found @param {number} from @param {number} through */
  function append(found, from, through) {
    list.append(...found.slice(from, through).map(findingRow))
    if (through >= found.length) return
    const more = element(
      'button',
      {
        type: 'button',
        class: 'more',
        click: () => {
          more.remove()
          append(found, through, through + ROWS_MORE)
        },
      },
      `Show more (${count(found.length - through)} left)`,
    )
    list.append(more)
  }

  /** @param {Finding} finding */
  function findingRow({ check, file, set }) {
    const row = element(
      'details',
      { class: `finding ${check.outcome}`, 'data-check': check.id },
      element(
        'summary',
        {},
        severityBadge(check.severity),
        element('span', { class: 'title' }, fileText(check.title), element('small', {}, fileText(check.message))),
        data.files.length > 1 && element('span', { class: 'where' }, fileText(file?.file ?? set)),
        check.failed > 0 && element('span', { class: 'failed' }, count(check.failed)),
        outcomeMark(check.outcome),
      ),
    )
    row.addEventListener('toggle', () => {
      if (row.open && row.childElementCount === 1) row.append(checkDetails(check, file))
    })
    return row
  }

  // On paper nothing can be opened.
  addEventListener('beforeprint', () => {
    const failures = findings.filter(({ check }) => check.outcome !== 'pass').slice(0, ROWS_PRINTED)
    list.replaceChildren(
      ...failures.map((finding) => {
        const row = findingRow(finding)
        row.append(checkDetails(finding.check, finding.file))
        row.open = true
        return row
      }),
    )
  })
  addEventListener('afterprint', () => show())

  show()
  const view = section(
    'findings',
    'Findings',
    'Every question that was asked, failures first. Open one for its SQL, why it matters and how to fix it.',
    element('div', { class: 'toolbar filters' }, search, severities.buttons, outcomes.buttons, kinds, files),
    told,
    list,
  )
  return {
    view,
    showFile(file) {
      files.value = file
      show()
      view.scrollIntoView()
    },
  }
}
