/** Snowflake's answers to what cannot be done, with its own numbers. */
import { SnowflakeError } from './sql/snowflake-error.ts'

export function compilationError(code: string, sqlState: string, message: string): SnowflakeError {
  return new SnowflakeError(code, sqlState, `SQL compilation error:\n${message}`)
}

/** Snowflake does not tell a missing object from a hidden one. `kind`: `Table`, `Schema`, `Stage`, … */
export function notFound(kind: string, name: string): SnowflakeError {
  return compilationError('002003', '02000', `${kind} '${name}' does not exist or not authorized.`)
}

/** `kind`: `table`, `schema`, `database`, `warehouse`, … */
export function insufficientPrivileges(kind: string, name: string): SnowflakeError {
  return new SnowflakeError(
    '003001',
    '42501',
    `SQL access control error:\nInsufficient privileges to operate on ${kind} '${name}'`,
  )
}

export function alreadyExists(name: string): SnowflakeError {
  return compilationError('002002', '42710', `Object '${name}' already exists.`)
}

/** What the twin does not know is refused, never guessed. */
export function unsupported(what: string): SnowflakeError {
  return new SnowflakeError('000002', '0A000', `Unsupported feature '${what}' in the local Snowflake.`)
}

export function canceled(): SnowflakeError {
  return new SnowflakeError('000604', '57014', 'SQL execution canceled')
}
