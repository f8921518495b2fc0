/** SELECT, set operations, FROM. */
import { ExpressionParser } from './expression-parser.ts'
import { parseFormat } from './option-parser.ts'
import { mayBeAlias } from './reserved-words.ts'
import { parseStageText } from './stage-text.ts'
import type {
  CommonTable,
  Expression,
  FormatText,
  OrderItem,
  Query,
  QueryBody,
  Select,
  SelectItem,
  TableAlias,
  TableReference,
} from './syntax-tree.ts'

export class QueryParser extends ExpressionParser {
  override query(): Query {
    const tokens = this.tokens
    const { start } = tokens.peek()
    const common = tokens.takeWords('WITH') ? this.#commonTables() : []
    const body = this.#setOperation()
    let orderBy: OrderItem[] = []
    if (tokens.takeWords('ORDER', 'BY')) orderBy = this.orderItems()
    let limit: Expression | undefined
    let offset: Expression | undefined
    while (true) {
      if (tokens.takeWords('LIMIT')) limit = this.#limit()
      else if (tokens.takeWords('OFFSET')) {
        offset = this.operand()
        tokens.takeOneOf('ROW', 'ROWS')
      } else if (tokens.takeWords('FETCH')) {
        tokens.takeOneOf('FIRST', 'NEXT')
        limit = this.operand()
        tokens.takeOneOf('ROW', 'ROWS')
        tokens.takeWords('ONLY')
      } else break
    }
    return { with: common, body, orderBy, limit, offset, start, end: tokens.endOfPrevious }
  }

  startsQuery(): boolean {
    if (this.tokens.isWord('SELECT', 'WITH', 'VALUES')) return true
    for (let ahead = 0; this.tokens.isSymbol('(', ahead); ahead += 1) {
      const inner = this.tokens.peek(ahead + 1)
      if (inner.type === 'word' && ['SELECT', 'WITH'].includes(inner.value)) return true
    }
    return false
  }

