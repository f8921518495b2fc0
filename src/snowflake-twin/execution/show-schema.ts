/** SHOW of what is in a database or a schema. */

import { hasPrivilege } from '../catalog/access-control.ts'
import type { CatalogColumn, TableObject } from '../catalog/catalog-objects.ts'
import { isVisible, visibleTables } from '../catalog/information-schema.ts'
import { type ViewRow, viewColumns } from '../catalog/view-columns.ts'
import { notFound } from '../refusals.ts'
import type { DataType } from '../sql/data-type.ts'
import type { ShowPlan } from '../sql/plan.ts'
import type { ObjectName } from '../sql/session-context.ts'
import type { ShownList } from './run-show.ts'
import type { StatementContext } from './statement-context.ts'

const SCHEMAS = viewColumns(
  'created_on TIME, name, is_default, is_current, database_name, owner, comment, options, retention_time, owner_role_type',
)
const TABLES = viewColumns(
  'created_on TIME, name, database_name, schema_name, kind, comment, cluster_by, rows NUMBER, bytes NUMBER, owner, retention_time, automatic_clustering, change_tracking, is_external, enable_schema_evolution, owner_role_type, is_hybrid, is_iceberg, is_dynamic',
)
const VIEWS = viewColumns(
  'created_on TIME, name, reserved, database_name, schema_name, owner, comment, text, is_secure, is_materialized, owner_role_type',
)
const COLUMNS = viewColumns(
  'table_name, schema_name, column_name, data_type, null?, default, kind, expression, comment, database_name, autoincrement',
)
const STAGES = viewColumns(
  'created_on TIME, name, database_name, schema_name, url, has_credentials, has_encryption_key, owner, comment, region, type, cloud, storage_integration, endpoint, owner_role_type',
)
const FORMATS = viewColumns(
  'created_on TIME, name, database_name, schema_name, type, owner, comment, format_options, owner_role_type',
)
const SEQUENCES = viewColumns(
  'name, database_name, schema_name, next_value NUMBER, interval NUMBER, created_on TIME, owner, comment, owner_role_type, ordered',
)
const KEYS = viewColumns(
  'created_on TIME, database_name, schema_name, table_name, column_name, key_sequence NUMBER, constraint_name, rely, comment',
)

export interface Scope {
  readonly database: string | undefined
  readonly schema: string | undefined
  readonly table: string | undefined
}

export function schemaList(context: StatementContext, plan: ShowPlan): ShownList | undefined {
  const scope = scopeOf(context, plan)
  const isInside = ({ name }: { readonly name: ObjectName }): boolean =>
    (scope.database === undefined || name.database === scope.database) &&
    (scope.schema === undefined || name.schema === scope.schema) &&
    (scope.table === undefined || name.name === scope.table)
  const { catalog } = context.state
  const tables = (): readonly TableObject[] =>
    visibleTables(context, scope.database)
      .filter(isInside)
      .sort((a, b) => (a.name.name < b.name.name ? -1 : 1))
  switch (plan.objects) {
    case 'SCHEMAS':
      return { columns: SCHEMAS, rows: schemaRows(context, scope) }
    case 'TABLES':
    case 'OBJECTS':
      return { columns: TABLES, rows: tables().map((table) => tableRow(context, table)) }
    case 'VIEWS':
      return {
        columns: VIEWS,
        rows: catalog
          .all('view')
          .filter((view) => isInside(view) && isVisible(context, 'VIEW', view.name))
          .map((view) => ({
            ...placed(view),
            text: view.text,
            is_secure: String(view.isSecure),
            is_materialized: 'false',
          })),
      }
    case 'COLUMNS':
      return {
        columns: COLUMNS,
        rows: tables().flatMap((table) => table.columns.map((column) => columnRow(table, column))),
        nameColumn: 'column_name',
      }
    case 'STAGES':
      return {
        columns: STAGES,
        rows: catalog
          .all('stage')
          .filter((stage) => isInside(stage) && isVisible(context, 'STAGE', stage.name))
          .map((stage) => ({
            ...placed(stage),
            url: String(stage.options.URL ?? ''),
            has_credentials: stage.options.CREDENTIALS === undefined ? 'N' : 'Y',
            has_encryption_key: 'N',
            region: stage.options.URL === undefined ? null : String(stage.options.REGION ?? ''),
            type: stage.options.URL === undefined ? 'INTERNAL' : 'EXTERNAL',
            cloud: stage.options.URL === undefined ? null : 'AWS',
            storage_integration:
              stage.options.STORAGE_INTEGRATION === undefined ? null : String(stage.options.STORAGE_INTEGRATION),
            endpoint: stage.options.ENDPOINT === undefined ? null : String(stage.options.ENDPOINT),
          })),
      }
    case 'FILE FORMATS':
      return {
        columns: FORMATS,
        rows: catalog
          .all('file_format')
          .filter(isInside)
          .map((format) => ({
            ...placed(format),
            type: String(format.options.TYPE ?? 'CSV'),
            format_options: JSON.stringify(format.options),
          })),
      }
    case 'SEQUENCES':
      return {
        columns: SEQUENCES,
        rows: catalog
          .all('sequence')
          .filter(isInside)
          .map((sequence) => ({
            ...placed(sequence),
            next_value: String(sequence.options.START ?? 1),
            interval: String(sequence.options.INCREMENT ?? 1),
            ordered: 'Y',
          })),
      }
    case 'PRIMARY KEYS':
    case 'UNIQUE KEYS':
      return {
        columns: KEYS,
        rows: tables().flatMap((table) => keyRows(table, plan.objects === 'PRIMARY KEYS' ? 'PRIMARY KEY' : 'UNIQUE')),
        nameColumn: 'column_name',
      }
    default:
      return undefined
  }
}

