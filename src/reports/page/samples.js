/** Sample rows of one check: where each stands in the file, why it is bad, and its values. */
import { copyButton, element, fileText, table } from './element.js'
import { count, counted } from './figures.js'

/**
 * @import { ReportCheck, ReportFile } from '../report-data.ts'
 * @import { BadRowSample } from '../../core/file-check.ts'
 */

/** @type {readonly string[]} */
let statements = []

/** @param {readonly string[]} all */
export function keepStatements(all) {
  statements = all
}

/** @param {ReportCheck} check */
function statementOf({ statement }) {
  return statement === undefined ? undefined : statements[statement]
}

/**
 * @param {ReportCheck} check
 * @param {ReportFile | undefined} file
 * @param {string} [day] samples of this day only, where there are some
 */
export function sampleRows(check, file, day) {
  if (check.samples.length === 0)
    return check.samplesLeftOut > 0
      ? element('p', { class: 'hint' }, `${counted(check.samplesLeftOut, 'sample row')} in the result file, none here.`)
      : null
  const ofDay = day === undefined ? [] : check.samples.filter((sample) => sample.day === day)
  const samples = ofDay.length > 0 ? ofDay : check.samples
  const columns = [...new Set(samples.flatMap(({ values }) => Object.keys(values)))]
  const known = day !== undefined && ofDay.length === 0
  return element(
    'div',
    { class: 'samples' },
    element(
      'h4',
      {},
      known ? 'Sample rows, of other days' : day === undefined ? 'Sample rows' : 'Sample rows of this day',
    ),
    table(
      [{ title: 'Line', number: true }, { title: 'Byte offset', number: true }, 'Reason', ...columns],
      samples.map((sample) => [
        sample.line === undefined ? '' : count(sample.line),
        sample.byteOffset === undefined ? '' : count(sample.byteOffset),
        fileText(sample.reason),
        ...columns.map((column) => cell(sample.values[column])),
      ]),
      'sample rows',
    ),
    check.samplesLeftOut > 0 &&
      element('p', { class: 'hint' }, `${counted(check.samplesLeftOut, 'more sample row')} in the result file.`),
    lookCommand(samples, file),
  )
}

/** @param {string | null | undefined} value */
function cell(value) {
  if (value === undefined) return ''
  return value === null ? element('span', { class: 'null' }, 'NULL') : fileText(value)
}

/**
 * How to see the rows in the file itself.
 * @param {readonly BadRowSample[]} samples
 * @param {ReportFile | undefined} file
 */
function lookCommand(samples, file) {
  const lines = samples.flatMap(({ line }) => (line === undefined ? [] : [line]))
  if (file === undefined || lines.length === 0 || file.file.endsWith('.parquet')) return null
  const prints = [...new Set(lines)].sort((a, b) => a - b).map((line) => `${line}p`)
  const quoted = `'${file.file.replaceAll("'", `'\\''`)}'`
  const script = `sed -n '${prints.join(';')}'`
  const unpack = file.file.endsWith('.gz') ? 'zcat' : file.file.endsWith('.zst') ? 'zstdcat' : undefined
  const command = unpack === undefined ? `${script} ${quoted}` : `${unpack} ${quoted} | ${script}`
  return element('p', { class: 'command' }, element('code', {}, fileText(command)), copyButton(command))
}

/**
 * What is known of a check beside its line: why, mend, SQL, days, samples.
 * @param {ReportCheck} check
 * @param {ReportFile | undefined} file
 * @param {string} [day]
 */
export function checkDetails(check, file, day) {
  const sql = statementOf(check)
  /** @param {string} term @param {Node | string | null | undefined} text */
  const fact = (term, text) =>
    text === undefined || text === null || text === '' ? [] : [element('dt', {}, term), element('dd', {}, text)]
  return element(
    'div',
    { class: 'details' },
    element(
      'dl',
      {},
      fact(
        'Asked of',
        check.evaluated === 0
          ? 'nothing: it is not a pass'
          : counted(check.evaluated, ['completeness', 'anomaly'].includes(check.kind) ? 'day' : 'row'),
      ),
      fact('Limit', check.limit),
      fact('Why it matters', check.why === undefined ? null : fileText(check.why)),
      fact('How to fix', check.fix === undefined ? null : fileText(check.fix)),
      fact(
        'Days',
        check.days.length === 0
          ? null
          : `${check.days.slice(0, 40).join(', ')}${check.days.length > 40 ? ` and ${check.days.length - 40} more` : ''}`,
      ),
    ),
    sql === undefined
      ? null
      : element(
          'div',
          { class: 'sql' },
          element('h4', {}, 'SQL'),
          element('pre', { tabindex: 0 }, fileText(sql)),
          copyButton(sql),
        ),
    sampleRows(check, file, day),
  )
}
