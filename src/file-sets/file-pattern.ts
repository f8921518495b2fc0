/**
 * The path of a file set: where its files are, and what of a name says for when a file stands. `{yyyy}`, `{mm}`, `{dd}` and
 * `{q}` (the quarter, 1 to 4) are digits; any other word in braces is text without a slash, such as a partition's value
 * (`region={region}/`); `*` and `?` are as in a shell, and `**` is any number of folders. A placeholder that comes twice is
 * the same text both times.
 */
import { isAbsolute, posix } from 'node:path'
import type { FilePeriod } from '../core/file-set.ts'
import { nearest } from '../core/nearest.ts'

export interface FilePattern {
  readonly text: string
  /** Folder below which all files are, without placeholders: `data`, `.`, `/var/data`. */
  readonly root: string
  /** Folders and the file below the root, each as it must look; undefined from `**` on, where any depth may follow. */
  readonly levels: readonly RegExp[]
  readonly anyDepth: boolean
  readonly whole: RegExp
  readonly period: 'day' | 'month' | 'quarter' | 'year' | undefined
}

export interface PatternMatch {
  readonly period: FilePeriod | undefined
  /** Undefined: none. What is wrong with the date in the name: `there is no month 13`. */
  readonly problem: string | undefined
  /** By placeholder that says nothing of time: `region` → `north`. */
  readonly parts: Readonly<Record<string, string>>
}

const DATE_PARTS: Readonly<Record<string, string>> = { yyyy: '\\d{4}', mm: '\\d{2}', dd: '\\d{2}', q: '\\d' }
const PLACEHOLDER = /\{([^{}]*)\}/g
const DAY_MS = 86_400_000

/** What is wrong with a path as people write it, completing "path …"; undefined: nothing. */
export function patternProblem(text: string): string | undefined {
  if (text.includes('\\')) return 'must have / between folders'
  if (text.endsWith('/')) return 'must name files, not a folder: end it with a name such as *.csv'
  const names = [...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name)
  if (/[{}]/.test(text.replace(PLACEHOLDER, ''))) return 'must have a } for each {, and no { between them'
  for (const name of names) {
    if (/^[a-z][a-z0-9_]*$/.test(name) && !isMisspeltDate(name)) continue
    const near = nearest(name.toLowerCase(), Object.keys(DATE_PARTS))
    const meant = near === undefined ? '' : `; did you mean {${near}}?`
    return `must have in braces {yyyy}, {mm}, {dd}, {q} or a name of lower-case letters, not {${name}}${meant}`
  }
  const has = (name: string) => names.includes(name)
  if ((has('mm') || has('q')) && !has('yyyy')) return 'must have {yyyy} where it has {mm} or {q}'
  if (has('dd') && !has('mm')) return 'must have {mm} where it has {dd}'
  if (has('q') && has('mm')) return 'must have {mm} or {q}, not both'
  if (/\*\*[^/]|[^/]\*\*/.test(text)) return 'must have ** as a folder of its own: data/**/*.csv'
  return text.endsWith('**') ? 'must end in a name: data/**/*.csv' : undefined
}

/** `{yy}`, `{ddd}`, `{mmm}`: taken as a free name they would hide that no period is read. */
function isMisspeltDate(name: string): boolean {
  return !Object.hasOwn(DATE_PARTS, name) && /^(y+|m+|d+|q+|year|month|day|quarter)$/.test(name)
}