  #limit(): Expression | undefined {
    return this.tokens.takeWords('NULL') ? undefined : this.operand()
  }

  #commonTables(): CommonTable[] {
    const recursive = this.tokens.takeWords('RECURSIVE')
    return this.tokens.list(() => {
      const name = this.name()
      const columns = this.tokens.isSymbol('(') ? this.tokens.parenthesized(() => this.name()) : undefined
      this.tokens.expectWords('AS')
      this.tokens.expectSymbol('(')
      const query = this.query()
      this.tokens.expectSymbol(')')
      return { name, columns, recursive, query }
    })
  }

  #setOperation(): QueryBody {
    let left = this.#intersection()
    while (true) {
      const word = this.tokens.takeOneOf('UNION', 'EXCEPT', 'MINUS')
      if (word === undefined) return left
      const all = this.tokens.takeWords('ALL')
      if (!all) this.tokens.takeWords('DISTINCT')
      const byName = this.tokens.takeWords('BY', 'NAME')
      if (all && word !== 'UNION') throw this.tokens.unknown(`${word} ALL`)
      const operator = word === 'UNION' ? (all ? 'UNION ALL' : 'UNION') : 'EXCEPT'
      left = { type: 'set', operator, byName, left, right: this.#intersection() }
    }
  }

  #intersection(): QueryBody {
    let left = this.#term()
    while (this.tokens.takeWords('INTERSECT')) {
      left = { type: 'set', operator: 'INTERSECT', byName: false, left, right: this.#term() }
    }
    return left
  }

  #term(): QueryBody {
    const tokens = this.tokens
    if (tokens.takeSymbol('(')) {
      const query = this.query()
      tokens.expectSymbol(')')
      return { type: 'nested', query }
    }
    if (tokens.takeWords('VALUES')) {
      return { type: 'values', rows: tokens.list(() => tokens.parenthesized(() => this.expression())) }
    }
    return this.#select()
  }

  #select(): Select {
    const tokens = this.tokens
    const { start } = tokens.peek()
    tokens.expectWords('SELECT')
    const distinct = tokens.takeWords('DISTINCT')
    if (!distinct) tokens.takeWords('ALL')
    const hasTop = tokens.isWord('TOP') && tokens.peek(1).type === 'number'
    if (hasTop) tokens.next()
    const top = hasTop ? this.operand() : undefined
    const items = tokens.list(() => this.#selectItem())
    if (tokens.isWord('INTO')) throw tokens.unknown('SELECT … INTO')
    const from = tokens.takeWords('FROM') ? this.#tables() : undefined
    const where = tokens.takeWords('WHERE') ? this.expression() : undefined
    if (tokens.isWord('START', 'CONNECT')) throw tokens.unknown('CONNECT BY')
    const groupBy = tokens.takeWords('GROUP', 'BY') ? this.#groupBy() : undefined
    const having = tokens.takeWords('HAVING') ? this.expression() : undefined
    const qualify = tokens.takeWords('QUALIFY') ? this.expression() : undefined
    const end = tokens.endOfPrevious
    return { type: 'select', distinct, top, items, from, where, groupBy, having, qualify, start, end }
  }

  #groupBy(): 'all' | Expression[] {
    if (this.tokens.takeWords('ALL')) return 'all'
    if (this.tokens.isWord('CUBE', 'ROLLUP', 'GROUPING'))
      throw this.tokens.unknown('GROUP BY CUBE, ROLLUP and GROUPING SETS')
    return this.tokens.list(() => this.expression())
  }

  #selectItem(): SelectItem {
    const tokens = this.tokens
    const mark = tokens.mark()
    const { start } = tokens.peek()
    const qualifier: string[] = []
    while (['word', 'quoted'].includes(tokens.peek().type) && tokens.isSymbol('.', 1)) {
      qualifier.push(tokens.next().value)
      tokens.next()
    }
    if (tokens.takeSymbol('*')) return this.#star(qualifier, start)
    tokens.rewind(mark)
    const expression = this.expression()
    return { type: 'expression', expression, alias: this.#alias() }
  }

  #star(qualifier: readonly string[], start: number): SelectItem {
    const tokens = this.tokens
    let ilike: string | undefined
    let exclude: string[] = []
    let rename: { from: string; to: string }[] = []
    let replace: { expression: Expression; name: string }[] = []
    const oneOrMore = <Item>(item: () => Item) => (tokens.isSymbol('(') ? tokens.parenthesized(item) : [item()])
    if (tokens.takeWords('ILIKE')) ilike = tokens.expectString()
    if (tokens.takeWords('EXCLUDE')) exclude = oneOrMore(() => this.name())
    if (tokens.takeWords('REPLACE')) {
      replace = oneOrMore(() => {
        const expression = this.expression()
        tokens.expectWords('AS')
        return { expression, name: this.name() }
      })
    }
    if (tokens.takeWords('RENAME')) {
      rename = oneOrMore(() => {
        const from = this.name()
        tokens.expectWords('AS')
        return { from, to: this.name() }
      })
    }
    return { type: 'star', qualifier, exclude, rename, replace, ilike, start, end: tokens.endOfPrevious }
  }

  #alias(): string | undefined {
    if (this.tokens.takeWords('AS')) return this.name()
    const token = this.tokens.peek()
    if (token.type === 'quoted' || (token.type === 'word' && mayBeAlias(token.value))) return this.tokens.next().value
    return undefined
  }

  tableAlias(): TableAlias {
    const alias = this.#alias()
    const columns =
      alias !== undefined && this.tokens.isSymbol('(') ? this.tokens.parenthesized(() => this.name()) : undefined
    return { alias, columns }
  }

  #tables(): TableReference {
    let left = this.#joins()
    while (this.tokens.takeSymbol(',')) left = this.#join(left, this.#joins(), 'CROSS')
    return left
  }

  tableReference(): TableReference {
    return this.#joins()
  }

  #join(left: TableReference, right: TableReference, kind: 'CROSS'): TableReference {
    const none = { natural: false, on: undefined, using: undefined, match: undefined }
    return { type: 'join', kind, left, right, ...none, start: left.start, end: right.end }
  }

  #joins(): TableReference {
    const tokens = this.tokens
    let left = this.#table()
    while (true) {
      const kind = this.#joinKind()
      if (kind === undefined) return left
      const right = this.#table()
      let on: Expression | undefined
      let using: string[] | undefined
      let match: Expression | undefined
      if (kind.kind === 'ASOF') {
        tokens.expectWords('MATCH_CONDITION')
        tokens.expectSymbol('(')
        match = this.expression()
        tokens.expectSymbol(')')
      }
      if (tokens.takeWords('ON')) on = this.expression()
      else if (tokens.takeWords('USING')) using = tokens.parenthesized(() => this.name())
      left = { type: 'join', ...kind, left, right, on, using, match, start: left.start, end: tokens.endOfPrevious }
    }
  }

  #joinKind(): { kind: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS' | 'ASOF'; natural: boolean } | undefined {
    const tokens = this.tokens
    const mark = tokens.mark()
    const natural = tokens.takeWords('NATURAL')
    const word = tokens.takeOneOf('INNER', 'LEFT', 'RIGHT', 'FULL', 'CROSS', 'ASOF')
    if (word === 'LEFT' || word === 'RIGHT' || word === 'FULL') tokens.takeWords('OUTER')
    if (!tokens.takeWords('JOIN')) {
      if (natural) throw tokens.unexpected()
      tokens.rewind(mark)
      return undefined
    }
    return { kind: word ?? 'INNER', natural }
  }

  #table(): TableReference {
    const tokens = this.tokens
    const token = tokens.peek()
    const { start } = token
    const place = () => ({ start, end: tokens.endOfPrevious })
    const lateral = tokens.takeWords('LATERAL')
    if (token.type === 'stage') {
      tokens.next()
      return this.#stage(token.value, start)
    }
    if (token.type === 'string' && token.value.startsWith('@')) {
      tokens.next()
      return this.#stage(token.value, start)
    }
    if (tokens.isSymbol('(')) return this.#inParentheses(lateral, start)
    if (tokens.isWord('VALUES')) {
      const query = this.#valuesQuery()
      return { type: 'subquery', query, lateral, ...this.tableAlias(), ...place() }
    }
    if (tokens.isWord('TABLE') && tokens.isSymbol('(', 1)) {
      tokens.next()
      tokens.next()
      const inner = tokens.peek()
      const parts = this.qualifiedName()
      if (!tokens.isSymbol('(')) {
        tokens.expectSymbol(')')
        return { type: 'named', parts, ...this.tableAlias(), ...place() }
      }
      const call = this.call(parts.join('.'), inner.start)
      tokens.expectSymbol(')')
      return { type: 'function', call, lateral, ...this.tableAlias(), ...place() }
    }
    const parts = this.qualifiedName()
    if (tokens.isSymbol('(')) {
      const call = this.call(parts.join('.'), start)
      return { type: 'function', call, lateral: true, ...this.tableAlias(), ...place() }
    }
    if (tokens.isWord('AT', 'BEFORE') && tokens.isSymbol('(', 1)) throw tokens.unknown('Time Travel (AT | BEFORE)')
    if (tokens.isWord('SAMPLE', 'TABLESAMPLE', 'PIVOT', 'UNPIVOT', 'MATCH_RECOGNIZE', 'CHANGES')) {
      throw tokens.unknown(tokens.peek().value)
    }
    return { type: 'named', parts, ...this.tableAlias(), ...place() }
  }

  #inParentheses(lateral: boolean, start: number): TableReference {
    const tokens = this.tokens
    const place = () => ({ start, end: tokens.endOfPrevious })
    if (this.startsQuery() || (tokens.peek(1).type === 'word' && tokens.peek(1).value === 'VALUES')) {
      tokens.expectSymbol('(')
      const query = this.query()
      tokens.expectSymbol(')')
      return { type: 'subquery', query, lateral, ...this.tableAlias(), ...place() }
    }
    tokens.expectSymbol('(')
    const inner = this.#tables()
    tokens.expectSymbol(')')
    return inner
  }

  #valuesQuery(): Query {
    const { start } = this.tokens.peek()
    const body = this.#term()
    return { with: [], body, orderBy: [], limit: undefined, offset: undefined, start, end: this.tokens.endOfPrevious }
  }

  /** After the location: `(FILE_FORMAT => 'name', PATTERN => '…')`. */
  #stage(text: string, start: number): TableReference {
    const tokens = this.tokens
    const location = parseStageText(text)
    let format: FormatText = { name: undefined, options: new Map() }
    let pattern: string | undefined
    if (tokens.takeSymbol('(')) {
      tokens.list(() => {
        const option = tokens.takeOneOf('FILE_FORMAT', 'PATTERN')
        if (option === undefined) throw tokens.unexpected()
        tokens.expectSymbol('=>')
        if (option === 'PATTERN') pattern = tokens.expectString()
        else format = parseFormat(tokens)
      })
      tokens.expectSymbol(')')
    }
    return { type: 'stage', location, format, pattern, ...this.tableAlias(), start, end: tokens.endOfPrevious }
  }
}
