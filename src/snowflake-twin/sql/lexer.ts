/**
 * Snowflake SQL as tokens (docs: sql-reference/identifiers-syntax, data-types-text for the escapes in strings). Unquoted words keep their text and
 * get an upper-case `value`; stage locations (`@db.schema.stage/path`) and `file://` paths are one token, since their characters are not SQL's.
 */
import { SnowflakeError } from './snowflake-error.ts'

export type TokenType = 'word' | 'quoted' | 'string' | 'number' | 'symbol' | 'variable' | 'stage' | 'file' | 'end'

export interface Token {
  readonly type: TokenType
  /** Words in upper case, strings unescaped, quoted identifiers exact, symbols as they are. */
  readonly value: string
  /** Offsets into the statement's text. */
  readonly start: number
  readonly end: number
}

const SYMBOLS = ['||', '::', '->>', '=>', '<>', '!=', '<=', '>=', '->', '...']
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' }
const WORD_START = /[A-Za-z_\u0080-\uffff]/
const WORD = /[A-Za-z0-9_$\u0080-\uffff]*/y
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const VARIABLE = /\$(?:\d+|[A-Za-z_][A-Za-z0-9_$]*)/y
const STAGE = /@(?:"(?:[^"]|"")*"|[^\s(),;'"])*/y
const FILE = /file:\/\/[^\s';]*/iy

/** Throws SnowflakeError 001003 for what is no token. The last token is `end`. */
export function tokenize(sql: string): readonly Token[] {
  const tokens: Token[] = []
  let at = skipBlank(sql, 0)
  while (at < sql.length) {
    const token = readToken(sql, at)
    tokens.push(token)
    at = skipBlank(sql, token.end)
  }
  tokens.push({ type: 'end', value: '', start: sql.length, end: sql.length })
  return tokens
}

/** Line counts from 1, position from 0, as in Snowflake's messages. */
export function placeOf(sql: string, offset: number): { readonly line: number; readonly position: number } {
  const before = sql.slice(0, offset)
  return { line: before.split('\n').length, position: offset - (before.lastIndexOf('\n') + 1) }
}

function skipBlank(sql: string, from: number): number {
  let at = from
  while (at < sql.length) {
    const two = sql.slice(at, at + 2)
    if (/\s/.test(sql[at] ?? '')) at += 1
    else if (two === '--' || two === '//') {
      const end = sql.indexOf('\n', at)
      at = end === -1 ? sql.length : end + 1
    } else if (two === '/*') {
      const end = sql.indexOf('*/', at + 2)
      if (end === -1) throw lexicalError(sql, at, 'unterminated comment')
      at = end + 2
    } else break
  }
  return at
}

function readToken(sql: string, at: number): Token {
  const first = sql[at] ?? ''
  if (first === "'") return readString(sql, at)
  if (sql.startsWith('$$', at)) return readDollarString(sql, at)
  if (first === '"') return readQuoted(sql, at)
  if (first === '@') return matched(sql, STAGE, at, 'stage')
  if (first === '$') return matched(sql, VARIABLE, at, 'variable')
  if (/\d/.test(first) || (first === '.' && /\d/.test(sql[at + 1] ?? ''))) return matched(sql, NUMBER, at, 'number')
  if (WORD_START.test(first)) {
    FILE.lastIndex = at
    if (FILE.test(sql)) return matched(sql, FILE, at, 'file')
    const token = matched(sql, WORD, at, 'word')
    return { ...token, value: token.value.toUpperCase() }
  }
  const symbol = SYMBOLS.find((candidate) => sql.startsWith(candidate, at)) ?? first
  if (!'(),.;:+-*/%=<>[]{}?!|&^~'.includes(symbol[0] ?? '')) throw lexicalError(sql, at, `unexpected '${first}'`)
  return { type: 'symbol', value: symbol, start: at, end: at + symbol.length }
}

function matched(sql: string, pattern: RegExp, at: number, type: TokenType): Token {
  pattern.lastIndex = at
  const text = pattern.exec(sql)?.[0]
  if (text === undefined || text === '') throw lexicalError(sql, at, `unexpected '${sql[at] ?? ''}'`)
  return { type, value: text, start: at, end: at + text.length }
}

function readString(sql: string, start: number): Token {
  let value = ''
  let at = start + 1
  while (at < sql.length) {
    const char = sql[at] ?? ''
    if (char === "'") {
      if (sql[at + 1] !== "'") return { type: 'string', value, start, end: at + 1 }
      value += "'"
      at += 2
    } else if (char === '\\') {
      const escaped = readEscape(sql, at + 1)
      value += escaped.text
      at = escaped.end
    } else {
      value += char
      at += 1
    }
  }
  throw lexicalError(sql, start, 'unterminated string')
}

function readEscape(sql: string, at: number): { readonly text: string; readonly end: number } {
  const code = /^(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-7]{3}))/.exec(sql.slice(at, at + 5))
  if (code !== null) {
    const value = code[3] === undefined ? Number.parseInt(code[1] ?? code[2] ?? '', 16) : Number.parseInt(code[3], 8)
    return { text: String.fromCharCode(value), end: at + code[0].length }
  }
  const char = sql[at] ?? ''
  return { text: ESCAPES[char] ?? char, end: at + 1 }
}

function readDollarString(sql: string, start: number): Token {
  const end = sql.indexOf('$$', start + 2)
  if (end === -1) throw lexicalError(sql, start, 'unterminated string')
  return { type: 'string', value: sql.slice(start + 2, end), start, end: end + 2 }
}

function readQuoted(sql: string, start: number): Token {
  let at = start + 1
  while (true) {
    const end = sql.indexOf('"', at)
    if (end === -1) throw lexicalError(sql, start, 'unterminated identifier')
    if (sql[end + 1] !== '"') {
      return { type: 'quoted', value: sql.slice(start + 1, end).replaceAll('""', '"'), start, end: end + 1 }
    }
    at = end + 2
  }
}

function lexicalError(sql: string, offset: number, what: string): SnowflakeError {
  const { line, position } = placeOf(sql, offset)
  return new SnowflakeError(
    '001003',
    '42000',
    `SQL compilation error:\nparse error line ${line} at position ${position}: ${what}.`,
    line,
    position,
  )
}