/** `text` is one without a `patternProblem`. */
export function parsePattern(text: string): FilePattern {
  const path = posix.normalize(text)
  const segments = path.split('/')
  const fixed = segments.slice(0, -1).findIndex((segment) => /[{*?]/.test(segment))
  const rootLength = fixed < 0 ? segments.length - 1 : fixed
  const root = segments.slice(0, rootLength).join('/') || (isAbsolute(path) ? '/' : '.')
  const below = segments.slice(rootLength)
  const anyFrom = below.indexOf('**')
  const shown = anyFrom < 0 ? below : below.slice(0, anyFrom)
  const names = new Set([...path.matchAll(PLACEHOLDER)].map(([, name = '']) => name))
  return {
    text,
    root,
    levels: shown.map((segment) => new RegExp(`^${segmentExpression(segment, new Set())}$`, 'su')),
    anyDepth: anyFrom >= 0,
    whole: wholeExpression(segments),
    period: periodKind(names),
  }
}

function periodKind(names: ReadonlySet<string>): FilePattern['period'] {
  if (names.has('dd')) return 'day'
  if (names.has('mm')) return 'month'
  if (names.has('q')) return 'quarter'
  return names.has('yyyy') ? 'year' : undefined
}

function wholeExpression(segments: readonly string[]): RegExp {
  const seen = new Set<string>()
  const parts = segments.map((segment, index) => {
    if (segment === '**') return '(?:[^/.][^/]*/)*'
    return segmentExpression(segment, seen) + (index < segments.length - 1 ? '/' : '')
  })
  return new RegExp(`^${parts.join('')}$`, 'su')
}

/** Names that begin with a dot are found only where the pattern has the dot, as in a shell. */
function segmentExpression(segment: string, seen: Set<string>): string {
  const tokens = segment.match(/\{[^{}]*\}|\*|\?|[^{*?]+/g) ?? []
  const parts = tokens.map((token) => {
    if (token === '*') return '[^/]*?'
    if (token === '?') return '[^/]'
    if (!token.startsWith('{')) return token.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    const name = token.slice(1, -1)
    if (seen.has(name)) return `\\k<${name}>`
    seen.add(name)
    return `(?<${name}>${DATE_PARTS[name] ?? '[^/]+?'})`
  })
  return /^[*?{]/.test(segment) && segment !== '**' ? `(?!\\.)${parts.join('')}` : parts.join('')
}

/** `path`: with `/`, relative or absolute as the pattern is. Undefined: another file. */
export function matchPattern(pattern: FilePattern, path: string): PatternMatch | undefined {
  const found = pattern.whole.exec(posix.normalize(path))
  if (found === null) return undefined
  const { yyyy, mm, dd, q, ...parts } = found.groups ?? {}
  if (pattern.period === undefined || yyyy === undefined) return { period: undefined, problem: undefined, parts }
  const period = periodOf(Number(yyyy), numberOf(mm), numberOf(dd), numberOf(q))
  return typeof period === 'string'
    ? { period: undefined, problem: period, parts }
    : { period, problem: undefined, parts }
}

const PERIOD_FORMS = ['{yyyy}', '{yyyy}-Q{q}', '{yyyy}-{mm}', '{yyyy}-{mm}-{dd}'].map(parsePattern)

/** `2024`, `2024-Q1`, `2024-03` or `2024-03-05`. Text: why it is none. */
export function periodOfName(name: string): FilePeriod | string {
  const match = PERIOD_FORMS.flatMap((form) => matchPattern(form, name) ?? [])[0]
  return match?.period ?? match?.problem ?? 'it is no year, quarter, month or day'
}

function numberOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits)
}

/** Text: why there is none. */
function periodOf(
  year: number,
  month: number | undefined,
  day: number | undefined,
  quarter: number | undefined,
): FilePeriod | string {
  const name = String(year).padStart(4, '0')
  if (year === 0) return 'there is no year 0'
  if (quarter !== undefined) {
    if (quarter < 1 || quarter > 4) return `there is no quarter ${quarter}`
    const first = 3 * quarter - 2
    return { name: `${name}-Q${quarter}`, from: dayNumber(year, first, 1), through: dayNumber(year, first + 3, 0) }
  }
  if (month === undefined) return { name, from: dayNumber(year, 1, 1), through: dayNumber(year, 12, 31) }
  if (month < 1 || month > 12) return `there is no month ${month}`
  const monthName = `${name}-${String(month).padStart(2, '0')}`
  const last = dayNumber(year, month + 1, 0)
  const first = dayNumber(year, month, 1)
  if (day === undefined) return { name: monthName, from: first, through: last }
  if (day < 1 || day > last - first + 1) return `there is no day ${day} in ${monthName}`
  const on = dayNumber(year, month, day)
  return { name: `${monthName}-${String(day).padStart(2, '0')}`, from: on, through: on }
}

/** Civil days since 1970. Day 0 is the last day of the month before. */
function dayNumber(year: number, month: number, day: number): number {
  // `Date.UTC` takes the years 0 to 99 for 1900 to 1999.
  return new Date(0).setUTCFullYear(year, month - 1, day) / DAY_MS
}
