/** DESCRIBE. */

import { type PlainOptions, shownName } from '../catalog/catalog-objects.ts'
import { isVisible } from '../catalog/information-schema.ts'
import { type ViewRow, viewColumns } from '../catalog/view-columns.ts'
import { STATEMENT_TYPE, type StatementResult } from '../protocol/query-reply.ts'
import { notFound, unsupported } from '../refusals.ts'
import { typeText } from '../sql/data-type.ts'
import type { DescribePlan } from '../sql/plan.ts'
import { listResult } from './run-show.ts'
import { warehouseRow } from './show-account.ts'
import type { StatementContext } from './statement-context.ts'

const TABLE = viewColumns(
  'name, type, kind, null?, default, "primary key", "unique key", check, expression, comment, "policy name", "privacy domain"',
)
const PROPERTIES = viewColumns('parent_property, property, property_type, property_value, property_default')
const USER = viewColumns('property, value, default, description')
const WAREHOUSE = viewColumns('created_on TIME, name, kind, state, size')
const CONTENT = viewColumns('created_on TIME, name, kind')

export function runDescribe(context: StatementContext, plan: DescribePlan): StatementResult {
  context.record.type = 'DESCRIBE'
  const { catalog } = context.state
  const shown = plan.name.map(shownName).join('.')
  const [database = '', schema = '', name = ''] = plan.name
  switch (plan.what) {
    case 'TABLE':
    case 'VIEW':
      return described(TABLE, tableRows(context, plan))
    case 'STAGE': {
      const stage = context.catalog.requireStage({ database, schema, name })
      return described(PROPERTIES, stageRows(stage.options))
    }
    case 'FILE FORMAT': {
      const format = catalog.findIn('file_format', { database, schema, name })
      if (format === undefined) throw notFound('File format', shown)
      return described(USER, optionRows(format.options))
    }
    case 'WAREHOUSE': {
      const warehouse = catalog.find('warehouse', database)
      if (warehouse === undefined) throw notFound('Warehouse', shown)
      return described(WAREHOUSE, [{ ...warehouseRow(context, warehouse), kind: 'WAREHOUSE' }])
    }
    case 'USER': {
      const user = catalog.find('user', database)
      if (user === undefined) throw notFound('User', shown)
      const secret = { PASSWORD: '********', TOKENS: '********' }
      const known = Object.entries(user.options).map(([key, value]) => [key, key in secret ? '********' : value])
      return described(USER, optionRows({ NAME: user.name, COMMENT: user.comment, ...Object.fromEntries(known) }))
    }
    case 'INTEGRATION':
    case 'STORAGE INTEGRATION': {
      const integration = catalog.find('integration', database)
      if (integration === undefined) throw notFound('Integration', shown)
      return described(USER, optionRows(integration.options))
    }
    case 'DATABASE': {
      if (!context.catalog.database(database)) throw notFound('Database', shown)
      const rows = catalog.all('schema').filter((found) => found.database === database)
      return described(
        CONTENT,
        rows.map((found) => ({ created_on: found.createdMs, name: found.name, kind: 'SCHEMA' })),
      )
    }
    case 'SCHEMA': {
      if (!context.catalog.schema(database, schema)) throw notFound('Schema', shown)
      const rows = [...catalog.all('table'), ...catalog.all('view')].filter(
        (found) => found.name.database === database && found.name.schema === schema,
      )
      return described(
        CONTENT,
        rows.map((found) => ({ created_on: found.createdMs, name: found.name.name, kind: found.kind.toUpperCase() })),
      )
    }
    default:
      throw unsupported(`DESCRIBE ${plan.what}`)
  }
}

function described(columns: Parameters<typeof listResult>[1], rows: readonly ViewRow[]): StatementResult {
  return listResult(STATEMENT_TYPE.describe, columns, rows)
}

function tableRows(context: StatementContext, { what, name }: DescribePlan): readonly ViewRow[] {
  const [database = '', schema = '', table = ''] = name
  const object = { database, schema, name: table }
  const found = context.catalog.object(object)
  if (found === undefined) {
    const system = context.system.view(object)
    if (system !== undefined)
      return system.columns.map((column) => ({ ...blank(column.name, typeText(column.type)), 'null?': 'Y' }))
  }
  const isTemporary = found?.kind === 'table' && found.durability === 'temporary'
  if (found === undefined || (!isTemporary && !isVisible(context, found.kind.toUpperCase(), object)))
    throw notFound(what === 'VIEW' ? 'View' : 'Table', name.map(shownName).join('.'))
  if (found.kind === 'view')
    return found.columns.map((column) => ({
      ...blank(column.name, typeText(column.type)),
      'null?': 'Y',
      comment: column.comment === '' ? null : column.comment,
    }))
  const isIn = (type: string, column: string): string =>
    found.constraints.some((constraint) => constraint.type === type && constraint.columns.includes(column)) ? 'Y' : 'N'
  return found.columns.map((column) => ({
    ...blank(column.name, typeText(column.type)),
    'null?': column.isNullable ? 'Y' : 'N',
    default:
      column.identity === undefined
        ? column.default?.text
        : `IDENTITY START ${column.identity.start} INCREMENT ${column.identity.step} NOORDER`,
    'primary key': isIn('PRIMARY KEY', column.name),
    'unique key': isIn('UNIQUE', column.name),
    comment: column.comment === '' ? null : column.comment,
  }))
}

function blank(name: string, type: string): ViewRow {
  return { name, type, kind: 'COLUMN', 'primary key': 'N', 'unique key': 'N' }
}

function stageRows(options: PlainOptions): readonly ViewRow[] {
  const format = options.FILE_FORMAT
  const nested =
    typeof format === 'object' && format !== null && 'options' in format ? (format.options as PlainOptions) : {}
  const property = (parent: string, name: string, value: unknown): ViewRow => ({
    parent_property: parent,
    property: name,
    property_type: 'String',
    property_value: value === undefined ? '' : String(value),
    property_default: '',
  })
  return [
    ...Object.entries({ TYPE: 'CSV', ...nested }).map(([name, value]) => property('STAGE_FILE_FORMAT', name, value)),
    property('STAGE_LOCATION', 'URL', options.URL === undefined ? '' : JSON.stringify([options.URL])),
    property('STAGE_INTEGRATION', 'STORAGE_INTEGRATION', options.STORAGE_INTEGRATION),
    // Of keys only that there are some.
    property('STAGE_CREDENTIALS', 'AWS_KEY_ID', options.CREDENTIALS === undefined ? '' : '********'),
  ]
}

function optionRows(options: PlainOptions): readonly ViewRow[] {
  return Object.entries(options).map(([property, value]) => ({
    property,
    value: typeof value === 'object' ? JSON.stringify(value) : String(value),
    default: 'null',
    description: '',
  }))
}
