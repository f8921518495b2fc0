/** What the twin knows of an account: databases, tables, stages, warehouses, users, roles. Plain values, kept as JSON. */
import type { DataType } from '../sql/data-type.ts'
import type { ColumnDefinition, TableConstraint } from '../sql/plan.ts'
import type { ObjectName, OptionValue } from '../sql/session-context.ts'

/** Options as JSON keeps them. */
export type PlainOptions = Readonly<Record<string, PlainOption>>
export type PlainOption = string | number | boolean | null | readonly PlainOption[] | { readonly options: PlainOptions }

interface CatalogObject {
  /** Never given twice, not even to an object of the same name. */
  readonly id: number
  readonly comment: string
  readonly createdMs: number
  readonly owner: string
}

export interface DatabaseObject extends CatalogObject {
  readonly kind: 'database'
  readonly name: string
  readonly isTransient: boolean
  readonly options: PlainOptions
}

export interface SchemaObject extends CatalogObject {
  readonly kind: 'schema'
  readonly database: string
  readonly name: string
  readonly isTransient: boolean
  readonly options: PlainOptions
}

export interface CatalogColumn {
  readonly name: string
  /** DuckDB's name of it. */
  readonly stored: string
  readonly type: DataType
  readonly isNullable: boolean
  readonly comment: string
  readonly default: ColumnDefinition['default']
  /** DuckDB's sequence for AUTOINCREMENT. */
  readonly identity: { readonly sequence: string; readonly start: string; readonly step: string } | undefined
}

export interface TableObject extends CatalogObject {
  readonly kind: 'table'
  readonly name: ObjectName
  readonly durability: 'permanent' | 'transient' | 'temporary'
  readonly columns: readonly CatalogColumn[]
  readonly constraints: readonly TableConstraint[]
  readonly clusterBy: string
  readonly options: PlainOptions
  /** DuckDB's table expression. */
  readonly from: string
  readonly alteredMs: number
}

export interface ViewObject extends CatalogObject {
  readonly kind: 'view'
  readonly name: ObjectName
  readonly columns: readonly { readonly name: string; readonly type: DataType; readonly comment: string }[]
  /** DuckDB's query, and the whole CREATE VIEW as it was written. */
  readonly sql: string
  readonly text: string
  readonly isSecure: boolean
  /** Tables that `sql` names by what they were in DuckDB; a view goes by the name of a table, whatever has it now. */
  readonly reads: readonly { readonly name: ObjectName; readonly from: string }[]
}

export interface StageObject extends CatalogObject {
  readonly kind: 'stage'
  readonly name: ObjectName
  readonly isTemporary: boolean
  /** URL, STORAGE_INTEGRATION, CREDENTIALS, ENDPOINT, FILE_FORMAT, … */
  readonly options: PlainOptions
}

/** File formats, sequences. */
export interface OtherSchemaObject extends CatalogObject {
  readonly kind: 'file_format' | 'sequence'
  readonly name: ObjectName
  readonly options: PlainOptions
}

export interface WarehouseObject extends CatalogObject {
  readonly kind: 'warehouse'
  readonly name: string
  readonly options: PlainOptions
}

export interface UserObject extends CatalogObject {
  readonly kind: 'user'
  readonly name: string
  readonly options: PlainOptions
}

export interface RoleObject extends CatalogObject {
  readonly kind: 'role'
  readonly name: string
}

export interface OtherAccountObject extends CatalogObject {
  readonly kind: 'integration' | 'resource_monitor' | 'network_policy'
  readonly name: string
  readonly options: PlainOptions
}

/** A privilege on an object, or a role, given to a role or a user. */
export interface GrantObject extends CatalogObject {
  readonly kind: 'grant'
  readonly privilege: string
  /** TABLE, SCHEMA, …; ROLE for a role that is granted. */
  readonly on: string
  /** `SHOP.PUBLIC.ORDERS`; of ALL and FUTURE grants the container. */
  readonly name: string
  readonly isFuture: boolean
  readonly to: { readonly what: 'ROLE' | 'USER'; readonly name: string }
  readonly withGrantOption: boolean
}

export type SchemaLevelObject = TableObject | ViewObject | StageObject | OtherSchemaObject
export type AccountLevelObject = DatabaseObject | WarehouseObject | UserObject | RoleObject | OtherAccountObject
export type AnyObject = SchemaLevelObject | AccountLevelObject | SchemaObject | GrantObject

/** `SHOP.PUBLIC.ORDERS`, with quotes where Snowflake shows them. */
export function fullName(name: ObjectName): string {
  return [name.database, name.schema, name.name].map(shownName).join('.')
}

/** A name as a message or DDL writes it: quoted only where it must be. */
export function shownName(name: string): string {
  return /^[A-Z_][A-Z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export function plainOptions(options: ReadonlyMap<string, OptionValue>): PlainOptions {
  return Object.fromEntries([...options].map(([name, value]) => [name, plainOption(value)]))
}

function plainOption(value: OptionValue): PlainOption {
  if (Array.isArray(value)) return value.map(plainOption)
  if (typeof value === 'object' && value !== null && 'options' in value) return { options: plainOptions(value.options) }
  return value as string | number | boolean | null
}
