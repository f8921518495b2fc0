/** What a manager reads: counters against the run before, the equation of coverage, the files. */
import { element, fileText, outcomeMark, section, table } from './element.js'
import { byteText, count, counted, durationText } from './figures.js'

/** @import { ReportData } from '../report-data.ts' */

/** @param {ReportData} data */
export function counterTiles({ summary }) {
  const notEvaluated = summary.counters.reduce((sum, counter) => sum + counter.notEvaluated, 0)
  const passed = summary.counters.reduce((sum, counter) => sum + counter.passed, 0)
  return element(
    'div',
    { class: 'tiles' },
    summary.counters.map(({ severity, failed, failedBefore }) =>
      element(
        'a',
        { class: `tile ${failed > 0 ? severity.toLowerCase() : 'none'}`, href: '#findings' },
        element('b', {}, count(failed)),
        element('span', {}, `${severity} failed`),
        element('small', {}, difference(failed, failedBefore)),
      ),
    ),
    element(
      'a',
      { class: `tile ${notEvaluated > 0 ? 'unknown' : 'none'}`, href: '#findings' },
      element('b', {}, count(notEvaluated)),
      element('span', {}, 'not evaluated'),
      element('small', {}, notEvaluated > 0 ? 'not a pass' : 'every check was made'),
    ),
    element(
      'a',
      { class: 'tile passed', href: '#findings' },
      element('b', {}, count(passed)),
      element('span', {}, 'passed'),
    ),
  )
}

/** @param {number} now @param {number | undefined} before */
function difference(now, before) {
  if (before === undefined) return 'no earlier run'
  if (now === before) return 'as in the last run'
  return now > before
    ? `▲ ${count(now - before)} more than in the last run`
    : `▼ ${count(before - now)} fewer than in the last run`
}

/** @param {ReportData} data */
export function coverageSection({ summary: { coverage } }) {
  const { records, parsed, rejected, holds, openFiles, bytes } = coverage
  const missing = records - parsed - rejected
  const bar = element('div', { class: 'proportion', 'aria-hidden': 'true' })
  for (const [part, kind] of /** @type {const} */ ([
    [parsed, 'parsed'],
    [rejected, 'rejected'],
    [Math.max(0, missing), 'lost'],
  ])) {
    if (part === 0) continue
    const slice = element('span', { class: kind })
    slice.style.flexGrow = String(Math.max(part / Math.max(records, 1), 0.004))
    bar.append(slice)
  }
  /** @param {number} value @param {string} words @param {string} kind */
  const term = (value, words, kind) =>
    element('span', { class: `term ${kind}` }, element('b', {}, count(value)), element('small', {}, words))
  return section(
    'coverage',
    'Coverage',
    'Records are counted by a second reader that knows nothing of the first: what one reads, the other has to find.',
    element(
      'div',
      { class: `equation ${holds ? 'holds' : 'broken'}` },
      term(records, 'records counted', 'records'),
      element('span', { class: 'sign' }, holds || missing === 0 ? '=' : '≠'),
      term(parsed, 'read', 'parsed'),
      element('span', { class: 'sign' }, '+'),
      term(rejected, 'rejected', 'rejected'),
      element('span', { class: 'result' }, holds ? '✓ holds' : `✕ ${counted(openFiles, 'file')} not read completely`),
    ),
    bar,
    element(
      'p',
      { class: 'hint' },
      `${byteText(bytes)} read, ${holds ? 'to the end of every file' : 'not to the end of every file'}.`,
    ),
  )
}

/**
 * @param {ReportData} data
 * @param {(file: string) => void} showFile
 */
export function filesSection(data, showFile) {
  return section(
    'files',
    'Files',
    `${counted(data.files.length, 'file')} in ${counted(new Set(data.files.map(({ set }) => set)).size, 'set')}.`,
    table(
      [
        'Verdict',
        'File',
        'Period',
        { title: 'Records', number: true },
        { title: 'Rejected', number: true },
        { title: 'Failed checks', number: true },
        { title: 'Size', number: true },
        { title: 'Time', number: true },
      ],
      data.files.map((file) => [
        outcomeMark(file.verdict),
        element('button', { type: 'button', class: 'link', click: () => showFile(file.file) }, fileText(file.file)),
        file.period ?? '',
        count(file.coverage.records),
        count(file.coverage.rejected),
        count(file.checks.filter(({ outcome }) => outcome === 'fail').length),
        byteText(file.bytes),
        durationText(file.durationMs),
      ]),
      'files',
    ),
    data.files.some(({ badRows }) => badRows !== undefined) &&
      element(
        'ul',
        { class: 'plain hint' },
        data.files.flatMap(({ badRows }) =>
          badRows === undefined
            ? []
            : [
                element(
                  'li',
                  {},
                  `${counted(badRows.rows, 'bad row')} kept in `,
                  element('code', {}, fileText(badRows.path)),
                ),
              ],
        ),
      ),
  )
}
