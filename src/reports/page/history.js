/** Days, structure, earlier runs, and who did what. */
import { dayChart, runBars } from './charts.js'
import { STATUS_WORDS } from './days.js'
import { element, fileText, outcomeMark, section, severityBadge, table } from './element.js'
import { byteText, count, counted, deviation, durationText, timeText } from './figures.js'

/**
 * @import { Day } from './days.js'
 * @import { ReportCheck, ReportData } from '../report-data.ts'
 * @import { FindingChange } from '../../core/file-report.ts'
 */

const CHANGES_SHOWN = 300

/**
 * @param {readonly Day[]} days
 * @param {(day: Day) => void} choose
 */
export function anomalySection(days, choose) {
  const odd = days.filter(
    ({ status, band, rows }) => status === 'anomaly' || (band !== null && (rows < band[1] || rows > band[2])),
  )
  const columns = [...new Set(days.flatMap(({ places }) => places.flatMap(({ file }) => Object.keys(file.days.sums))))]
  const held = element('div', { class: 'scroll' })
  const series = element(
    'select',
    { 'aria-label': 'What the chart shows', change: () => draw() },
    ['rows', ...columns].map((name) => element('option', { value: name }, name === 'rows' ? 'Rows' : `Sum of ${name}`)),
  )
  const draw = () => {
    held.replaceChildren(dayChart(days, series.value, choose))
    // Where it is wider than the screen, the latest days are to be seen.
    requestAnimationFrame(() => held.scrollTo({ left: held.scrollWidth, behavior: 'instant' }))
  }
  draw()
  return section(
    'anomalies',
    'Days and anomalies',
    'The line is what came, the band what was to be expected by the days before that are like it.',
    element('div', { class: 'toolbar' }, series),
    held,
    odd.length === 0
      ? element('p', { class: 'hint' }, 'No day is outside of its band.')
      : table(
          [
            'Day',
            'Status',
            { title: 'Rows', number: true },
            { title: 'Expected', number: true },
            { title: 'From', number: true },
            { title: 'To', number: true },
            { title: 'Difference', number: true },
          ],
          odd
            .slice(0, 100)
            .map((day) => [
              element('button', { type: 'button', class: 'link', click: () => choose(day) }, day.day),
              STATUS_WORDS[day.status],
              count(day.rows),
              ...(day.band === null
                ? ['', '', '', '']
                : [count(day.band[0]), count(day.band[1]), count(day.band[2]), deviation(day.rows, day.band[0])]),
            ]),
          'days outside of their band',
        ),
    odd.length > 100 && element('p', { class: 'hint' }, `${count(odd.length - 100)} more are in the calendar.`),
  )
}

/** @param {ReportData} data */
export function structureSection(data) {
  const rows = data.files.flatMap((file) =>
    file.checks
      .filter(({ kind }) => kind === 'structure' || kind === 'volume')
      .map((check) => ({ check, file: file.file })),
  )
  const [open, passed] = [false, true].map((isPass) =>
    rows.filter(({ check }) => (check.outcome === 'pass') === isPass),
  )
  /** @param {typeof rows} some */
  const listed = (some) =>
    table(
      ['Outcome', 'Severity', 'Question', 'What was found', 'File'],
      some
        .slice(0, CHANGES_SHOWN)
        .map(({ check, file }) => [
          outcomeMark(check.outcome),
          severityBadge(check.severity),
          fileText(check.title),
          element('span', {}, fileText(check.message), fixOf(check)),
          fileText(file),
        ]),
      'structure',
    )
  return section(
    'structure',
    'Files against the configuration',
    'Columns, types, encoding, ragged rows and volumes: what a file is against what it was said to be.',
    open === undefined || open.length === 0
      ? element('p', { class: 'hint' }, 'No difference was found.')
      : listed(open),
    passed !== undefined &&
      passed.length > 0 &&
      element('details', {}, element('summary', {}, `${counted(passed.length, 'check')} passed`), listed(passed)),
  )
}

/** @param {ReportCheck} check */
function fixOf({ fix, outcome }) {
  return fix === undefined || outcome === 'pass' ? null : element('small', {}, 'Fix: ', fileText(fix))
}

/** @param {ReportData} data */
export function trendSection({ trend }) {
  const label = (/** @type {typeof trend[number]} */ point) => `${timeText(point.startedMs)}, ${point.run}`
  /** @param {string} title @param {(point: typeof trend[number]) => number} value */
  const bars = (title, value) =>
    runBars(
      title,
      trend.map((point) => ({ value: value(point), label: label(point), verdict: point.verdict })),
    )
  return section(
    'trends',
    'Earlier runs',
    trend.length === 1
      ? 'This is the first run that is kept.'
      : `The last ${counted(trend.length, 'run')}, this one on the right.`,
    element(
      'div',
      { class: 'charts' },
      bars('Records', ({ records }) => records),
      bars('Failed checks', ({ failed }) => failed),
      bars('Rejected records', ({ rejected }) => rejected),
    ),
  )
}

