/** Expressions, by precedence: OR, AND, NOT, comparisons, sums and `||`, products, signs; operands are in operand-parser.ts. */
import { OperandParser } from './operand-parser.ts'
import type { Expression } from './syntax-tree.ts'

const COMPARISONS = ['=', '<>', '!=', '<=', '>=', '<', '>']

export abstract class ExpressionParser extends OperandParser {
  override expression(): Expression {
    return this.#binaryWords('OR', () => this.#conjunction())
  }

  #conjunction(): Expression {
    return this.#binaryWords('AND', () => this.#negation())
  }

  #binaryWords(operator: 'AND' | 'OR', operand: () => Expression): Expression {
    let left = operand()
    while (this.tokens.takeWords(operator)) {
      const right = operand()
      left = { type: 'binary', operator, left, right, start: left.start, end: right.end }
    }
    return left
  }

  #negation(): Expression {
    const start = this.tokens.peek().start
    if (!this.tokens.takeWords('NOT')) return this.#comparison()
    const of = this.#negation()
    return { type: 'unary', operator: 'NOT', of, start, end: of.end }
  }

  #comparison(): Expression {
    let left = this.sum()
    while (true) {
      const next = this.#comparisonAfter(left)
      if (next === undefined) return left
      left = next
    }
  }

  #comparisonAfter(left: Expression): Expression | undefined {
    const tokens = this.tokens
    const token = tokens.peek()
    const place = () => ({ start: left.start, end: tokens.endOfPrevious })
    if (token.type === 'symbol' && COMPARISONS.includes(token.value)) {
      tokens.next()
      const operator = token.value === '!=' ? '<>' : token.value
      if (tokens.isWord('ANY', 'ALL', 'SOME')) throw tokens.unknown('comparison with ANY or ALL')
      const right = this.sum()
      return { type: 'binary', operator, left, right, ...place() }
    }
    if (tokens.takeWords('IS')) {
      const not = tokens.takeWords('NOT')
      if (tokens.takeWords('DISTINCT', 'FROM')) {
        return { type: 'distinct', left, right: this.sum(), not, ...place() }
      }
      const what = tokens.takeOneOf('NULL', 'TRUE', 'FALSE')
      if (what === undefined) throw tokens.unexpected()
      return { type: 'is', of: left, not, what, ...place() }
    }
    const not =
      tokens.isWord('NOT') && ['IN', 'BETWEEN', 'LIKE', 'ILIKE', 'RLIKE', 'REGEXP'].includes(tokens.peek(1).value)
    if (not) tokens.next()
    if (tokens.takeWords('BETWEEN')) {
      const low = this.sum()
      tokens.expectWords('AND')
      return { type: 'between', of: left, not, low, high: this.sum(), ...place() }
    }
    if (tokens.takeWords('IN')) return this.#in(left, not)
    const word = tokens.takeOneOf('LIKE', 'ILIKE', 'RLIKE', 'REGEXP')
    if (word === undefined) return undefined
    const operator = word === 'REGEXP' ? 'RLIKE' : word
    const quantifier = tokens.takeOneOf('ANY', 'ALL')
    const patterns = quantifier === undefined ? [this.sum()] : tokens.parenthesized(() => this.expression())
    const escapeWith = tokens.takeWords('ESCAPE') ? this.sum() : undefined
    return { type: 'like', operator, quantifier, of: left, not, patterns, escape: escapeWith, ...place() }
  }

  #in(of: Expression, not: boolean): Expression {
    this.tokens.expectSymbol('(')
    const start = of.start
    if (this.tokens.isWord('SELECT', 'WITH')) {
      const query = this.query()
      this.tokens.expectSymbol(')')
      return { type: 'in_query', of, not, query, start, end: this.tokens.endOfPrevious }
    }
    const list = this.tokens.list(() => this.expression())
    this.tokens.expectSymbol(')')
    return { type: 'in', of, not, list, start, end: this.tokens.endOfPrevious }
  }

  override sum(): Expression {
    return this.#binarySymbols(['+', '-', '||'], () => this.#product())
  }

  #product(): Expression {
    return this.#binarySymbols(['*', '/', '%'], () => this.#signed())
  }

  #binarySymbols(symbols: readonly string[], operand: () => Expression): Expression {
    let left = operand()
    while (true) {
      const operator = symbols.find((symbol) => this.tokens.isSymbol(symbol))
      if (operator === undefined) return left
      this.tokens.next()
      const right = operand()
      left = { type: 'binary', operator, left, right, start: left.start, end: right.end }
    }
  }

  #signed(): Expression {
    const start = this.tokens.peek().start
    const operator = this.tokens.takeSymbol('-') ? '-' : this.tokens.takeSymbol('+') ? '+' : undefined
    if (operator === undefined) return this.operand()
    const of = this.#signed()
    return { type: 'unary', operator, of, start, end: of.end }
  }
}
