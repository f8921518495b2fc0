/**
 * Days that a person has called expected, in `expected-days.yaml` beside the configuration: by name of the table, the day and the
 * reason. It is kept with the configuration, so that who has said what of which day is in its history.
 *
 *   files.sales:
 *     2024-05-02: strike at the carrier
 *     2024-07-01: { new_normal: two more shops }
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { qualifiedTableName, type TableId, tableName } from '../../core/table-schema.ts'
import { type Day, parseDay } from '../calendar/civil-date.ts'
import { type ExpectedDays, NO_EXPECTED_DAYS } from './day-history.ts'

export const EXPECTED_DAYS_FILE = 'expected-days.yaml'

/** By name of the table, as it is written: `files.sales`. `tables`: all that are configured. Throws `config_invalid` with every entry that is wrong. */
export async function readExpectedDays(
  folder: string,
  tables: readonly TableId[],
): Promise<ReadonlyMap<string, ExpectedDays>> {
  const text = await readFile(join(folder, EXPECTED_DAYS_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return new Map()
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false })
  const faults: string[] = []
  const tell = (offset: number | undefined, message: string): void => {
    const { line, col } = lines.linePos(offset ?? 0)
    faults.push(`${EXPECTED_DAYS_FILE}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${message}`)
  }
  for (const { pos, code, message } of document.errors) {
    tell(pos[0], code === 'DUPLICATE_KEY' ? 'this was given before' : `this is no YAML: ${message}`)
  }
  const found = new Map<string, ExpectedDays>()
  const { contents } = document
  const isEmpty = contents === null || (yaml.isScalar(contents) && contents.value === '')
  if (document.errors.length === 0 && !isEmpty && !yaml.isMap(contents)) tell(0, 'it has no tables')
  const known = tables.flatMap((table) => [qualifiedTableName(table), tableName(table), table.name])
  for (const { key, value } of yaml.isMap(contents) ? contents.items : []) {
    const table = textOf(key)
    const days = new Map<Day, string>()
    const newNormalFrom = new Map<Day, string>()
    // A mark of a table that is not there would be one that nobody heeds.
    if (!known.includes(table)) {
      const near = nearest(table, known)
      tell(placeOf(key), `there is no table of files ${table}${near === undefined ? '' : `; did you mean ${near}?`}`)
    } else if (!yaml.isMap(value)) tell(placeOf(key), `${table} has no days`)
    for (const { key: written, value: given } of yaml.isMap(value) ? value.items : []) {
      const said = yaml.isAlias(given) ? given.resolve(document) : given
      const day = parseDay(textOf(written))
      const isNewNormal = yaml.isMap(said) && said.items.length === 1 && said.has('new_normal')
      const reason = textOf(isNewNormal ? said.get('new_normal', true) : said).trim()
      if (day === undefined) tell(placeOf(written), `${table}: "${textOf(written)}" is no day such as 2024-05-02`)
      else if (reason === '') tell(placeOf(written), `${table}: ${textOf(written)} has no reason`)
      else (isNewNormal ? newNormalFrom : days).set(day, reason)
    }
    found.set(table, days.size === 0 && newNormalFrom.size === 0 ? NO_EXPECTED_DAYS : { days, newNormalFrom })
  }
  if (faults.length === 0) return found
  throw new PipelineError('config_invalid', `Reading ${EXPECTED_DAYS_FILE}`, {
    cause: new Error(faults.join('\n')),
    hint: 'Write a table, its days and their reasons: `files.sales: { 2024-05-02: strike }`.',
  })
}

/** Of a scalar; a mapping or a list has none. */
function textOf(node: unknown): string {
  const value = typeof node === 'object' && node !== null && 'value' in node ? node.value : undefined
  return typeof value === 'string' ? value : ''
}

function placeOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : undefined
}

/** Of one table: under its full name, or a shorter one. */
export function expectedDaysOf(table: TableId, expected: ReadonlyMap<string, ExpectedDays>): ExpectedDays {
  const names = [qualifiedTableName(table), tableName(table), table.name]
  return names.flatMap((name) => expected.get(name) ?? [])[0] ?? NO_EXPECTED_DAYS
}
