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

/** By name of the table, as it is written: `files.sales`. `tables`: all that are configured. Throws `config_invalid` with the entry that is wrong. */
export async function readExpectedDays(
  folder: string,
  tables: readonly TableId[],
): Promise<ReadonlyMap<string, ExpectedDays>> {
  const path = join(folder, EXPECTED_DAYS_FILE)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return new Map()
  const { parse } = await import('yaml')
  let value: unknown
  try {
    value = parse(text, { schema: 'failsafe' })
  } catch (cause) {
    throw invalid('it is no YAML', cause)
  }
  if (value === null || value === '') return new Map()
  if (!isMapping(value)) throw invalid('it has no tables')
  const known = tables.flatMap((table) => [qualifiedTableName(table), tableName(table), table.name])
  const found = new Map<string, ExpectedDays>()
  for (const [table, days] of Object.entries(value)) {
    // A mark of a table that is not there would be one that nobody heeds.
    if (!known.includes(table)) {
      const near = nearest(table, known)
      throw invalid(`there is no table of files ${table}${near === undefined ? '' : `; did you mean ${near}?`}`)
    }
    found.set(table, expectedOf(table, days))
  }
  return found
}

/** Of one table: under its full name, or a shorter one. */
export function expectedDaysOf(table: TableId, expected: ReadonlyMap<string, ExpectedDays>): ExpectedDays {
  const names = [qualifiedTableName(table), tableName(table), table.name]
  return names.flatMap((name) => expected.get(name) ?? [])[0] ?? NO_EXPECTED_DAYS
}

export function expectedOf(table: string, value: unknown): ExpectedDays {
  if (!isMapping(value)) throw invalid(`${table} has no days`)
  const days = new Map<Day, string>()
  const newNormalFrom = new Map<Day, string>()
  for (const [text, said] of Object.entries(value)) {
    const day = parseDay(text)
    if (day === undefined) throw invalid(`${table}: "${text}" is no day such as 2024-05-02`)
    const reason = isMapping(said) && Object.keys(said).length === 1 ? said.new_normal : said
    if (typeof reason !== 'string' || reason.trim() === '') throw invalid(`${table}: ${text} has no reason`)
    if (isMapping(said)) newNormalFrom.set(day, reason)
    else days.set(day, reason)
  }
  return days.size === 0 && newNormalFrom.size === 0 ? NO_EXPECTED_DAYS : { days, newNormalFrom }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(message: string, cause?: unknown): PipelineError {
  return new PipelineError('config_invalid', `Reading ${EXPECTED_DAYS_FILE}`, {
    cause: new Error(message, cause === undefined ? undefined : { cause }),
    hint: 'Write a table, its days and their reasons: `files.sales: { 2024-05-02: strike }`.',
  })
}
