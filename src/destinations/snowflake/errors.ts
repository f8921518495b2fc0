/**
 * The driver's and the server's errors → ours, with what becomes of them and what a person can do.
 *
 * Snowflake's codes are six digits with a SQL state; the same code often has several meanings, which its message tells.
 * A cause that is handed on has only code and message, and the message only where it cannot quote values of rows.
 */
import { PipelineError } from '../../core/errors.ts'
import { AbandonedStatement } from './abandoned-statement.ts'
import type { DriverError } from './driver.ts'
import {
  bySqlState,
  type ErrorPlace,
  LOCK_HINT,
  RULES,
  type Symptom,
  TIMEOUT_HINT,
  type Translation,
  UNREACHABLE_HINT,
} from './error-rules.ts'

export function translateError(error: unknown, message: string, place: ErrorPlace): PipelineError {
  if (error instanceof PipelineError) return error
  const { code, hint } = meaning(error, place)
  return new PipelineError(code, message, {
    cause: safeCause(error),
    ...(hint === undefined ? {} : { hint }),
    context: { account: place.account, ...(place.table === undefined ? {} : { table: place.table }) },
  })
}

/** The server does not know the session any more: nothing of the statement was carried out. */
export function isSessionGone(error: unknown): boolean {
  return SESSION_GONE.has(symptomOf(error).code)
}

/** 390111 gone, 390104/390112/390113/390114 tokens expired or invalid; 401004, 407001 and 407002: the driver says the same. */
const SESSION_GONE = new Set(['390104', '390111', '390112', '390113', '390114', '401004', '407001', '407002'])

function meaning(error: unknown, place: ErrorPlace): Translation {
  if (error instanceof AbandonedStatement) {
    if (error.reason === 'silence') return { code: 'destination_unreachable', hint: UNREACHABLE_HINT }
    if (error.reason === 'lock') return { code: 'destination_locked', hint: LOCK_HINT }
    return { code: 'destination_busy', hint: TIMEOUT_HINT }
  }
  const symptom = symptomOf(error)
  if (SESSION_GONE.has(symptom.code)) return { code: 'destination_unreachable' }
  for (const { codes, says, means } of RULES) {
    if (codes !== undefined && !codes.includes(symptom.code)) continue
    const found = says?.exec(symptom.message) ?? undefined
    if (says !== undefined && found === undefined) continue
    return means(place, found)
  }
  return bySqlState(symptom)
}

function symptomOf(error: unknown): Symptom {
  const { code, sqlState, message, response, cause } = (error ?? {}) as DriverError
  const inner = cause instanceof Error ? ` ${String((cause as NodeJS.ErrnoException).code ?? '')} ${cause.message}` : ''
  return {
    code: code === undefined ? '' : String(code),
    sqlState: typeof sqlState === 'string' ? sqlState : '',
    message: `${typeof code === 'string' ? `${code} ` : ''}${message ?? String(error)}${inner}`,
    httpStatus: response?.statusCode ?? response?.status,
  }
}

/** SQL states of class 22 are about values; others quote them in these places. */
const QUOTES_VALUES = /^22|^P0000/
const VALUE_BEGINS = /\s*(?:['"[{]|Row Values?:|: \S)/

/** Code and message alone: what the driver attaches has SQL, tokens and pages of sockets. */
function safeCause(error: unknown): Error {
  const { code, sqlState } = symptomOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const mayQuote = QUOTES_VALUES.test(sqlState) || /^100\d{3}$/.test(code)
  const text = (mayQuote ? (message.split(VALUE_BEGINS)[0] ?? '') : message).trim()
  return new Error(/^\d{6}$/.test(code) ? `${text} (Snowflake ${code})` : text)
}