/** @param {ReportData} data */
export function comparisonSection({ comparison }) {
  if (comparison === null) return null
  /** @param {FindingChange['change']} change */
  const number = (change) => comparison.findings.filter((finding) => finding.change === change).length
  const shown = comparison.findings.slice(0, CHANGES_SHOWN)
  return section(
    'comparison',
    'Against another run',
    `${comparison.newer.run} against ${comparison.older.run} of ${timeText(comparison.older.startedMs)}: ${counted(number('appeared'), 'finding')} appeared, ${count(number('gone'))} gone, ${count(number('changed'))} changed${number('not_asked') === 0 ? '' : `, ${count(number('not_asked'))} not asked again`}.${comparison.configChanged ? ' The configuration is another one.' : ''}`,
    shown.length === 0
      ? element('p', { class: 'hint' }, 'The findings are the same.')
      : table(
          ['Change', 'Severity', 'Check', 'File', 'Before', 'Now'],
          shown.map((finding) => [
            element('span', { class: `change ${finding.change}` }, finding.change.replace('_', ' ')),
            severityBadge(finding.severity),
            fileText(finding.title),
            fileText(finding.file ?? finding.set),
            finding.older === undefined
              ? 'not asked'
              : element('span', {}, outcomeMark(finding.older.outcome), ` ${count(finding.older.failed)}`),
            finding.newer === undefined
              ? 'not asked'
              : element('span', {}, outcomeMark(finding.newer.outcome), ` ${count(finding.newer.failed)}`),
          ]),
          'changes',
        ),
    comparison.findings.length > shown.length &&
      element(
        'p',
        { class: 'hint' },
        `${count(comparison.findings.length - shown.length)} more: simplyload files compare lists them.`,
      ),
    comparison.days.length > 0 &&
      element(
        'details',
        {},
        element('summary', {}, `${counted(comparison.days.length, 'day')} with other rows or another status`),
        table(
          ['Day', 'Before', 'Now', { title: 'Rows before', number: true }, { title: 'Rows now', number: true }],
          comparison.days
            .slice(0, CHANGES_SHOWN)
            .map(({ day, older, newer }) => [
              day,
              older?.status ?? 'not there',
              newer?.status ?? 'not there',
              older === undefined ? '' : count(older.rows),
              newer === undefined ? '' : count(newer.rows),
            ]),
          'days that changed',
        ),
      ),
  )
}

/** @param {ReportData} data */
export function auditSection(data) {
  const { run, files, trend } = data
  const facts = /** @type {const} */ ([
    ['Run', run.run],
    ['Command', run.command],
    ['Who', `${run.user} on ${run.host}`],
    ['When', `${timeText(run.startedMs)}, for ${durationText(run.endedMs - run.startedMs)}`],
    ['Tool', `SimplyLoad ${run.toolVersion}, at most ${count(run.peakRssMiB)} MiB of memory`],
    ['Configuration', run.configChecksum],
    ['Calendar', run.calendar.join('; ') || 'none'],
  ])
  return section(
    'audit',
    'Audit trail',
    'Who ran what, on which files, with which configuration, and what came of it.',
    element(
      'dl',
      { class: 'facts' },
      facts.flatMap(([term, text]) => [element('dt', {}, term), element('dd', {}, fileText(text))]),
    ),
    files.length > 0 &&
      table(
        ['File', { title: 'Bytes', number: true }, 'Changed', 'Checksum'],
        files.map((file) => [
          fileText(file.file),
          `${count(file.bytes)} (${byteText(file.bytes)})`,
          timeText(file.modifiedMs),
          element('code', {}, file.checksum ?? 'not asked for'),
        ]),
        'checksums',
      ),
    run.loads.length > 0 && [
      element('h3', {}, 'Loads'),
      table(
        ['File', 'Outcome', { title: 'Rows', number: true }, 'Position', 'Message'],
        run.loads.map(({ file, outcome, rows, position, message }) => [
          fileText(file),
          outcome.replace('_', ' '),
          count(rows),
          element('code', {}, position ?? ''),
          fileText(message ?? ''),
        ]),
        'loads',
      ),
    ],
    (run.deletions ?? []).length > 0 && [
      element('h3', {}, 'Deletions'),
      table(
        ['Set', 'Period', 'Outcome', { title: 'Rows', number: true }, 'Message'],
        (run.deletions ?? []).map(({ set, period, outcome, rows, message }) => [
          fileText(set),
          period,
          outcome,
          count(rows),
          fileText(message ?? ''),
        ]),
        'deletions',
      ),
    ],
    element('h3', {}, 'Runs'),
    table(
      [
        'When',
        'Run',
        'Command',
        'Who',
        'Verdict',
        { title: 'Files', number: true },
        { title: 'Records', number: true },
        { title: 'Loaded', number: true },
        { title: 'Deleted', number: true },
        'Configuration',
      ],
      [...trend]
        .reverse()
        .map((point) => [
          timeText(point.startedMs),
          point.run,
          fileText(point.command),
          fileText(`${point.user} on ${point.host}`),
          outcomeMark(point.verdict),
          count(point.files),
          count(point.records),
          count(point.loaded),
          count(point.deleted),
          element('code', { title: point.configChecksum }, `${point.configChecksum.slice(0, 15)}…`),
        ]),
      'runs',
    ),
    data.leftOut.map((sentence) => element('p', { class: 'hint' }, sentence)),
  )
}
