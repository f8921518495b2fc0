/** Expressions: names looked up, types found, DuckDB's SQL written. */
import { aggregateFunctions } from './aggregate-functions.ts'
import { bindConstant } from './bind-constant.ts'
import type { Binder, FunctionTable, Statement } from './binding.ts'
import { compilationError, unknown } from './binding.ts'
import { cast, variantText } from './cast.ts'
import { conditionalFunctions } from './conditional-functions.ts'
import { conversionFunctions } from './conversion-functions.ts'
import { dateFunctions } from './date-functions.ts'
import { numberFunctions } from './number-functions.ts'
import { arithmetic, choice, compare, condition, inList, like, logic, negative, plusInterval } from './operators.ts'
import { columnValue, type Scope } from './scope.ts'
import { semiStructuredFunctions } from './semi-structured-functions.ts'
import { sessionFunctions, sessionWords } from './session-functions.ts'
import { stageMetadata, stagePath, stagePosition } from './stage-value.ts'
import { textLiteral } from './stored-name.ts'
import type { Call, Expression, FrameBound, OrderItem, PathStep, Query } from './syntax-tree.ts'
import { textFunctions } from './text-functions.ts'
import type { Value } from './value.ts'
import { BOOLEAN, isSemiStructured, NULL_VALUE, numberConstant, textConstant, VARIANT, value } from './value.ts'
import { windowFunctions } from './window-functions.ts'

const FUNCTIONS: FunctionTable = {
  ...aggregateFunctions,
  ...windowFunctions,
  ...conditionalFunctions,
  ...conversionFunctions,
  ...dateFunctions,
  ...numberFunctions,
  ...textFunctions,
  ...semiStructuredFunctions,
  ...sessionFunctions,
}

/** A query within an expression, bound with the scope around it. */
export type QueryBinder = (
  query: Query,
  scope: Scope,
) => { readonly sql: string; readonly columns: readonly { readonly type: Value['type'] }[] }

export class ExpressionBinder implements Binder {
  readonly statement: Statement
  readonly #scope: Scope
  readonly #bindQuery: QueryBinder

  constructor(statement: Statement, scope: Scope, bindQuery: QueryBinder) {
    this.statement = statement
    this.#scope = scope
    this.#bindQuery = bindQuery
  }

  bind(expression: Expression): Value {
    const { statement } = this
    switch (expression.type) {
      case 'number':
        return numberConstant(expression.text)
      case 'string':
        return textConstant(expression.value)
      case 'boolean':
        return value(expression.value ? 'true' : 'false', BOOLEAN, { nullable: false })
      case 'null':
        return NULL_VALUE
      case 'column':
        return this.#column(expression)
      case 'position':
        return this.#position(expression)
      case 'variable':
        return this.#variable(expression)
      case 'bind':
        return bindConstant(statement, expression)
      case 'path':
        return this.#path(expression)
      case 'cast':
        return this.#cast(expression)
      case 'unary':
        return this.#unary(expression)
      case 'binary':
        return this.#binary(expression)
      case 'is':
        return this.#is(expression)
      case 'distinct': {
        const operator = expression.not ? 'IS NOT DISTINCT FROM' : 'IS DISTINCT FROM'
        return compare(statement, operator, this.bind(expression.left), this.bind(expression.right), expression)
      }
      case 'between': {
        const of = this.bind(expression.of)
        const low = compare(statement, '>=', of, this.bind(expression.low), expression)
        const high = compare(statement, '<=', of, this.bind(expression.high), expression)
        const both = logic(statement, 'AND', low, high)
        return expression.not ? { ...both, sql: `(NOT ${both.sql})` } : both
      }
      case 'in':
        return this.#in(expression)
      case 'in_query':
        return this.#inQuery(expression)
      case 'like': {
        const patterns = expression.patterns.map((pattern) => this.bind(pattern))
        const escapeWith = expression.escape === undefined ? undefined : this.bind(expression.escape)
        return like(statement, expression, this.bind(expression.of), patterns, escapeWith)
      }
      case 'case':
        return this.#case(expression)
      case 'call':
        return this.#call(expression)
      case 'exists':
        return value(`EXISTS (${this.#bindQuery(expression.query, this.#scope).sql})`, BOOLEAN, { nullable: false })
      case 'scalar_query':
        return this.#scalarQuery(expression)
      case 'array':
        return this.#function('ARRAY_CONSTRUCT', expression.items, expression)
      case 'object': {
        const args = expression.entries.flatMap(({ key, value: of }): Expression[] => [
          { type: 'string', value: key, start: of.start, end: of.end },
          of,
        ])
        return this.#function('OBJECT_CONSTRUCT', args, expression)
      }
      case 'interval':
        throw unknown(statement, expression, 'INTERVAL outside of an addition to a date')
      case 'tuple':
        throw unknown(statement, expression, 'a list of values here')
    }
  }

