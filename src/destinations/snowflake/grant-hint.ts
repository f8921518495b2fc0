/** Privileges that are missing → the statement that gives them, to be run by whoever may. */
import { catalogName, quoteIdentifier } from './identifiers.ts'

export function grantHint(kind: string, name: string, role: string, database: string): string {
  const to = `TO ROLE ${shown(role)}`
  switch (kind.toLowerCase()) {
    case 'warehouse':
      return `GRANT USAGE, OPERATE ON WAREHOUSE ${shown(name)} ${to}`
    case 'database':
      return `GRANT USAGE, CREATE SCHEMA ON DATABASE ${shown(name)} ${to}`
    case 'schema':
      return `GRANT USAGE, CREATE TABLE, CREATE STAGE ON SCHEMA ${inDatabase(name, database)} ${to}`
    case 'integration':
      return `GRANT USAGE ON INTEGRATION ${shown(name)} ${to}`
    case 'table':
    case 'view':
    case 'stage':
      return `Another role owns it. As that role: GRANT OWNERSHIP ON ${kind.toUpperCase()} ${shown(name)} ${to} COPY CURRENT GRANTS; or name another target`
    default:
      return `The role ${shown(role)} lacks a privilege on ${kind} ${name}; simplyload snowflake setup prints all that it needs`
  }
}

export function missingHint(
  kind: string,
  name: string,
  place: { readonly role: string; readonly database: string; readonly warehouse: string },
): string {
  const isDatabase = kind.toLowerCase() === 'database' || catalogName(name) === catalogName(place.database)
  if (isDatabase) {
    return `There is no such database, or the role may not see it: CREATE DATABASE ${shown(place.database)}, and GRANT USAGE, CREATE SCHEMA ON DATABASE ${shown(place.database)} TO ROLE ${shown(place.role)}`
  }
  if (kind.toLowerCase() === 'warehouse' || catalogName(name) === catalogName(place.warehouse)) {
    return grantHint('warehouse', place.warehouse, place.role, place.database)
  }
  const what = name === '' ? 'What the statement names' : `${kind} ${name}`
  const role = shown(place.role)
  const parts = name.match(PARTS) ?? []
  const [database = '', schema = ''] = parts
  const grants =
    parts.length === 3 && /^(object|table|view)$/i.test(kind)
      ? `where another role owns it, as that role: GRANT OWNERSHIP ON TABLE ${shown(name)} TO ROLE ${role} COPY CURRENT GRANTS; where the role may not enter: GRANT USAGE ON DATABASE ${shown(database)} TO ROLE ${role}; GRANT USAGE ON SCHEMA ${shown(`${database}.${schema}`)} TO ROLE ${role}`
      : 'else GRANT it to the role'
  return `${what} is not there, or the role ${role} may not see it. Where somebody dropped it, read the table again: simplyload table resync; ${grants}`
}

function inDatabase(schema: string, database: string): string {
  return schema.includes('.') ? schema : `${shown(database)}.${shown(schema)}`
}

/** As a person would write it in SQL. */
export function shown(name: string): string {
  return WRITTEN.test(name) ? name : quoteIdentifier(name)
}

const PART = '(?:[A-Za-z_][\\w$]*|"(?:[^"]|"")+")'
const PARTS = new RegExp(PART, 'g')
/** As it stands in SQL already. */
const WRITTEN = new RegExp(`^${PART}(?:\\.${PART})*$`)
