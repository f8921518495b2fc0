/** What the parts of the translator ask of each other while one statement is bound. */

import { placeOf } from './lexer.ts'
import type { Relation, SessionContext, StageRows } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { Call, Expression, TableReference } from './syntax-tree.ts'
import { unknownSql } from './token-stream.ts'
import type { Value } from './value.ts'

/** One statement: its text, its session, and what it has touched so far. */
export interface Statement {
  readonly sql: string
  readonly context: SessionContext
  /** What each stage of a FROM clause was opened as. */
  readonly stages: ReadonlyMap<TableReference, StageRows>
  readonly reads: Relation[]
  /** How many views are around it. */
  readonly depth: number
  /** A name that is new in this statement, with this prefix. */
  readonly fresh: (prefix: string) => string
}

/** What functions need of the binder that calls them. */
export interface Binder {
  readonly statement: Statement
  bind(expression: Expression): Value
  /** Aggregates in the functions of a call's OVER clause and ORDER BY items. */
  orderBy(items: Call['withinGroup']): string
  window(call: Call, wholeFrame: boolean): string
}

/** A function's translation; throws SnowflakeError. */
export type FunctionBinder = (call: Call, binder: Binder) => Value

export type FunctionTable = Readonly<Record<string, FunctionBinder>>

/** What a plain TIMESTAMP is in this session. */
export function timestampMapping(context: SessionContext): 'TIMESTAMP_NTZ' | 'TIMESTAMP_LTZ' | 'TIMESTAMP_TZ' {
  const name = context.parameters.get('TIMESTAMP_TYPE_MAPPING')
  return name === 'TIMESTAMP_LTZ' || name === 'TIMESTAMP_TZ' ? name : 'TIMESTAMP_NTZ'
}

export function parameter(statement: Statement, name: string, fallback: string): string {
  return statement.context.parameters.get(name) ?? fallback
}

export function timeZone(statement: Statement): string {
  // Snowflake's default for TIMEZONE.
  return parameter(statement, 'TIMEZONE', 'America/Los_Angeles')
}

/** `SQL compilation error: error line 1 at position 7` and what is wrong. */
export function compilationError(
  statement: Statement,
  at: { readonly start: number },
  code: string,
  sqlState: string,
  message: string,
): SnowflakeError {
  const { line, position } = placeOf(statement.sql, at.start)
  return new SnowflakeError(
    code,
    sqlState,
    `SQL compilation error: error line ${line} at position ${position}\n${message}`,
    line,
    position,
  )
}

export function unknown(statement: Statement, at: { readonly start: number }, what: string): SnowflakeError {
  return unknownSql(statement.sql, what, at.start)
}

/** The call with exactly as many arguments as it may have, bound. */
export function boundArguments(call: Call, binder: Binder, least: number, most = least): readonly Value[] {
  checkCount(call, binder, least, most)
  return call.args.map((argument) => binder.bind(argument))
}

export function checkCount(call: Call, binder: Binder, least: number, most = least): void {
  const given = call.args.length
  if (given >= least && given <= most && !call.star) return
  const [code, word] = given < least ? ['000938', 'not enough'] : ['000939', 'too many']
  throw compilationError(
    binder.statement,
    call,
    code,
    '22023',
    `${word} arguments for function [${binder.statement.sql.slice(call.start, call.end)}], expected ${given < least ? least : most}, got ${given}`,
  )
}

/** An argument that was checked to be there. */
export function argument(values: readonly Value[], index: number): Value {
  const found = values[index]
  if (found === undefined) throw new Error(`argument ${index} is missing`)
  return found
}

export function sourceOf(statement: Statement, expression: { readonly start: number; readonly end: number }): string {
  return statement.sql.slice(expression.start, expression.end)
}
