/**
 * How tables are named in SQL. The session's database is that of the destination, and named only where it is another one. Names
 * of our own making stand unquoted, and so are upper case in the catalog.
 */
import { ownColumn, type TableLayout } from '../../warehouse/table-layout.ts'
import { qualifiedName, quoteIdentifier } from './identifiers.ts'

export const METADATA_SCHEMA = '_SIMPLYLOAD'

/** A schema, in the session's database or another one. */
export interface SchemaPlace {
  readonly database?: string | undefined
  readonly namespace: string
}

export function schemaSql({ database, namespace }: SchemaPlace): string {
  return qualifiedName(...(database === undefined ? [] : [database]), namespace)
}

export function nameSql(place: SchemaPlace, name: string): string {
  return `${schemaSql(place)}.${quoteIdentifier(name)}`
}

export function tableSql(layout: TableLayout): string {
  return nameSql(layout, layout.name)
}

/** Quoted name of a column that every table has. */
export function columnSql(layout: TableLayout, id: number): string {
  return quoteIdentifier(ownColumn(layout, id).name)
}

export function metadataTable(name: string): string {
  return `${METADATA_SCHEMA}.${name}`
}

/** A temporary table of the session, for the part of a flush with this number. */
export function scratchTable(name: string, part: number): string {
  return `${METADATA_SCHEMA}.merge_${name}_${part}`
}
