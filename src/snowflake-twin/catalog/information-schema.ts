/** INFORMATION_SCHEMA of a database. https://docs.snowflake.com/en/sql-reference/info-schema */

import type { StatementContext } from '../execution/statement-context.ts'
import { type DataType, typeText } from '../sql/data-type.ts'
import { hasPrivilege } from './access-control.ts'
import type { CatalogColumn, TableObject } from './catalog-objects.ts'
import type { SystemView } from './system-relations.ts'
import { momentText, type ViewRow, viewColumns, viewOf, yesOrNo } from './view-columns.ts'

const SCHEMATA = viewColumns(
  'CATALOG_NAME, SCHEMA_NAME, SCHEMA_OWNER, IS_TRANSIENT, IS_MANAGED_ACCESS, RETENTION_TIME NUMBER, CREATED TIME, LAST_ALTERED TIME, COMMENT',
)
const DATABASES = viewColumns(
  'DATABASE_NAME, DATABASE_OWNER, IS_TRANSIENT, COMMENT, CREATED TIME, LAST_ALTERED TIME, RETENTION_TIME NUMBER, TYPE',
)
const TABLES = viewColumns(
  'TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_OWNER, TABLE_TYPE, IS_TRANSIENT, CLUSTERING_KEY, ROW_COUNT NUMBER, BYTES NUMBER, RETENTION_TIME NUMBER, IS_INSERTABLE_INTO, IS_TYPED, COMMIT_ACTION, CREATED TIME, LAST_ALTERED TIME, LAST_DDL TIME, LAST_DDL_BY, AUTO_CLUSTERING_ON, COMMENT, IS_TEMPORARY, IS_ICEBERG, IS_DYNAMIC, IS_HYBRID',
)
const COLUMNS = viewColumns(
  'TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION NUMBER, COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH NUMBER, CHARACTER_OCTET_LENGTH NUMBER, NUMERIC_PRECISION NUMBER, NUMERIC_PRECISION_RADIX NUMBER, NUMERIC_SCALE NUMBER, DATETIME_PRECISION NUMBER, IS_SELF_REFERENCING, IS_IDENTITY, IDENTITY_GENERATION, IDENTITY_START, IDENTITY_INCREMENT, COMMENT',
)
const VIEWS = viewColumns(
  'TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_OWNER, VIEW_DEFINITION, CHECK_OPTION, IS_UPDATABLE, INSERTABLE_INTO, IS_SECURE, CREATED TIME, LAST_ALTERED TIME, COMMENT',
)
const STAGES = viewColumns(
  'STAGE_CATALOG, STAGE_SCHEMA, STAGE_NAME, STAGE_URL, STAGE_REGION, STAGE_TYPE, STAGE_OWNER, COMMENT, CREATED TIME, LAST_ALTERED TIME, ENDPOINT',
)
const TABLE_CONSTRAINTS = viewColumns(
  'CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_TYPE, IS_DEFERRABLE, INITIALLY_DEFERRED, ENFORCED, COMMENT, CREATED TIME, LAST_ALTERED TIME, RELY',
)
const FILE_FORMATS = viewColumns(
  'FILE_FORMAT_CATALOG, FILE_FORMAT_SCHEMA, FILE_FORMAT_NAME, FILE_FORMAT_OWNER, FILE_FORMAT_TYPE, COMMENT, CREATED TIME, LAST_ALTERED TIME',
)

/** What the session's role may see of `database`. Undefined: no such view. */
export function informationSchema(context: StatementContext, database: string, name: string): SystemView | undefined {
  switch (name) {
    case 'DATABASES':
      return viewOf(DATABASES, () => databaseRows(context))
    case 'SCHEMATA':
      return viewOf(SCHEMATA, () => schemaRows(context, database))
    case 'TABLES':
      return viewOf(TABLES, () => tableRows(context, database))
    case 'COLUMNS':
      return viewOf(COLUMNS, () => columnRows(context, database))
    case 'VIEWS':
      return viewOf(VIEWS, () => viewRows(context, database))
    case 'STAGES':
      return viewOf(STAGES, () => stageRows(context, database))
    case 'TABLE_CONSTRAINTS':
      return viewOf(TABLE_CONSTRAINTS, () => constraintRows(context, database))
    case 'FILE_FORMATS':
      return viewOf(FILE_FORMATS, () => formatRows(context, database))
    default:
      return undefined
  }
}

/** Tables of a database that the role may do something with, the session's temporary ones too; by name. */
export function visibleTables(context: StatementContext, database: string | undefined): readonly TableObject[] {
  const { state, session } = context
  return [...state.catalog.all('table'), ...session.temporaryTables.values()].filter(
    (table) => (database === undefined || table.name.database === database) && isVisible(context, 'TABLE', table.name),
  )
}

