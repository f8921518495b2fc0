/**
 * Days from a CSV file: a date (YYYY-MM-DD), then what it is (`closed` or `working`; `closed` where it is left out), then a name.
 * Separated by comma, semicolon or tab; lines that begin with `#` and empty lines are skipped, a first line that names the
 * columns `date,kind,name` may be there.
 */
import { PipelineError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import type { OwnDay } from './business-calendar.ts'
import { parseDay } from './civil-date.ts'

export interface DayLists {
  readonly closures: readonly OwnDay[]
  readonly workingDays: readonly OwnDay[]
}

const KINDS = ['closed', 'working']

/** `file` is named in errors. Throws `config_invalid` with the line for a date or kind that cannot be read. */
export function readDayCsv(text: string, file: string): DayLists {
  const closures: OwnDay[] = []
  const workingDays: OwnDay[] = []
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  let first = true
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [dateText = '', kind = '', name = ''] = fieldsOf(line)
    const heading = first && dateText.toLowerCase() === 'date'
    first = false
    if (heading) continue
    const day = parseDay(dateText)
    if (day === undefined) {
      throw unreadable(file, index + 1, `"${dateText.slice(0, 40)}" is no date`, 'Write it as 2026-12-31.')
    }
    const known = kind === '' ? 'closed' : kind.toLowerCase()
    if (!KINDS.includes(known)) {
      const near = nearest(known, KINDS)
      const hint = near === undefined ? `It is one of ${KINDS.join(', ')}.` : `Did you mean "${near}"?`
      throw unreadable(file, index + 1, `"${kind.slice(0, 40)}" is no kind of day`, hint)
    }
    const own = name === '' ? { day } : { day, name }
    if (known === 'closed') closures.push(own)
    else workingDays.push(own)
  }
  return { closures, workingDays }
}

export function unreadable(file: string, line: number, problem: string, hint: string): PipelineError {
  return new PipelineError('config_invalid', `Reading ${file}, line ${line}`, {
    cause: new Error(problem),
    hint,
    context: { file, line },
  })
}

/** A field in double quotes may hold the separator, and a quote written twice. */
function fieldsOf(line: string): readonly string[] {
  const separator = /[,;\t]/.exec(line)?.[0] ?? ','
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] ?? ''
    if (letter === '"' && quoted && line[at + 1] === '"') {
      field += letter
      at++
    } else if (letter === '"') quoted = !quoted
    else if (letter === separator && !quoted) {
      fields.push(field.trim())
      field = ''
    } else field += letter
  }
  return [...fields, field.trim()]
}
