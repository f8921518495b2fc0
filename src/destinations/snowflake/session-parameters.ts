/**
 * What a session needs to mean the same everywhere: accounts, users and administrators set these differently, and some of
 * them change the meaning of our statements without an error.
 */
import { quoteLiteral } from './identifiers.ts'

export const SESSION_PARAMETERS: Readonly<Record<string, string | number | boolean>> = {
  TIMEZONE: 'UTC',
  DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
  TIME_OUTPUT_FORMAT: 'HH24:MI:SS.FF6',
  TIMESTAMP_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6',
  TIMESTAMP_NTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6',
  TIMESTAMP_LTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM',
  TIMESTAMP_TZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM',
  TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_NTZ',
  DATE_INPUT_FORMAT: 'AUTO',
  TIME_INPUT_FORMAT: 'AUTO',
  TIMESTAMP_INPUT_FORMAT: 'AUTO',
  BINARY_INPUT_FORMAT: 'HEX',
  BINARY_OUTPUT_FORMAT: 'HEX',
  // Text of VARIANT without indentation.
  JSON_INDENT: 0,
  AUTOCOMMIT: true,
  // A statement that fails must not end our transaction behind our back: we roll back ourselves.
  TRANSACTION_ABORT_ON_ERROR: false,
  // "Id" and "ID" are two columns.
  QUOTED_IDENTIFIERS_IGNORE_CASE: false,
  // Two changes for one row are a bug of ours; the default can be switched off for an account.
  ERROR_ON_NONDETERMINISTIC_MERGE: true,
  ERROR_ON_NONDETERMINISTIC_UPDATE: true,
  ROWS_PER_RESULTSET: 0,
  // Not the 12 hours of the default: a client that died in a transaction is cleared away by the server after 5 minutes.
  LOCK_TIMEOUT: 600,
}

export function sessionParameterStatement(parameters: Readonly<Record<string, string | number | boolean>>): string {
  const assignments = Object.entries(parameters).map(
    ([name, value]) => `${name} = ${typeof value === 'string' ? quoteLiteral(value) : String(value).toUpperCase()}`,
  )
  return `ALTER SESSION SET ${assignments.join(' ')}`
}