export function isVisible(
  context: StatementContext,
  on: string,
  { database, schema, name }: { readonly database: string; readonly schema: string; readonly name: string },
): boolean {
  const parts = [database, schema, name]
  return ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE', 'READ', 'WRITE', 'OWNERSHIP'].some((privilege) =>
    hasPrivilege(context, privilege, on, parts),
  )
}

function databaseRows({ state }: StatementContext): readonly ViewRow[] {
  return state.catalog.all('database').map((database) => ({
    DATABASE_NAME: database.name,
    DATABASE_OWNER: database.owner,
    IS_TRANSIENT: yesOrNo(database.isTransient),
    COMMENT: database.comment,
    CREATED: momentText(database.createdMs),
    LAST_ALTERED: momentText(database.createdMs),
    RETENTION_TIME: 1,
    TYPE: 'STANDARD',
  }))
}

function schemaRows(context: StatementContext, database: string): readonly ViewRow[] {
  const own = context.state.catalog
    .all('schema')
    .filter(
      (schema) => schema.database === database && hasPrivilege(context, 'USAGE', 'SCHEMA', [database, schema.name]),
    )
    .map((schema) => ({
      CATALOG_NAME: database,
      SCHEMA_NAME: schema.name,
      SCHEMA_OWNER: schema.owner,
      IS_TRANSIENT: yesOrNo(schema.isTransient),
      IS_MANAGED_ACCESS: 'NO',
      RETENTION_TIME: 1,
      CREATED: momentText(schema.createdMs),
      LAST_ALTERED: momentText(schema.createdMs),
      COMMENT: schema.comment === '' ? null : schema.comment,
    }))
  return [...own, { CATALOG_NAME: database, SCHEMA_NAME: 'INFORMATION_SCHEMA', IS_TRANSIENT: 'NO', RETENTION_TIME: 1 }]
}

function tableRows(context: StatementContext, database: string): readonly ViewRow[] {
  const { state } = context
  const tables = visibleTables(context, database).map((table) => ({
    ...place(table),
    TABLE_OWNER: table.owner,
    TABLE_TYPE: table.durability === 'temporary' ? 'LOCAL TEMPORARY' : 'BASE TABLE',
    IS_TRANSIENT: yesOrNo(table.durability === 'transient'),
    CLUSTERING_KEY: table.clusterBy === '' ? null : `LINEAR${table.clusterBy}`,
    ROW_COUNT: state.sizes.of(table.id).rows,
    BYTES: Math.round(state.sizes.of(table.id).bytes),
    RETENTION_TIME: 1,
    IS_INSERTABLE_INTO: 'YES',
    IS_TYPED: 'YES',
    CREATED: momentText(table.createdMs),
    LAST_ALTERED: momentText(table.alteredMs),
    LAST_DDL: momentText(table.alteredMs),
    AUTO_CLUSTERING_ON: yesOrNo(table.clusterBy !== ''),
    COMMENT: table.comment === '' ? null : table.comment,
    IS_TEMPORARY: yesOrNo(table.durability === 'temporary'),
    IS_ICEBERG: 'NO',
    IS_DYNAMIC: 'NO',
    IS_HYBRID: 'NO',
  }))
  const views = viewsOf(context, database).map((view) => ({
    ...place(view),
    TABLE_OWNER: view.owner,
    TABLE_TYPE: 'VIEW',
    IS_INSERTABLE_INTO: 'NO',
    CREATED: momentText(view.createdMs),
    LAST_ALTERED: momentText(view.createdMs),
    COMMENT: view.comment === '' ? null : view.comment,
  }))
  return [...tables, ...views]
}

function columnRows(context: StatementContext, database: string): readonly ViewRow[] {
  const tables = visibleTables(context, database).flatMap((table) =>
    table.columns.map((column, index) => ({ ...place(table), ...columnRow(column, index) })),
  )
  const views = viewsOf(context, database).flatMap((view) =>
    view.columns.map(({ name, type, comment }, index) => ({
      ...place(view),
      ...columnRow(
        { name, type, comment, stored: name, isNullable: true, default: undefined, identity: undefined },
        index,
      ),
    })),
  )
  return [...tables, ...views]
}