/** Where SHOW looks: what it says, else the session's schema, else its database, else everywhere. */
function scopeOf(context: StatementContext, { scope }: ShowPlan): Scope {
  const { place } = context.session
  if (scope === undefined) return { database: place.database, schema: place.schema, table: undefined }
  const [database, schema, table] = scope.name
  switch (scope.what) {
    case 'ACCOUNT':
      return { database: undefined, schema: undefined, table: undefined }
    case 'DATABASE': {
      const wanted = database ?? place.database
      if (wanted !== undefined && !context.catalog.database(wanted)) throw notFound('Database', wanted)
      return { database: wanted, schema: undefined, table: undefined }
    }
    case 'SCHEMA': {
      const [inDatabase, wanted] =
        schema === undefined && database === undefined ? [place.database, place.schema] : [database, schema]
      if (inDatabase !== undefined && wanted !== undefined && !context.catalog.schema(inDatabase, wanted))
        throw notFound('Schema', `${inDatabase}.${wanted}`)
      return { database: inDatabase, schema: wanted, table: undefined }
    }
    default: {
      const name = { database: database ?? '', schema: schema ?? '', name: table ?? '' }
      if (context.catalog.object(name) === undefined) throw notFound('Table', scope.name.join('.'))
      return { database, schema, table }
    }
  }
}

function schemaRows(context: StatementContext, scope: Scope): readonly ViewRow[] {
  const { place } = context.session
  return context.state.catalog
    .all('schema')
    .filter(
      (schema) =>
        (scope.database === undefined || schema.database === scope.database) &&
        hasPrivilege(context, 'USAGE', 'SCHEMA', [schema.database, schema.name]),
    )
    .map((schema) => ({
      created_on: schema.createdMs,
      name: schema.name,
      is_default: 'N',
      is_current: schema.database === place.database && schema.name === place.schema ? 'Y' : 'N',
      database_name: schema.database,
      owner: schema.owner,
      comment: schema.comment,
      options: schema.isTransient ? 'TRANSIENT' : '',
      retention_time: '1',
      owner_role_type: 'ROLE',
    }))
}

function tableRow({ state }: StatementContext, table: TableObject): ViewRow {
  const { rows, bytes } = state.sizes.of(table.id)
  return {
    ...placed(table),
    kind: table.durability === 'permanent' ? 'TABLE' : table.durability.toUpperCase(),
    cluster_by: table.clusterBy === '' ? '' : `LINEAR${table.clusterBy}`,
    rows,
    bytes: Math.round(bytes),
    retention_time: '1',
    automatic_clustering: table.clusterBy === '' ? 'OFF' : 'ON',
    change_tracking: 'OFF',
    is_external: 'N',
    enable_schema_evolution: 'N',
    is_hybrid: 'N',
    is_iceberg: 'N',
    is_dynamic: 'N',
  }
}

function columnRow({ name }: TableObject, column: CatalogColumn): ViewRow {
  const { identity } = column
  return {
    table_name: name.name,
    schema_name: name.schema,
    database_name: name.database,
    column_name: column.name,
    data_type: typeJson(column.type, column.isNullable),
    'null?': column.isNullable ? 'true' : 'NOT_NULL',
    default: column.default?.text ?? '',
    kind: 'COLUMN',
    expression: '',
    comment: column.comment,
    autoincrement: identity === undefined ? '' : `IDENTITY START ${identity.start} INCREMENT ${identity.step} NOORDER`,
  }
}

/** As SHOW COLUMNS writes a type: `{"type":"FIXED","precision":38,"scale":0,"nullable":true}`. */
function typeJson(type: DataType, nullable: boolean): string {
  switch (type.kind) {
    case 'NUMBER':
      return JSON.stringify({ type: 'FIXED', precision: type.precision, scale: type.scale, nullable })
    case 'FLOAT':
      return JSON.stringify({ type: 'REAL', nullable })
    case 'VARCHAR':
      return JSON.stringify({
        type: 'TEXT',
        length: type.length,
        byteLength: Math.min(type.length * 4, 134_217_728),
        nullable,
        fixed: false,
      })
    case 'BINARY':
      return JSON.stringify({ type: 'BINARY', length: type.length, byteLength: type.length, nullable, fixed: true })
    case 'TIME':
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ':
      return JSON.stringify({ type: type.kind, precision: 0, scale: type.precision, nullable })
    default:
      return JSON.stringify({ type: type.kind, nullable })
  }
}

function keyRows(table: TableObject, type: 'PRIMARY KEY' | 'UNIQUE'): readonly ViewRow[] {
  return table.constraints
    .filter((constraint) => constraint.type === type)
    .flatMap((constraint, number) =>
      constraint.columns.map((column, index) => ({
        created_on: table.createdMs,
        database_name: table.name.database,
        schema_name: table.name.schema,
        table_name: table.name.name,
        column_name: column,
        key_sequence: index + 1,
        constraint_name: constraint.name ?? `SYS_CONSTRAINT_${table.id}_${number}`,
        rely: 'false',
      })),
    )
}

function placed(object: {
  readonly name: ObjectName
  readonly createdMs: number
  readonly owner: string
  readonly comment: string
}): ViewRow {
  return {
    created_on: object.createdMs,
    name: object.name.name,
    database_name: object.name.database,
    schema_name: object.name.schema,
    owner: object.owner,
    comment: object.comment,
    owner_role_type: 'ROLE',
  }
}
