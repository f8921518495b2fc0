/** Names of objects, completed from the session (docs: sql-reference/name-resolution). */
import type { FileFormat, ObjectName, SessionContext, StageLocation } from './session-context.ts'
import { SnowflakeError } from './snowflake-error.ts'
import type { FormatText, StageText } from './syntax-tree.ts'

/** One to three parts. Throws 090105 and 090106 where the session has no database or schema to complete it with. */
export function objectName(context: SessionContext, parts: readonly string[], doing: string): ObjectName {
  const [first = '', second = '', third = ''] = parts
  switch (parts.length) {
    case 3:
      return { database: first, schema: second, name: third }
    case 2:
      return { database: currentDatabase(context, doing), schema: first, name: second }
    case 1:
      return { ...currentSchema(context, doing), name: first }
    default:
      throw new SnowflakeError(
        '001003',
        '42000',
        `SQL compilation error:\nsyntax error: ${parts.join('.')} is no name of an object.`,
      )
  }
}

/** `schema` or `database.schema`. */
export function schemaName(
  context: SessionContext,
  parts: readonly string[],
  doing: string,
): { readonly database: string; readonly schema: string } {
  const [first = '', second] = parts
  if (second !== undefined) return { database: first, schema: second }
  return { database: currentDatabase(context, doing), schema: first }
}

export function currentDatabase(context: SessionContext, doing: string): string {
  if (context.database !== undefined) return context.database
  throw new SnowflakeError(
    '090105',
    '22000',
    `Cannot perform ${doing}. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.`,
  )
}

export function currentSchema(
  context: SessionContext,
  doing: string,
): { readonly database: string; readonly schema: string } {
  const database = currentDatabase(context, doing)
  if (context.schema !== undefined) return { database, schema: context.schema }
  throw new SnowflakeError(
    '090106',
    '22000',
    `Cannot perform ${doing}. This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name.`,
  )
}

export function stageLocation(context: SessionContext, text: StageText, doing: string): StageLocation {
  if (text.type === 'user') return { type: 'user', name: undefined, path: text.path }
  return { type: text.type, name: objectName(context, text.parts, doing), path: text.path }
}

export function fileFormat(context: SessionContext, text: FormatText, doing: string): FileFormat {
  const name = text.name === undefined ? undefined : objectName(context, text.name, doing)
  return { name, options: text.options }
}

/** As error messages write it. */
export function nameText(name: ObjectName): string {
  return [name.database, name.schema, name.name].map(identifierText).join('.')
}

function identifierText(name: string): string {
  return /^[A-Z_][A-Z0-9_$]*$/.test(name) ? name : `"${name}"`
}

/** A table or view that is not there, or that this role may not see. */
export function doesNotExist(what: string, name: string): SnowflakeError {
  const sqlState = what === 'Object' || what === 'Table' || what === 'View' ? '42S02' : '02000'
  return new SnowflakeError(
    '002003',
    sqlState,
    `SQL compilation error:\n${what} '${name}' does not exist or not authorized.`,
  )
}

export function alreadyExists(what: string, name: string): SnowflakeError {
  return new SnowflakeError('002002', '42710', `SQL compilation error:\n${what} '${name}' already exists.`)
}
