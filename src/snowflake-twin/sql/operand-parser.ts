/** What operators stand between: literals, names, calls, CASE, and what is glued to them (casts, paths). */
import type { DataType } from './data-type.ts'
import { mayBeColumn } from './reserved-words.ts'
import type { Call, Expression, FrameBound, OrderItem, PathStep, Query, Window } from './syntax-tree.ts'
import { TokenStream } from './token-stream.ts'
import { parseType } from './type-parser.ts'

export interface ParserSettings {
  /** The session's TIMESTAMP_TYPE_MAPPING. */
  readonly timestamp: 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ'
}

export abstract class OperandParser {
  readonly tokens: TokenStream
  readonly #settings: ParserSettings
  /** `?` counts from 1. */
  #binds = 0

  constructor(sql: string, settings: ParserSettings) {
    this.tokens = new TokenStream(sql)
    this.#settings = settings
  }

  abstract query(): Query
  abstract expression(): Expression
  /** An expression without comparisons: what stands beside AND in BETWEEN. */
  abstract sum(): Expression

  dataType(): DataType {
    return parseType(this.tokens, this.#settings.timestamp)
  }

  /** An identifier: any word, or a quoted name. */
  name(): string {
    const token = this.tokens.peek()
    if (token.type !== 'word' && token.type !== 'quoted') throw this.tokens.unexpected()
    return this.tokens.next().value
  }

  /** `a`, `a.b`, `a.b.c`; also IDENTIFIER('…') and `a..b`, which is a.PUBLIC.b. */
  qualifiedName(): string[] {
    if (this.tokens.isWord('IDENTIFIER') && this.tokens.isSymbol('(', 1)) {
      this.tokens.next()
      this.tokens.expectSymbol('(')
      const parts = partsOfText(this.tokens.expectString())
      this.tokens.expectSymbol(')')
      return parts
    }
    const parts = [this.name()]
    while (this.tokens.takeSymbol('.')) parts.push(this.tokens.isSymbol('.') ? 'PUBLIC' : this.name())
    return parts
  }

  orderItems(): OrderItem[] {
    return this.tokens.list(() => {
      const expression = this.expression()
      const descending = this.tokens.takeOneOf('ASC', 'DESC') === 'DESC'
      const nulls = this.tokens.takeWords('NULLS') ? this.tokens.takeOneOf('FIRST', 'LAST') : undefined
      return { expression, descending, nullsFirst: nulls === undefined ? undefined : nulls === 'FIRST' }
    })
  }

  /** A value and what is glued to it: `::type`, `:path`, `[index]`, `.field` of a path. */
  operand(): Expression {
    let of = this.#primary()
    while (true) {
      const start = of.start
      if (this.tokens.takeSymbol('::')) {
        const to = this.dataType()
        of = { type: 'cast', of, to, lenient: false, start, end: this.tokens.endOfPrevious }
      } else if (this.tokens.isSymbol(':') || this.tokens.isSymbol('[')) {
        of = { type: 'path', of, steps: this.#path(), start, end: this.tokens.endOfPrevious }
      } else if (this.tokens.isWord('COLLATE')) {
        throw this.tokens.unknown('COLLATE')
      } else return of
    }
  }

  #path(): PathStep[] {
    const steps: PathStep[] = []
    while (true) {
      if (this.tokens.takeSymbol(':') || (steps.length > 0 && this.tokens.takeSymbol('.'))) {
        const token = this.tokens.peek()
        if (token.type !== 'word' && token.type !== 'quoted') throw this.tokens.unexpected()
        this.tokens.next()
        // Fields are exact, quoted or not.
        steps.push({ field: token.type === 'word' ? this.tokens.sql.slice(token.start, token.end) : token.value })
      } else if (this.tokens.takeSymbol('[')) {
        steps.push({ index: this.expression() })
        this.tokens.expectSymbol(']')
      } else return steps
    }
  }

  #primary(): Expression {
    const tokens = this.tokens
    const token = tokens.peek()
    const { start } = token
    const place = () => ({ start, end: tokens.endOfPrevious })
    switch (token.type) {
      case 'number':
        tokens.next()
        return { type: 'number', text: token.value, ...place() }
      case 'string':
        tokens.next()
        return { type: 'string', value: token.value, ...place() }
      case 'variable': {
        tokens.next()
        const name = token.value.slice(1)
        if (/^\d+$/.test(name)) return { type: 'position', qualifier: undefined, index: Number(name), ...place() }
        return { type: 'variable', name: name.toUpperCase(), ...place() }
      }
      case 'symbol':
        return this.#symbolPrimary()
      case 'word':
      case 'quoted':
        return this.#wordPrimary()
      default:
        throw tokens.unexpected()
    }
  }

