/** Findings as CSV (RFC 4180), for people who open it in a spreadsheet: no cell of a file becomes a formula there. */
import type { CheckRun } from '../core/file-check.ts'
import { limitText } from './report-data.ts'
import { checksOf, compareChecks } from './summary.ts'

const COLUMNS = [
  'outcome',
  'severity',
  'set',
  'file',
  'check',
  'kind',
  'title',
  'message',
  'failed',
  'evaluated',
  'limit',
  'why',
  'fix',
  'first_line',
  'first_byte_offset',
  'days',
  'sql',
] as const

/** Spreadsheets take UTF-8 for what it is only with this in front. */
const BYTE_ORDER_MARK = '\ufeff'

/** Of a thousand findings each would have the statement of the whole pass, a thousand questions long. */
const SQL_MAX = 2000

/** What did not pass, worst first. */
export function findingsCsv(run: CheckRun): string {
  const rows = [...checksOf(run)]
    .filter(({ check }) => check.outcome !== 'pass')
    .sort((a, b) => compareChecks(a.check, b.check))
    .map(({ check, set, file }) => {
      const [sample] = check.samples
      return [
        check.outcome,
        check.severity,
        set,
        file ?? '',
        check.id,
        check.kind,
        check.title,
        check.message,
        check.failed,
        check.evaluated,
        limitText(check.limit),
        check.why ?? '',
        check.fix ?? '',
        sample?.line ?? '',
        sample?.byteOffset ?? '',
        check.days.join(' '),
        (check.sql ?? '').slice(0, SQL_MAX),
      ]
    })
  return BYTE_ORDER_MARK + [COLUMNS, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/** Text that a spreadsheet would calculate gets an apostrophe in front, which says that it is text. */
function csvCell(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const text = /^[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠|%]/u.test(value) || /^[\t\r\n]/.test(value) ? `'${value}` : value
  return /[",\r\n;\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
