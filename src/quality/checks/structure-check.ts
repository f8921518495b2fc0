/** The header of a file against the columns of its set. What is not there, or elsewhere, is told with what it may have become. */
import type { CheckResult } from '../../core/file-check.ts'
import type { FileColumn } from '../../core/file-set.ts'
import { nearest } from '../../core/nearest.ts'
import { judgeCounts } from './judgement.ts'

export interface ColumnFinding {
  readonly kind: 'missing' | 'extra' | 'reordered' | 'renamed' | 'repeated' | 'no_header' | 'delimiter'
  readonly message: string
}

export interface ColumnComparison {
  readonly findings: readonly ColumnFinding[]
  /** As the file has them: names of the set's columns where they are meant, else what the file calls them. */
  readonly columns: readonly string[]
}

const FIX = 'Ask whoever makes the file for the columns as they were, or change `columns` of the table.'
const FIXES: Readonly<Partial<Record<ColumnFinding['kind'], string>>> = {
  no_header:
    'Have the file made with its header, or say `header: false` in `format` of the table: the columns are then those of the configuration, in its order.',
  delimiter: 'Say `delimiter` in `format` of the table, or have the file made as before.',
}
/** As they are shown. */
const DELIMITERS: readonly (readonly [string, string])[] = [
  ['\t', 'tabs'],
  [',', 'commas'],
  [';', 'semicolons'],
  ['|', 'vertical bars'],
]

/** A number, a day or a time: nobody calls a column so. */
const VALUE = /^[+-]?\d[\d.,:/ T-]*$/

const HARMLESS: readonly ColumnFinding['kind'][] = ['reordered', 'extra']

/** Names that differ by case and by spaces around them are the same. */
export function compareColumns(header: readonly string[], columns: readonly FileColumn[]): ColumnComparison {
  const known = new Map(columns.map(({ name }) => [folded(name), name]))
  const findings: ColumnFinding[] = []
  const seen = new Set<string>()
  const places = header.map((written, index) => {
    const meant = known.get(folded(written))
    if (meant === undefined || !seen.has(meant)) {
      if (meant !== undefined) seen.add(meant)
      return meant ?? unusedName(written, index, known)
    }
    findings.push({ kind: 'repeated', message: `"${meant}" is there more than once, again as column ${index + 1}` })
    return unusedName(`${written} ${index + 1}`, index, known)
  })
  const delimiter = header.length === 1 ? otherDelimiter(header[0] ?? '', known) : undefined
  if (delimiter !== undefined) {
    const message = `the header is a single value, and has the names of columns between ${delimiter}: the delimiter is another`
    return { findings: [{ kind: 'delimiter', message }], columns: places }
  }
  // What the values are is not told: one may be sensitive.
  if (seen.size === 0 && header.some((value) => VALUE.test(value.trim()))) {
    const message = 'the first line has no name of a column, and looks like values: the file has no header'
    return { findings: [{ kind: 'no_header', message }], columns: places }
  }
  const missing = columns.filter(({ name }) => !seen.has(name)).map(({ name }) => name)
  const extra = header.filter((written) => !known.has(folded(written)))
  const renamed = renamedPairs(missing, extra, header, columns)
  for (const [name, written] of renamed) {
    findings.push({ kind: 'renamed', message: `"${name}" is missing; it may be "${written}" now` })
  }
  for (const name of missing)
    if (!renamed.has(name)) findings.push({ kind: 'missing', message: `"${name}" is missing` })
  const taken = new Set(renamed.values())
  for (const [index, written] of header.entries()) {
    if (known.has(folded(written)) || taken.has(written)) continue
    findings.push({ kind: 'extra', message: `"${written}" (column ${index + 1}) is not configured` })
  }
  const order = places.filter((name) => seen.has(name))
  const wanted = columns.filter(({ name }) => seen.has(name)).map(({ name }) => name)
  const moved = wanted.flatMap((name, index) => (order[index] === name ? [] : [{ name, index }]))
  if (moved.length > 0) {
    const told = moved
      .slice(0, 4)
      .map(({ name }) => `"${name}" is column ${places.indexOf(name) + 1} and not ${placeOf(name, columns)}`)
    const rest = moved.length > 4 ? `; and ${moved.length - 4} more` : ''
    findings.push({ kind: 'reordered', message: `the order is another: ${told.join(', ')}${rest}` })
  }
  return { findings, columns: places }
}

export function columnsCheck({ findings }: ColumnComparison, configured: number): CheckResult {
  return judgeCounts({
    id: 'structure.columns',
    kind: 'structure',
    title: 'The columns are those of the configuration',
    // Columns are found by their names: another order, or one more, loses nothing.
    severity: findings.length > 0 && findings.every(({ kind }) => HARMLESS.includes(kind)) ? 'WARNING' : 'CRITICAL',
    evaluated: configured,
    failed: findings.length,
    failing: capitalized(
      findings
        .slice(0, 5)
        .map(({ message }) => message)
        .join('; ') + (findings.length > 5 ? `; and ${findings.length - 5} more` : ''),
    ),
    passing: `All ${configured} are there, in their order`,
    fix: FIXES[findings[0]?.kind ?? 'missing'] ?? FIX,
  })
}

/** At the same place, or of a similar name. */
function renamedPairs(
  missing: readonly string[],
  extra: readonly string[],
  header: readonly string[],
  columns: readonly FileColumn[],
): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>()
  const free = new Set(extra)
  for (const name of missing) {
    const near = nearest(name, free)
    const there = header[placeOf(name, columns) - 1]
    const found =
      near ?? (header.length === columns.length && there !== undefined && free.has(there) ? there : undefined)
    if (found === undefined) continue
    pairs.set(name, found)
    free.delete(found)
  }
  return pairs
}

/** One between whose occurrences in `header` at least two columns are called as configured. */
function otherDelimiter(header: string, known: ReadonlyMap<string, string>): string | undefined {
  const named = (delimiter: string) => header.split(delimiter).filter((name) => known.has(folded(name)))
  return DELIMITERS.find(([delimiter]) => named(delimiter).length > 1)?.[1]
}

function placeOf(name: string, columns: readonly FileColumn[]): number {
  return columns.findIndex((column) => column.name === name) + 1
}

/** A name for a column that is not configured; no two may be equal, nor empty. */
function unusedName(written: string, index: number, known: ReadonlyMap<string, string>): string {
  const name = written.trim() === '' ? `column ${index + 1}` : written.trim()
  return known.has(folded(name)) ? `${name} (${index + 1})` : `${name} ${index + 1}`
}

function folded(name: string): string {
  return name.trim().toLowerCase()
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