  #symbolPrimary(): Expression {
    const tokens = this.tokens
    const { start } = tokens.peek()
    const place = () => ({ start, end: tokens.endOfPrevious })
    if (tokens.takeSymbol('?')) {
      this.#binds += 1
      return { type: 'bind', index: this.#binds, ...place() }
    }
    if (tokens.isSymbol(':') && tokens.peek(1).type === 'number') {
      tokens.next()
      return { type: 'bind', index: Number(tokens.next().value), ...place() }
    }
    if (tokens.takeSymbol('[')) {
      const items = tokens.isSymbol(']') ? [] : tokens.list(() => this.expression())
      tokens.expectSymbol(']')
      return { type: 'array', items, ...place() }
    }
    if (tokens.takeSymbol('{')) {
      const entry = () => {
        const key = tokens.expectString()
        tokens.expectSymbol(':')
        return { key, value: this.expression() }
      }
      const entries = tokens.isSymbol('}') ? [] : tokens.list(entry)
      tokens.expectSymbol('}')
      return { type: 'object', entries, ...place() }
    }
    tokens.expectSymbol('(')
    if (tokens.isWord('SELECT', 'WITH')) {
      const query = this.query()
      tokens.expectSymbol(')')
      return { type: 'scalar_query', query, ...place() }
    }
    const items = tokens.list(() => this.expression())
    tokens.expectSymbol(')')
    const [only] = items
    if (items.length === 1 && only !== undefined) return { ...only, ...place() }
    return { type: 'tuple', items, ...place() }
  }

