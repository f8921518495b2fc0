/** Arithmetic, comparison, logic, LIKE (docs: sql-reference/operators). */
import type { Statement } from './binding.ts'
import { compilationError, unknown } from './binding.ts'
import { asText, cast } from './cast.ts'
import { comparable, unified } from './coercion.ts'
import type { DataType } from './data-type.ts'
import { storedType, typeText } from './data-type.ts'
import { productType, quotientType, sumType, unionType } from './number-types.ts'
import type { Expression } from './syntax-tree.ts'
import type { Value } from './value.ts'
import { BOOLEAN, exactSql, FLOAT, isSemiStructured, isTimestamp, NULL_VALUE, number, TEXT, value } from './value.ts'

type Place = { readonly start: number; readonly end: number }

export function condition(statement: Statement, of: Value): Value {
  return of.type.kind === 'BOOLEAN' && !of.untyped ? of : cast(statement, of, BOOLEAN)
}

export function logic(statement: Statement, operator: 'AND' | 'OR', left: Value, right: Value): Value {
  const [a, b] = [condition(statement, left), condition(statement, right)]
  return value(`(${a.sql} ${operator} ${b.sql})`, BOOLEAN, { nullable: a.nullable || b.nullable })
}

/** `=`, `<>`, `<`, … and IS [NOT] DISTINCT FROM. */
export function compare(statement: Statement, operator: string, left: Value, right: Value, at: Place): Value {
  const [a = left, b = right] = comparable(statement, [left, right])
  const equality = ['=', '<>', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'].includes(operator)
  if (!equality && (isSemiStructured(a.type) || isSemiStructured(b.type)) && !a.untyped && !b.untyped) {
    return compareVariants(statement, operator, left, right, at)
  }
  const nullable = operator.startsWith('IS') ? false : a.nullable || b.nullable
  return value(`(${a.sql} ${operator} ${b.sql})`, BOOLEAN, { nullable })
}

/** An order of VARIANTs needs their types; with a typed value beside it, that one's type is taken. */
function compareVariants(statement: Statement, operator: string, left: Value, right: Value, at: Place): Value {
  const typed = [left, right].find((one) => !isSemiStructured(one.type))
  if (typed === undefined) throw unknown(statement, at, 'the order of two VARIANTs: cast one of them')
  const type = typed.type.kind === 'NUMBER' ? FLOAT : typed.type
  const [a, b] = [cast(statement, left, type), cast(statement, right, type)]
  return value(`(${a.sql} ${operator} ${b.sql})`, BOOLEAN)
}

export function arithmetic(statement: Statement, operator: string, left: Value, right: Value, at: Place): Value {
  if (operator === '||') return concatenation(statement, left, right)
  if (left.type.kind === 'DATE' || isTimestamp(left.type) || right.type.kind === 'DATE' || isTimestamp(right.type)) {
    return dateArithmetic(statement, operator, left, right, at)
  }
  const [a, b] = [operand(statement, left, operator, at), operand(statement, right, operator, at)]
  const nullable = a.nullable || b.nullable
  if (a.type.kind !== 'NUMBER' || b.type.kind !== 'NUMBER') {
    const [x, y] = [cast(statement, a, FLOAT).sql, cast(statement, b, FLOAT).sql]
    if (operator === '/') return value(`sf_divide_float(${x}, ${y})`, FLOAT, { nullable })
    if (operator === '%') return value(`sf_modulo(${x}, ${y})`, FLOAT, { nullable })
    return value(`(${x} ${operator} ${y})`, FLOAT, { nullable })
  }
  const [x, y] = [exactSql(a), exactSql(b)]
  switch (operator) {
    case '+':
    case '-':
      return value(`(${x} ${operator} ${y})`, sumType(a.type, b.type), { nullable })
    case '*': {
      const type = productType(a.type, b.type)
      if (a.type.scale + b.type.scale > 38)
        throw unknown(statement, at, `a product with ${a.type.scale + b.type.scale} decimal places`)
      return value(`CAST(${x} * ${y} AS ${storedType(type)})`, type, { nullable })
    }
    case '/': {
      const type = quotientType(a.type, b.type)
      const quotient = `sf_divide(CAST(${x} AS VARCHAR), CAST(${y} AS VARCHAR), ${type.scale})`
      return value(`CAST(${quotient} AS ${storedType(type)})`, type, { nullable })
    }
    default:
      return value(
        `CAST(sf_modulo(${x}, ${y}) AS ${storedType(unionType(a.type, b.type))})`,
        unionType(a.type, b.type),
        { nullable },
      )
  }
}

/** Text counts as a number, a VARIANT too. */
function operand(statement: Statement, of: Value, operator: string, at: Place): Value {
  if (of.untyped) return cast(statement, NULL_VALUE, number(38, 0))
  const { type } = of
  if (type.kind === 'NUMBER' || type.kind === 'FLOAT') return of
  if (type.kind === 'VARCHAR') return cast(statement, of, number(18, 5))
  if (type.kind === 'VARIANT') return cast(statement, of, FLOAT)
  throw compilationError(
    statement,
    at,
    '001044',
    '42P13',
    `Invalid argument types for function '${operator}': (${typeText(type)})`,
  )
}

function concatenation(statement: Statement, left: Value, right: Value): Value {
  const nullable = left.nullable || right.nullable
  if (left.untyped || right.untyped) return cast(statement, NULL_VALUE, TEXT)
  if (left.type.kind === 'BINARY' && right.type.kind === 'BINARY') {
    return value(
      `(${left.sql} || ${right.sql})`,
      { kind: 'BINARY', length: left.type.length + right.type.length },
      { nullable },
    )
  }
  const [a, b] = [asText(statement, left), asText(statement, right)]
  const length =
    a.type.kind === 'VARCHAR' && b.type.kind === 'VARCHAR' ? a.type.length + b.type.length : Number.POSITIVE_INFINITY
  const type: DataType = length > 16_777_216 ? TEXT : { kind: 'VARCHAR', length }
  return value(`(${a.sql} || ${b.sql})`, type, { nullable })
}

function dateArithmetic(statement: Statement, operator: string, left: Value, right: Value, at: Place): Value {
  const nullable = left.nullable || right.nullable
  const days = (of: Value) => `to_days(CAST(${cast(statement, of, number(38, 0)).sql} AS INTEGER))`
  if (operator === '-' && left.type.kind === 'DATE' && right.type.kind === 'DATE') {
    return value(`(${left.sql} - ${right.sql})`, number(9, 0), { exact: false, nullable })
  }
  if ((operator === '+' || operator === '-') && right.type.kind === 'NUMBER' && left.type.kind === 'DATE') {
    return value(`CAST(${left.sql} ${operator} ${days(right)} AS DATE)`, left.type, { nullable })
  }
  if (operator === '+' && left.type.kind === 'NUMBER' && right.type.kind === 'DATE') {
    return value(`CAST(${right.sql} + ${days(left)} AS DATE)`, right.type, { nullable })
  }
  throw compilationError(
    statement,
    at,
    '001044',
    '42P13',
    `Invalid argument types for function '${operator}': (${typeText(left.type)}, ${typeText(right.type)})`,
  )
}

const UNITS: Readonly<Record<string, string>> = {
  year: 'to_years',
  month: 'to_months',
  week: 'to_weeks',
  day: 'to_days',
  hour: 'to_hours',
  minute: 'to_minutes',
  second: 'to_seconds',
  millisecond: 'to_milliseconds',
  microsecond: 'to_microseconds',
}

/** `d + INTERVAL '1 day, 2 hours'` (docs: sql-reference/data-types-datetime, interval constants). */
export function plusInterval(statement: Statement, operator: string, left: Value, text: string, at: Place): Value {
  let sql = left.type.kind === 'DATE' ? `CAST(${left.sql} AS TIMESTAMP)` : left.sql
  let whole = true
  for (const piece of text.split(',')) {
    const found = /^\s*([+-]?\d+)\s*([a-z]*)\s*$/i.exec(piece)
    const unit = (found?.[2] ?? '').toLowerCase().replace(/s$/, '') || 'second'
    const make = UNITS[unit]
    if (found === null || make === undefined) throw unknown(statement, at, `INTERVAL '${text}'`)
    if (!['year', 'month', 'week', 'day'].includes(unit)) whole = false
    sql = `(${sql} ${operator} ${make}(${found[1] ?? '0'}))`
  }
  if (left.type.kind === 'DATE' && whole) return value(`CAST(${sql} AS DATE)`, left.type, { nullable: left.nullable })
  const type: DataType = left.type.kind === 'DATE' ? { kind: 'TIMESTAMP_NTZ', precision: 9 } : left.type
  return value(sql, type, { nullable: left.nullable })
}

export function negative(statement: Statement, of: Value, at: Place): Value {
  const number = operand(statement, of, '-', at)
  const sql = number.exact ? `(-${number.sql})` : `(-(${number.sql}))`
  return {
    ...value(sql, number.type, { exact: number.exact, nullable: number.nullable }),
    ...(of.constant === undefined ? {} : { constant: `-${of.constant}` }),
  }
}

export function inList(statement: Statement, of: Value, list: readonly Value[], not: boolean): Value {
  const [first = of, ...rest] = comparable(statement, [of, ...list])
  return value(`(${first.sql} ${not ? 'NOT IN' : 'IN'} (${rest.map((one) => one.sql).join(', ')}))`, BOOLEAN)
}

export function like(
  statement: Statement,
  expression: Expression & { type: 'like' },
  of: Value,
  patterns: readonly Value[],
  escapeWith: Value | undefined,
): Value {
  const subject = asText(statement, of)
  const one = (pattern: Value) => {
    const text = asText(statement, pattern)
    // Snowflake's RLIKE must match the whole subject.
    if (expression.operator === 'RLIKE') return `regexp_full_match(${subject.sql}, ${text.sql})`
    const end = escapeWith === undefined ? '' : ` ESCAPE ${asText(statement, escapeWith).sql}`
    return `(${subject.sql} ${expression.operator} ${text.sql}${end})`
  }
  const joined = patterns.map(one).join(expression.quantifier === 'ALL' ? ' AND ' : ' OR ')
  return value(expression.not ? `(NOT (${joined}))` : `(${joined})`, BOOLEAN)
}

/** CASE, IFF, DECODE: conditions and results, which get one type. */
export function choice(
  statement: Statement,
  whens: readonly { readonly when: string; readonly result: Value }[],
  otherwise: Value | undefined,
): Value {
  const last = otherwise ?? NULL_VALUE
  const { type, values } = unified(statement, [...whens.map((when) => when.result), last])
  const branches = whens.map((when, index) => `WHEN ${when.when} THEN ${exactSql(values[index] ?? last)}`)
  const nullable = values.some((one) => one.nullable)
  const tail = otherwise === undefined ? '' : ` ELSE ${exactSql(values.at(-1) ?? last)}`
  return value(`CASE ${branches.join(' ')}${tail} END`.replace(/^(.*)$/s, '($1)'), type, { nullable })
}

export function firstNotNull(statement: Statement, values: readonly Value[]): Value {
  const { type, values: same } = unified(statement, values)
  const nullable = same.every((one) => one.nullable)
  return value(`COALESCE(${same.map(exactSql).join(', ')})`, type, { nullable })
}
