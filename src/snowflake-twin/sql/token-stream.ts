/** A cursor over the tokens of one statement, with what every parser asks of it. */
import type { Token } from './lexer.ts'
import { placeOf, tokenize } from './lexer.ts'
import { SnowflakeError } from './snowflake-error.ts'

export class TokenStream {
  readonly sql: string
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(sql: string) {
    this.sql = sql
    this.#tokens = tokenize(sql)
  }

  peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]
    if (token === undefined) throw new Error('a statement without tokens')
    return token
  }

  next(): Token {
    const token = this.peek()
    if (token.type !== 'end') this.#at += 1
    return token
  }

  /** For the rare construct that can only be told from another one by trying. */
  mark(): number {
    return this.#at
  }

  rewind(mark: number): void {
    this.#at = mark
  }

  /** Offset where the token before ended. */
  get endOfPrevious(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0
  }

  isWord(...words: readonly string[]): boolean {
    return this.#isWordAt(0, words)
  }

  /** The next words are these, in this order. */
  areWords(...words: readonly string[]): boolean {
    return words.every((word, index) => this.#isWordAt(index, [word]))
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.type === 'symbol' && token.value === symbol
  }

  /** Takes the words if they are next, all of them in this order. */
  takeWords(...words: readonly string[]): boolean {
    if (!this.areWords(...words)) return false
    this.#at += words.length
    return true
  }

  /** Takes one of these words. */
  takeOneOf<Word extends string>(...words: readonly Word[]): Word | undefined {
    const word = words.find((candidate) => this.isWord(candidate))
    if (word !== undefined) this.#at += 1
    return word
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false
    this.#at += 1
    return true
  }

  expectWords(...words: readonly string[]): void {
    for (const word of words) if (!this.takeWords(word)) throw this.unexpected()
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected()
  }

  takeString(): string | undefined {
    return this.peek().type === 'string' ? this.next().value : undefined
  }

  expectString(): string {
    const text = this.takeString()
    if (text === undefined) throw this.unexpected()
    return text
  }

  expectEnd(): void {
    this.takeSymbol(';')
    if (this.peek().type !== 'end') throw this.unexpected()
  }

  /** `item, item, …` */
  list<Item>(item: () => Item): Item[] {
    const items = [item()]
    while (this.takeSymbol(',')) items.push(item())
    return items
  }

  /** `(item, item, …)`; empty parentheses give no items. */
  parenthesized<Item>(item: () => Item): Item[] {
    this.expectSymbol('(')
    if (this.takeSymbol(')')) return []
    const items = this.list(item)
    this.expectSymbol(')')
    return items
  }

  unexpected(): SnowflakeError {
    const token = this.peek()
    const text = token.type === 'end' ? '<EOF>' : this.sql.slice(token.start, token.end)
    const { line, position } = placeOf(this.sql, token.start)
    return new SnowflakeError(
      '001003',
      '42000',
      `SQL compilation error:\nsyntax error line ${line} at position ${position} unexpected '${text}'.`,
      line,
      position,
    )
  }

  /** For SQL that Snowflake may well know, but this parser does not. */
  unknown(what: string, offset = this.peek().start): SnowflakeError {
    return unknownSql(this.sql, what, offset)
  }

  #isWordAt(ahead: number, words: readonly string[]): boolean {
    const token = this.peek(ahead)
    return token.type === 'word' && words.includes(token.value)
  }
}

export function unknownSql(sql: string, what: string, offset: number): SnowflakeError {
  const { line, position } = placeOf(sql, offset)
  return new SnowflakeError(
    '001003',
    '42000',
    `SQL compilation error: line ${line} at position ${position}: the local Snowflake does not know ${what}.`,
    line,
    position,
  )
}
