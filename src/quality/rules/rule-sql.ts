/**
 * Rules → SQL. Most of them ask each row by itself: they become two counters of the one scan that every file gets anyway. What
 * must compare rows (unique keys, references, queries of people) is told apart: each of those is a pass of its own.
 */
import type { CheckRule } from '../../core/file-check.ts'
import type { ColumnType } from '../../core/table-schema.ts'
import type { RuleDialect } from './rule-dialect.ts'

export interface RuleColumn {
  readonly name: string
  readonly type: ColumnType
  /** How dates and times are written in the rule, in the letters of strptime; undefined: ISO 8601. */
  readonly format: string | undefined
  /** The value with its type, as SQL. */
  readonly value: string
}

export interface RuleScope {
  readonly dialect: RuleDialect
  readonly columns: ReadonlyMap<string, RuleColumn>
  readonly decimalSeparator: '.' | ','
}

export interface RowRule {
  readonly kind: 'row'
  readonly rule: CheckRule
  /** Aggregates: rows that the question was asked of, and rows that fail. */
  readonly evaluated: string
  readonly failed: string
  /** True for a row that fails. */
  readonly condition: string
  /** What of the row is at fault, for people. */
  readonly reason: string
}

export interface ApartRule {
  readonly kind: 'unique' | 'references' | 'query'
  readonly rule: CheckRule
}

/** The columns that it names are not there. */
export interface LostRule {
  readonly kind: 'lost'
  readonly rule: CheckRule
  readonly missing: readonly string[]
}

export type CompiledRule = RowRule | ApartRule | LostRule

export function compileRule(rule: CheckRule, scope: RuleScope): CompiledRule {
  const missing = columnsOf(rule).filter((name) => !scope.columns.has(name))
  if (missing.length > 0) return { kind: 'lost', rule, missing }
  const { question } = rule
  switch (question.kind) {
    case 'unique':
    case 'references':
    case 'query':
      return { kind: question.kind, rule }
    case 'condition': {
      const condition = `(${question.sql}\n)`
      return {
        kind: 'row',
        rule,
        evaluated: scope.dialect.countIf(`${condition} IS NOT NULL`),
        failed: scope.dialect.countIf(`NOT ${condition}`),
        condition: `NOT ${condition}`,
        reason: `not (${question.sql.trim()})`,
      }
    }
    case 'not_null': {
      const condition = question.columns.map((name) => `${typedName(scope, name)} IS NULL`).join(' OR ')
      const failed = scope.dialect.countIf(condition)
      const reason = `${question.columns.join(', ')} must have a value`
      return { kind: 'row', rule, evaluated: 'count(*)', failed, condition, reason }
    }
    case 'range':
    case 'pattern':
    case 'length':
    case 'values': {
      const column = scope.columns.get(question.column)
      if (column === undefined) return { kind: 'lost', rule, missing: [question.column] }
      const { condition, reason } = valueCondition(question, column, scope)
      const { dialect } = scope
      return {
        kind: 'row',
        rule,
        evaluated: `count(${column.value})`,
        failed: dialect.countIf(condition),
        condition,
        reason: `${column.name} ${reason}`,
      }
    }
  }
}

type ValueQuestion = Extract<CheckRule['question'], { readonly kind: 'range' | 'pattern' | 'length' | 'values' }>

/** True where the value is wrong; NULL where there is none. */
function valueCondition(
  question: ValueQuestion,
  column: RuleColumn,
  { dialect, decimalSeparator }: RuleScope,
): { readonly condition: string; readonly reason: string } {
  const { value, type } = column
  const typed = (text: string) => typedLiteral(text, column, dialect, decimalSeparator)
  switch (question.kind) {
    case 'range': {
      const { min, max } = question
      const parts = [
        ...(min === undefined ? [] : [`${value} < ${typed(min)}`]),
        ...(max === undefined ? [] : [`${value} > ${typed(max)}`]),
      ]
      const told = [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])]
      return { condition: parts.join(' OR ') || 'FALSE', reason: `must be ${told.join(' and ')}` }
    }
    case 'pattern': {
      const text = isText(type) ? value : dialect.text(value, type.kind)
      const matches = dialect.matches(text, dialect.literal(question.pattern))
      return { condition: `NOT ${matches}`, reason: `must match ${question.pattern}` }
    }
    case 'length': {
      const { min, max } = question
      const length = dialect.length(isText(type) ? value : dialect.text(value, type.kind))
      const parts = [
        ...(min === undefined ? [] : [`${length} < ${whole(min)}`]),
        ...(max === undefined ? [] : [`${length} > ${whole(max)}`]),
      ]
      const told = [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])]
      return { condition: parts.join(' OR ') || 'FALSE', reason: `must have ${told.join(' and ')} characters` }
    }
    case 'values': {
      const list = question.values.map(typed)
      const reason = `must be one of ${question.values.slice(0, 10).join(', ')}${question.values.length > 10 ? ', …' : ''}`
      return { condition: list.length === 0 ? `${value} IS NOT NULL` : dialect.isNoneOf(value, list), reason }
    }
  }
}

/** Columns that a rule names. Those of a person's SQL are found by whoever reads it. */
export function columnsOf({ question }: CheckRule): readonly string[] {
  switch (question.kind) {
    case 'not_null':
    case 'unique':
      return question.columns
    case 'range':
    case 'pattern':
    case 'length':
    case 'values':
    case 'references':
      return [question.column]
    case 'condition':
    case 'query':
      return []
  }
}

/** A value as it is written in the file → SQL of the column's type. */
function typedLiteral(
  text: string,
  { type, format }: RuleColumn,
  dialect: RuleDialect,
  decimalSeparator: '.' | ',',
): string {
  if (isText(type)) return dialect.literal(text)
  const isTime =
    type.kind === 'date' || type.kind === 'timestamp' || type.kind === 'timestamptz' || type.kind === 'time'
  const literal = dialect.literal(isTime || decimalSeparator === '.' ? text : text.replace(',', '.'))
  const isIso = /^\d{4}-\d\d-\d\d/.test(text)
  if (isTime && format !== undefined && !isIso) return dialect.parseTime(literal, format, type)
  return `CAST(${literal} AS ${dialect.typeName(type)})`
}

function isText(type: ColumnType): boolean {
  return type.kind === 'text' || type.kind === 'json'
}

function typedName({ columns }: RuleScope, name: string): string {
  return columns.get(name)?.value ?? 'NULL'
}

function whole(value: number): string {
  return String(Math.trunc(value))
}
