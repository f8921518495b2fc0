/** A table that is polled, as far as the polls have come. */
import type { WireColumn, WireRules } from '../../../columnar/wire-column.ts'
import type { Position } from '../../../core/position.ts'
import type { StreamTable, TableRequest } from '../../../core/source.ts'
import { type TableId, type TableSchema, tableName } from '../../../core/table-schema.ts'
import type { CatalogTable } from '../catalog.ts'
import { copyColumns } from '../copy-columns.ts'
import { quoteTable } from '../sql-text.ts'
import { parseFingerprint } from '../storage-fingerprint.ts'
import { type CursorColumn, findCursor } from './cursor-column.ts'
import type { PollOptions } from './poll-options.ts'
import { type RowRules, rowRules } from './row-rules.ts'
import { parseToken, type TableToken } from './table-token.ts'

/** How the table is asked, as the catalog has it now. */
export interface TablePlan {
  readonly catalog: CatalogTable
  /** Narrows what a poll looks at. Undefined: each poll looks at the whole table. */
  readonly cursor: CursorColumn | undefined
  /** The cursor that the configuration or the table names, also where no index serves it. */
  readonly named: CursorColumn | undefined
  readonly rules: RowRules
  readonly wire: readonly WireColumn[]
  /** The select list of all columns. */
  readonly list: string
  /** The relation, for FROM. */
  readonly relation: string
}

/** Throws `config_invalid` where the configuration does not fit the table. */
export function planTable(
  schema: TableSchema,
  catalog: CatalogTable,
  options: PollOptions,
  rules: WireRules,
): TablePlan {
  const { wire, list } = copyColumns(schema, catalog, { values: 'binary', drift: 'refuse', rules })
  const only = catalog.kind === 'p' ? '' : 'ONLY '
  const found = findCursor(catalog, options)
  return {
    catalog,
    cursor: found?.indexed === true ? found : undefined,
    named: found,
    rules: rowRules(catalog, options),
    wire,
    list,
    relation: `${only}${quoteTable(catalog.namespace, catalog.name)}`,
  }
}

export class PolledTable {
  readonly id: TableId
  readonly name: string
  readonly request: TableRequest
  readonly startAt: Position
  readonly options: PollOptions
  /** Undefined only where its schema was never read here. */
  readonly oid: number | undefined
  schema: TableSchema
  token: TableToken
  /** As it was yielded last. */
  tokenText: string
  plan: TablePlan | undefined
  /** Excluded columns by attribute number. */
  leftOut: ReadonlySet<number> = new Set()
  /** It has to be read again: nothing more is told of it until then. */
  ended = false
  /** Of what a person has been told of it. */
  readonly told = new Set<string>()

  constructor(table: StreamTable, token: string, options: PollOptions) {
    this.id = table.schema.table
    this.name = tableName(this.id)
    this.request = table.request
    this.startAt = table.startAt
    this.options = options
    this.oid = parseFingerprint(table.schema.fingerprint)?.oid
    this.schema = table.schema
    this.token = parseToken(token, this.name)
    this.tokenText = token
  }
}