  condition(expression: Expression): string {
    return condition(this.statement, this.bind(expression)).sql
  }

  #column(expression: Expression & { type: 'column' }): Value {
    const found = this.#scope.resolve(expression.parts)
    if (found !== undefined) return found
    const name = expression.parts.join('.')
    if (expression.bare) {
      const [word = ''] = expression.parts
      const staged = this.#scope.relations.find((relation) => relation.stage !== undefined)
      if (staged?.stage !== undefined && word.startsWith('METADATA$')) {
        return stageMetadata(this.statement, staged.stage.rows, expression, word)
      }
      const session = sessionWords[word]
      if (session !== undefined) return session(this.statement)
    }
    throw compilationError(this.statement, expression, '000904', '42000', `invalid identifier '${name}'`)
  }

  #position(expression: Expression & { type: 'position' }): Value {
    const relation = this.#scope.relationOf(expression.qualifier)
    if (relation?.stage !== undefined) {
      return stagePosition(this.statement, relation.stage.rows, relation.stage.alias, expression.index)
    }
    const column = relation?.columns[expression.index - 1]
    if (column === undefined) {
      throw compilationError(this.statement, expression, '000904', '42000', `invalid identifier '$${expression.index}'`)
    }
    return columnValue(column, column.sql)
  }

  #variable(expression: Expression & { type: 'variable' }): Value {
    const variable = this.statement.context.variables.get(expression.name)
    if (variable === undefined) {
      throw compilationError(
        this.statement,
        expression,
        '002211',
        '02000',
        `Session variable '$${expression.name}' does not exist`,
      )
    }
    if (variable.value === null) return NULL_VALUE
    return cast(this.statement, textConstant(variable.value), variable.type)
  }

  #path(expression: Expression & { type: 'path' }): Value {
    const { of } = expression
    if (of.type === 'position') {
      const stage = this.#scope.relationOf(of.qualifier)?.stage
      const found = stage && stagePath(this.statement, stage.rows, stage.alias, of, expression.steps)
      if (found)
        return found.rest.length === 0 ? found.column : this.#steps({ ...found.column }, found.rest, expression)
    }
    return this.#steps(this.bind(of), expression.steps, expression)
  }

  #steps(of: Value, steps: readonly PathStep[], at: Expression): Value {
    if (!isSemiStructured(of.type)) {
      throw compilationError(
        this.statement,
        at,
        '001044',
        '42P13',
        `Invalid argument types for function 'GET': (${of.type.kind}, VARCHAR)`,
      )
    }
    const { native: _native, ...plain } = of
    return steps.reduce<Value>((inner, step) => ({ ...this.#step(inner, step), exact: true }), plain)
  }

  /** One key or index of a VARIANT; a string that is not a key gives NULL, as does an index of an object. */
  #step(of: Value, step: PathStep): Value {
    if ('field' in step) return value(`json_extract(${of.sql}, ${textLiteral(pointer(step.field))})`, VARIANT)
    const index = this.bind(step.index)
    if (index.constant !== undefined && index.type.kind === 'VARCHAR') {
      return value(`json_extract(${of.sql}, ${textLiteral(pointer(index.constant))})`, VARIANT)
    }
    if (index.constant !== undefined && /^\d+$/.test(index.constant)) {
      return value(`json_extract(${of.sql}, '$[${index.constant}]')`, VARIANT)
    }
    if (index.type.kind === 'VARCHAR') {
      const escaped = `'/' || replace(replace(${index.sql}, '~', '~0'), '/', '~1')`
      return value(`CASE WHEN json_type(${of.sql}) = 'OBJECT' THEN json_extract(${of.sql}, ${escaped}) END`, VARIANT)
    }
    const position = cast(this.statement, index, { kind: 'NUMBER', precision: 10, scale: 0 })
    return value(
      `CASE WHEN ${position.sql} >= 0 THEN json_extract(${of.sql}, '$[' || CAST(${position.sql} AS VARCHAR) || ']') END`,
      VARIANT,
    )
  }

  #cast(expression: Expression & { type: 'cast' }): Value {
    const of = this.bind(expression.of)
    const { to, lenient, start } = expression
    if (lenient && of.type.kind !== 'VARCHAR' && !of.untyped) {
      throw compilationError(
        this.statement,
        expression,
        '001065',
        '22023',
        `Function TRY_CAST cannot be used with arguments of types ${of.type.kind} and ${to.kind}`,
      )
    }
    return cast(this.statement, of, to, { lenient, start })
  }

  #unary(expression: Expression & { type: 'unary' }): Value {
    const of = this.bind(expression.of)
    if (expression.operator === 'NOT') {
      const { sql, nullable } = condition(this.statement, of)
      return value(`(NOT ${sql})`, BOOLEAN, { nullable })
    }
    if (expression.operator === '-') return negative(this.statement, of, expression)
    return of.type.kind === 'VARCHAR' ? cast(this.statement, of, { kind: 'NUMBER', precision: 18, scale: 5 }) : of
  }

  #binary(expression: Expression & { type: 'binary' }): Value {
    const { statement } = this
    const { operator } = expression
    if (expression.right.type === 'interval' && (operator === '+' || operator === '-')) {
      return plusInterval(statement, operator, this.bind(expression.left), expression.right.text, expression)
    }
    if (expression.left.type === 'tuple' && expression.right.type === 'tuple' && operator === '=') {
      return this.#equalTuples(expression.left.items, expression.right.items, expression)
    }
    const left = this.bind(expression.left)
    const right = this.bind(expression.right)
    if (operator === 'AND' || operator === 'OR') return logic(statement, operator, left, right)
    if (['+', '-', '*', '/', '%', '||'].includes(operator))
      return arithmetic(statement, operator, left, right, expression)
    return compare(statement, operator, left, right, expression)
  }

  #equalTuples(left: readonly Expression[], right: readonly Expression[], at: Expression): Value {
    const pairs = left.map((item, index) => {
      const other = right[index]
      if (other === undefined || left.length !== right.length)
        throw unknown(this.statement, at, 'lists of different length')
      return compare(this.statement, '=', this.bind(item), this.bind(other), at).sql
    })
    return value(`(${pairs.join(' AND ')})`, BOOLEAN)
  }

  #is(expression: Expression & { type: 'is' }): Value {
    const of = this.bind(expression.of)
    const no = expression.not ? 'NOT ' : ''
    if (expression.what === 'NULL') return value(`(${of.sql} IS ${no}NULL)`, BOOLEAN, { nullable: false })
    const truth = condition(this.statement, of).sql
    return value(`(${truth} IS ${no}${expression.what})`, BOOLEAN, { nullable: false })
  }

  #in(expression: Expression & { type: 'in' }): Value {
    if (expression.of.type !== 'tuple') {
      const list = expression.list.map((item) => this.bind(item))
      return inList(this.statement, this.bind(expression.of), list, expression.not)
    }
    const of = expression.of.items
    const equal = expression.list.map((item) => {
      if (item.type !== 'tuple') throw unknown(this.statement, item, 'a single value beside a list')
      return this.#equalTuples(of, item.items, item).sql
    })
    return value(`(${expression.not ? 'NOT ' : ''}(${equal.join(' OR ')}))`, BOOLEAN)
  }

  #inQuery(expression: Expression & { type: 'in_query' }): Value {
    const items = expression.of.type === 'tuple' ? expression.of.items : [expression.of]
    const values = items.map((item) => this.bind(item))
    const left = values.map(({ sql }) => sql)
    const query = this.#bindQuery(expression.query, this.#scope)
    if (query.columns.length !== items.length) {
      throw unknown(this.statement, expression, `IN with ${items.length} and ${query.columns.length} columns`)
    }
    values.forEach((one, index) => {
      const other = query.columns[index]?.type.kind
      const numbers = ['NUMBER', 'FLOAT']
      const alike = one.type.kind === other || (numbers.includes(one.type.kind) && numbers.includes(other ?? ''))
      if (!alike && !one.untyped)
        throw unknown(this.statement, expression, `IN of ${one.type.kind} and a query of ${other ?? ''}`)
    })
    const of = left.length === 1 ? left[0] : `(${left.join(', ')})`
    return value(`(${of} ${expression.not ? 'NOT IN' : 'IN'} (${query.sql}))`, BOOLEAN)
  }

  #case(expression: Expression & { type: 'case' }): Value {
    const { statement } = this
    const of = expression.of === undefined ? undefined : this.bind(expression.of)
    const whens = expression.whens.map(({ when, result }) => ({
      when: of === undefined ? this.condition(when) : compare(statement, '=', of, this.bind(when), expression).sql,
      result: this.bind(result),
    }))
    return choice(statement, whens, expression.otherwise === undefined ? undefined : this.bind(expression.otherwise))
  }

  #scalarQuery(expression: Expression & { type: 'scalar_query' }): Value {
    const query = this.#bindQuery(expression.query, this.#scope)
    const [column] = query.columns
    if (column === undefined || query.columns.length > 1) {
      throw unknown(this.statement, expression, 'a query with several columns as a value')
    }
    return value(`(${query.sql})`, column.type)
  }

  #call(call: Call): Value {
    const found = FUNCTIONS[call.name]
    if (found === undefined) {
      throw compilationError(
        this.statement,
        call,
        '002140',
        '42601',
        `Unknown function ${call.name} (the local Snowflake does not know it)`,
      )
    }
    return found(call, this)
  }

  #function(name: string, args: readonly Expression[], at: Expression): Value {
    const plain = { named: [], star: false, distinct: false, withinGroup: [], ignoreNulls: false, over: undefined }
    return this.#call({ type: 'call', name, args, ...plain, start: at.start, end: at.end })
  }

  /** `ORDER BY …` items with Snowflake's place of NULLs: last when ascending, first when descending. */
  orderBy(items: readonly OrderItem[]): string {
    return items.map((item) => this.orderItem(this.bind(item.expression), item)).join(', ')
  }

  orderItem(of: Value, item: OrderItem): string {
    const direction = item.descending ? 'DESC' : 'ASC'
    const nulls = (item.nullsFirst ?? item.descending) ? 'NULLS FIRST' : 'NULLS LAST'
    const key = (sql: string) => `${sql} ${direction} ${nulls}`
    if (of.type.kind !== 'VARIANT') return key(/^\d+$/.test(of.sql) ? `(${of.sql} + 0)` : of.sql)
    // Numbers of a VARIANT in their order; other types by their text.
    const text = variantText(of).sql
    return `${key(`TRY_CAST(${text} AS DOUBLE)`)}, ${key(text)}`
  }

  /** `OVER (…)`; '' for a call without one. `wholeFrame`: the function's own frame is the whole partition. */
  window(call: Call, wholeFrame: boolean): string {
    const { over } = call
    if (over === undefined) return ''
    const parts: string[] = []
    if (over.partitionBy.length > 0) {
      parts.push(`PARTITION BY ${over.partitionBy.map((item) => this.bind(item).sql).join(', ')}`)
    }
    if (over.orderBy.length > 0) parts.push(`ORDER BY ${this.orderBy(over.orderBy)}`)
    if (over.frame !== undefined) {
      const from = this.#frameBound(over.frame.from)
      const { to } = over.frame
      parts.push(`${over.frame.unit} ${to === undefined ? from : `BETWEEN ${from} AND ${this.#frameBound(to)}`}`)
    } else if (wholeFrame) parts.push('ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING')
    return ` OVER (${parts.join(' ')})`
  }

  #frameBound(bound: FrameBound): string {
    return bound.offset === undefined ? bound.type : `${this.bind(bound.offset).sql} ${bound.type}`
  }
}

/** A JSON pointer to one key: it takes any character, which DuckDB's `$.key` does not. */
function pointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