function columnRow(column: CatalogColumn, index: number): ViewRow {
  const { type, identity } = column
  const isNumber = type.kind === 'NUMBER'
  const length = type.kind === 'VARCHAR' || type.kind === 'BINARY' ? type.length : null
  return {
    COLUMN_NAME: column.name,
    ORDINAL_POSITION: index + 1,
    COLUMN_DEFAULT: column.default?.text,
    IS_NULLABLE: yesOrNo(column.isNullable),
    DATA_TYPE: dataTypeName(type),
    CHARACTER_MAXIMUM_LENGTH: type.kind === 'VARCHAR' ? length : null,
    CHARACTER_OCTET_LENGTH:
      length === null ? null : type.kind === 'VARCHAR' ? Math.min(length * 4, 134_217_728) : length,
    NUMERIC_PRECISION: isNumber ? type.precision : null,
    NUMERIC_PRECISION_RADIX: isNumber ? 10 : null,
    NUMERIC_SCALE: isNumber ? type.scale : null,
    DATETIME_PRECISION: 'precision' in type && !isNumber ? type.precision : type.kind === 'DATE' ? 0 : null,
    IS_SELF_REFERENCING: 'NO',
    IS_IDENTITY: yesOrNo(identity !== undefined),
    IDENTITY_GENERATION: identity === undefined ? null : 'BY DEFAULT',
    IDENTITY_START: identity?.start,
    IDENTITY_INCREMENT: identity?.step,
    COMMENT: column.comment === '' ? null : column.comment,
  }
}

/** INFORMATION_SCHEMA calls VARCHAR by its first name. */
function dataTypeName(type: DataType): string {
  return type.kind === 'VARCHAR' ? 'TEXT' : (typeText(type).split('(')[0] ?? type.kind)
}

function viewRows(context: StatementContext, database: string): readonly ViewRow[] {
  return viewsOf(context, database).map((view) => ({
    ...place(view),
    TABLE_OWNER: view.owner,
    VIEW_DEFINITION: view.text,
    CHECK_OPTION: 'NONE',
    IS_UPDATABLE: 'NO',
    INSERTABLE_INTO: 'NO',
    IS_SECURE: yesOrNo(view.isSecure),
    CREATED: momentText(view.createdMs),
    LAST_ALTERED: momentText(view.createdMs),
    COMMENT: view.comment === '' ? null : view.comment,
  }))
}

function viewsOf(context: StatementContext, database: string) {
  return context.state.catalog
    .all('view')
    .filter((view) => view.name.database === database && isVisible(context, 'VIEW', view.name))
}

function stageRows(context: StatementContext, database: string): readonly ViewRow[] {
  return context.state.catalog
    .all('stage')
    .filter((stage) => stage.name.database === database && isVisible(context, 'STAGE', stage.name))
    .map((stage) => ({
      STAGE_CATALOG: database,
      STAGE_SCHEMA: stage.name.schema,
      STAGE_NAME: stage.name.name,
      STAGE_URL: stage.options.URL === undefined ? null : String(stage.options.URL),
      STAGE_TYPE: stage.options.URL === undefined ? 'Internal Named' : 'External Named',
      STAGE_OWNER: stage.owner,
      COMMENT: stage.comment === '' ? null : stage.comment,
      CREATED: momentText(stage.createdMs),
      LAST_ALTERED: momentText(stage.createdMs),
    }))
}

function constraintRows(context: StatementContext, database: string): readonly ViewRow[] {
  return visibleTables(context, database).flatMap((table) =>
    table.constraints.map((constraint, index) => ({
      ...place(table),
      CONSTRAINT_CATALOG: database,
      CONSTRAINT_SCHEMA: table.name.schema,
      CONSTRAINT_NAME: constraint.name ?? `SYS_CONSTRAINT_${table.id}_${index}`,
      CONSTRAINT_TYPE: constraint.type,
      IS_DEFERRABLE: 'NO',
      INITIALLY_DEFERRED: 'YES',
      ENFORCED: 'NO',
      CREATED: momentText(table.createdMs),
      LAST_ALTERED: momentText(table.alteredMs),
      RELY: 'NO',
    })),
  )
}

function formatRows({ state }: StatementContext, database: string): readonly ViewRow[] {
  return state.catalog
    .all('file_format')
    .filter(({ name }) => name.database === database)
    .map((format) => ({
      FILE_FORMAT_CATALOG: database,
      FILE_FORMAT_SCHEMA: format.name.schema,
      FILE_FORMAT_NAME: format.name.name,
      FILE_FORMAT_OWNER: format.owner,
      FILE_FORMAT_TYPE: String(format.options.TYPE ?? 'CSV'),
      COMMENT: format.comment === '' ? null : format.comment,
      CREATED: momentText(format.createdMs),
      LAST_ALTERED: momentText(format.createdMs),
    }))
}

function place({ name }: { readonly name: TableObject['name'] }): ViewRow {
  return { TABLE_CATALOG: name.database, TABLE_SCHEMA: name.schema, TABLE_NAME: name.name }
}