  #wordPrimary(): Expression {
    const tokens = this.tokens
    const token = tokens.peek()
    const { start } = token
    const place = () => ({ start, end: tokens.endOfPrevious })
    if (token.type === 'word') {
      const special = this.#specialWord(token.value, start)
      if (special !== undefined) return special
      if (!mayBeColumn(token.value) && !tokens.isSymbol('(', 1)) throw tokens.unexpected()
      if (['DATE', 'TIME', 'TIMESTAMP'].includes(token.value) && tokens.peek(1).type === 'string') {
        const to = this.dataType()
        const text = tokens.next()
        const of: Expression = { type: 'string', value: text.value, start: text.start, end: text.end }
        return { type: 'cast', of, to, lenient: false, ...place() }
      }
    }
    const parts = [tokens.next().value]
    while (tokens.isSymbol('.') && ['word', 'quoted', 'variable'].includes(tokens.peek(1).type)) {
      tokens.next()
      const part = tokens.next()
      if (part.type === 'variable') {
        return { type: 'position', qualifier: parts.at(-1), index: Number(part.value.slice(1)), ...place() }
      }
      parts.push(part.value)
    }
    if (tokens.isSymbol('(')) return this.call(parts.join('.'), start)
    return { type: 'column', parts, bare: token.type === 'word' && parts.length === 1, ...place() }
  }

  #specialWord(word: string, start: number): Expression | undefined {
    const tokens = this.tokens
    const place = () => ({ start, end: tokens.endOfPrevious })
    switch (word) {
      case 'NULL':
        tokens.next()
        return { type: 'null', ...place() }
      case 'TRUE':
      case 'FALSE':
        tokens.next()
        return { type: 'boolean', value: word === 'TRUE', ...place() }
      case 'CASE':
        return this.#case(start)
      case 'EXISTS': {
        tokens.next()
        tokens.expectSymbol('(')
        const query = this.query()
        tokens.expectSymbol(')')
        return { type: 'exists', query, ...place() }
      }
      case 'INTERVAL':
        if (tokens.peek(1).type !== 'string') return undefined
        tokens.next()
        return { type: 'interval', text: tokens.expectString(), ...place() }
      case 'CAST':
      case 'TRY_CAST': {
        if (!tokens.isSymbol('(', 1)) return undefined
        tokens.next()
        tokens.expectSymbol('(')
        const of = this.expression()
        tokens.expectWords('AS')
        const to = this.dataType()
        tokens.expectSymbol(')')
        return { type: 'cast', of, to, lenient: word === 'TRY_CAST', ...place() }
      }
      default:
        return undefined
    }
  }

  #case(start: number): Expression {
    const tokens = this.tokens
    tokens.next()
    const of = tokens.isWord('WHEN') ? undefined : this.expression()
    const whens: { when: Expression; result: Expression }[] = []
    while (tokens.takeWords('WHEN')) {
      const when = this.expression()
      tokens.expectWords('THEN')
      whens.push({ when, result: this.expression() })
    }
    if (whens.length === 0) throw tokens.unexpected()
    const otherwise = tokens.takeWords('ELSE') ? this.expression() : undefined
    tokens.expectWords('END')
    return { type: 'case', of, whens, otherwise, start, end: tokens.endOfPrevious }
  }

  /** The cursor is at the opening parenthesis. */
  call(name: string, start: number): Call {
    const tokens = this.tokens
    tokens.expectSymbol('(')
    const distinct = tokens.takeWords('DISTINCT')
    const args: Expression[] = []
    const named: { name: string; value: Expression }[] = []
    let star = false
    const argument = () => {
      if (tokens.takeSymbol('*')) star = true
      else if (
        name === 'COUNT' &&
        tokens.peek().type === 'word' &&
        tokens.isSymbol('.', 1) &&
        tokens.isSymbol('*', 2)
      ) {
        throw tokens.unknown('COUNT(alias.*), which counts rows without any NULL')
      } else if (tokens.peek().type === 'word' && tokens.isSymbol('=>', 1)) {
        const parameter = tokens.next().value
        tokens.next()
        named.push({ name: parameter, value: this.expression() })
      } else if (tokens.isWord('SELECT')) {
        // TABLE-like functions take a query without parentheses of its own: ARRAY(SELECT …).
        throw tokens.unknown(`a query as an argument of ${name}`)
      } else args.push(this.#argument(name))
    }
    if (!tokens.isSymbol(')')) {
      argument()
      // EXTRACT(part FROM x) and POSITION(a IN b): the word stands for a comma.
      while (tokens.takeSymbol(',') || (name === 'EXTRACT' && tokens.takeWords('FROM'))) argument()
    }
    let ignoreNulls = this.#nullTreatment()
    tokens.expectSymbol(')')
    let withinGroup: OrderItem[] = []
    if (tokens.takeWords('WITHIN', 'GROUP')) {
      tokens.expectSymbol('(')
      tokens.expectWords('ORDER', 'BY')
      withinGroup = this.orderItems()
      tokens.expectSymbol(')')
    }
    ignoreNulls = this.#nullTreatment() || ignoreNulls
    const over = tokens.takeWords('OVER') ? this.#window() : undefined
    return {
      type: 'call',
      name,
      args,
      named,
      star,
      distinct,
      withinGroup,
      ignoreNulls,
      over,
      start,
      end: tokens.endOfPrevious,
    }
  }

  #argument(name: string): Expression {
    if (name !== 'POSITION') return this.expression()
    const first = this.sum()
    if (!this.tokens.takeWords('IN')) return first
    const second = this.sum()
    return { type: 'tuple', items: [first, second], start: first.start, end: second.end }
  }

  #nullTreatment(): boolean {
    if (this.tokens.takeWords('IGNORE', 'NULLS')) return true
    this.tokens.takeWords('RESPECT', 'NULLS')
    return false
  }

  #window(): Window {
    const tokens = this.tokens
    tokens.expectSymbol('(')
    const partitionBy = tokens.takeWords('PARTITION', 'BY') ? tokens.list(() => this.expression()) : []
    const orderBy = tokens.takeWords('ORDER', 'BY') ? this.orderItems() : []
    const unit = tokens.takeOneOf('ROWS', 'RANGE')
    if (tokens.isWord('GROUPS')) throw tokens.unknown('window frames in GROUPS')
    let frame: Window['frame']
    if (unit !== undefined) {
      const between = tokens.takeWords('BETWEEN')
      const from = this.#frameBound()
      if (between) tokens.expectWords('AND')
      frame = { unit, from, to: between ? this.#frameBound() : undefined }
    }
    tokens.expectSymbol(')')
    return { partitionBy, orderBy, frame }
  }

  #frameBound(): FrameBound {
    const tokens = this.tokens
    if (tokens.takeWords('UNBOUNDED', 'PRECEDING')) return { type: 'UNBOUNDED PRECEDING', offset: undefined }
    if (tokens.takeWords('UNBOUNDED', 'FOLLOWING')) return { type: 'UNBOUNDED FOLLOWING', offset: undefined }
    if (tokens.takeWords('CURRENT', 'ROW')) return { type: 'CURRENT ROW', offset: undefined }
    const offset = this.sum()
    const type = tokens.takeOneOf('PRECEDING', 'FOLLOWING')
    if (type === undefined) throw tokens.unexpected()
    return { type, offset }
  }
}

/** The parts of a name that is written as text: `'db."Schema".t'`. */
export function partsOfText(text: string): string[] {
  const stream = new TokenStream(text)
  const parts: string[] = []
  do {
    const token = stream.peek()
    if (token.type !== 'word' && token.type !== 'quoted') throw stream.unexpected()
    parts.push(stream.next().value)
  } while (stream.takeSymbol('.'))
  stream.expectEnd()
  return parts
}
