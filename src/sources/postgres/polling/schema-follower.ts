/** What has changed about a table since it was last polled, as the snapshot of a poll shows it. */
import { PipelineError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import type { StreamEvent } from '../../../core/source.ts'
import { keyColumns } from '../../../core/table-schema.ts'
import type { CatalogTable } from '../catalog.ts'
import type { PostgresClient } from '../client.ts'
import type { RelationMessage } from '../pgoutput.ts'
import { followRelation, type RelationChange } from '../relation-change.ts'
import { collectRelationFacts } from '../relation-facts.ts'
import type { PolledTable } from './polled-table.ts'
import type { TableShape } from './table-shapes.ts'

type SchemaEvent = Extract<StreamEvent, { kind: 'schema' }>

interface ColumnRow {
  readonly attnum: number
  readonly name: string
  readonly type_oid: number
  readonly typmod: number
}

const COLUMNS = `SELECT attnum::int4 AS attnum, attname AS name, atttypid::int8::float8 AS type_oid, atttypmod AS typmod
  FROM pg_attribute WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`

/**
 * Within the poll's transaction: in the manner of the stream, which is told by relation messages. Sets the table's schema.
 * Returns what is to be told of it, if anything. Throws where rows cannot be followed any more.
 */
export async function followShape(
  client: PostgresClient,
  table: PolledTable,
  shape: TableShape,
  catalog: CatalogTable,
  signal: AbortSignal,
): Promise<SchemaEvent | undefined> {
  const columns = await client.query<ColumnRow>(COLUMNS, [shape.oid], signal)
  const message = messageOf(table, shape, columns)
  const facts = await collectRelationFacts(client, message, undefined, signal)
  if (facts === undefined) throw gone(table, 'it was dropped')
  const change: RelationChange = followRelation(table.schema, message, facts, table.request, table.leftOut)
  const failure = change.failure ?? keyLost(table, catalog)
  if (failure !== undefined) throw failure
  table.leftOut = change.leftOut
  table.schema = change.schema
  const { schema, rewritten, changes } = change
  return changes.length === 0 ? undefined : { kind: 'schema', schema, rewritten, changes }
}

/** As the server would announce the relation, were its rows still recognised as they were. */
function messageOf(table: PolledTable, shape: TableShape, columns: readonly ColumnRow[]): RelationMessage {
  const { identity } = table.schema
  const key = new Set(identity.kind === 'key' ? identity.columnIds : [])
  return {
    oid: shape.oid,
    namespace: shape.namespace,
    name: shape.name,
    replicaIdentity: identity.kind === 'bag' ? 'f' : 'd',
    columns: columns.map(({ attnum, name, type_oid, typmod }) => ({
      name,
      typeOid: type_oid,
      typmod,
      inIdentity: key.has(attnum),
    })),
  }
}

/** The key must stay one: else two rows could have it, and only one of them would arrive. */
function keyLost(table: PolledTable, catalog: CatalogTable): PipelineError | undefined {
  const key = keyColumns(table.schema)
  if (key.length === 0) return undefined
  const names = new Set(
    catalog.columns.filter((column) => key.some(({ id }) => id === column.attnum)).map((column) => column.name),
  )
  if (catalog.indexes.some((index) => index.valid && index.columns.every((name) => names.has(name)))) return undefined
  return new PipelineError('source_gap', `Polling ${table.name}`, {
    cause: new Error(`no unique index says any more that (${[...names].join(', ')}) is one row`),
    hint: `Give it back its key, or read it again: simplyload table resync ${shellWord(table.name)}`,
    context: { table: table.name },
  })
}

/** Why a table that was there is not there any more, or not under its name; undefined: it is. */
export function missingReason(table: PolledTable, shape: TableShape | undefined): PipelineError | undefined {
  if (shape === undefined) return gone(table, 'it was dropped')
  const name = `${shape.namespace}.${shape.name}`
  return name === table.name ? undefined : gone(table, `it is called ${name} now`)
}

function gone(table: PolledTable, reason: string): PipelineError {
  return new PipelineError('source_table_missing', `Polling ${table.name}`, {
    cause: new Error(reason),
    hint: `Take it out of the configuration or name what it is called now; if it was made anew: simplyload table resync ${shellWord(table.name)}`,
    context: { table: table.name },
  })
}
