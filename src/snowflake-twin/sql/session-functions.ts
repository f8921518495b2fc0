/** What a session knows of itself (docs: sql-reference/functions-context), and SYSTEM$ functions that are questions about values. */
import type { FunctionTable, Statement } from './binding.ts'
import { argument, boundArguments, unknown } from './binding.ts'
import { wallClock } from './cast-moment.ts'
import type { DataType } from './data-type.ts'
import { storedType, typeText } from './data-type.ts'
import { textLiteral } from './stored-name.ts'
import type { Value } from './value.ts'
import { TEXT, value } from './value.ts'

const VERSION = '9.0.0'

function text(of: string | undefined): Value {
  return value(of === undefined ? 'CAST(NULL AS VARCHAR)' : textLiteral(of), TEXT, { nullable: of === undefined })
}

function now(statement: Statement): Value {
  const type: DataType = { kind: 'TIMESTAMP_LTZ', precision: 9 }
  return value(`make_timestamptz(CAST(${statement.context.now} AS BIGINT))`, type, { nullable: false })
}

function wall(statement: Statement, type: DataType): Value {
  return value(`CAST(${wallClock(statement, now(statement))} AS ${storedType(type)})`, type, { nullable: false })
}

/** Also without parentheses. */
export const sessionWords: Readonly<Record<string, (statement: Statement) => Value>> = {
  CURRENT_TIMESTAMP: now,
  LOCALTIMESTAMP: now,
  CURRENT_DATE: (statement) => wall(statement, { kind: 'DATE' }),
  CURRENT_TIME: (statement) => wall(statement, { kind: 'TIME', precision: 9 }),
  LOCALTIME: (statement) => wall(statement, { kind: 'TIME', precision: 9 }),
  CURRENT_USER: (statement) => text(statement.context.user),
}

const SESSION: Readonly<Record<string, (statement: Statement) => Value>> = {
  ...sessionWords,
  GETDATE: now,
  SYSTIMESTAMP: now,
  SYSDATE: (statement) =>
    value(
      `make_timestamp(CAST(${statement.context.now} AS BIGINT))`,
      { kind: 'TIMESTAMP_NTZ', precision: 9 },
      { nullable: false },
    ),
  CURRENT_DATABASE: ({ context }) => text(context.database),
  CURRENT_SCHEMA: ({ context }) => text(context.schema),
  CURRENT_WAREHOUSE: ({ context }) => text(context.warehouse),
  CURRENT_ROLE: ({ context }) => text(context.role),
  CURRENT_ACCOUNT: ({ context }) => text(context.account),
  CURRENT_ACCOUNT_NAME: ({ context }) => text(context.account),
  CURRENT_ORGANIZATION_NAME: () => text('LOCAL'),
  CURRENT_REGION: () => text('LOCAL'),
  CURRENT_SESSION: ({ context }) => text(context.sessionId),
  CURRENT_TRANSACTION: ({ context }) => text(context.transactionId),
  CURRENT_VERSION: () => text(VERSION),
  CURRENT_CLIENT: () => text('JavaScript'),
  CURRENT_STATEMENT: ({ sql }) => text(sql),
}

export const sessionFunctions: FunctionTable = {
  ...Object.fromEntries(
    Object.entries(SESSION).map(([name, write]) => [
      name,
      (call: Parameters<FunctionTable[string]>[0], binder: Parameters<FunctionTable[string]>[1]) => {
        // CURRENT_TIMESTAMP(3) has a precision; the others have no argument.
        boundArguments(call, binder, 0, name.startsWith('CURRENT_TIME') || name.startsWith('LOCALTIME') ? 1 : 0)
        return write(binder.statement)
      },
    ]),
  ),
  LAST_QUERY_ID: (call, binder) => {
    const [which] = boundArguments(call, binder, 0, 1)
    const index = Number(which?.constant ?? '-1')
    const { queryIds } = binder.statement.context
    return text(index < 0 ? queryIds.at(index) : queryIds[index - 1])
  },
  SYSTEM$TYPEOF: (call, binder) => {
    const of = argument(boundArguments(call, binder, 1), 0)
    return text(typeText(of.type))
  },
  SYSTEM$LAST_CHANGE_COMMIT_TIME: (call, binder) => {
    throw unknown(binder.statement, call, call.name)
  },
  HASH: (call, binder) => {
    throw unknown(binder.statement, call, "HASH (its numbers are Snowflake's own; take MD5_NUMBER_LOWER64 or SHA2)")
  },
  HASH_AGG: (call, binder) => {
    throw unknown(binder.statement, call, "HASH_AGG (its numbers are Snowflake's own)")
  },
  CURRENT_IP_ADDRESS: () => text('127.0.0.1'),
  CURRENT_AVAILABLE_ROLES: ({ start }, binder) => {
    throw unknown(binder.statement, { start }, 'CURRENT_AVAILABLE_ROLES')
  },
}
