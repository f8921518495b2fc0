/**
 * The schema `_SIMPLYLOAD` of the destination's database: progress, layouts, quarantine, and the stage that files are
 * uploaded to.
 *
 * Boundaries have a table for each source: Snowflake locks a whole table for an UPDATE until its transaction ends, so
 * sources with one table for all would wait for each other's merges.
 */
import { DEFAULT_GROUP } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import type { SnowflakeDestinationConfig } from './config.ts'
import { catalogName, quoteIdentifier, quoteLiteral } from './identifiers.ts'
import type { SnowflakeSession } from './session.ts'
import { METADATA_SCHEMA, metadataTable } from './table-names.ts'

/** Rises when older versions of SimplyLoad would misread what is there. */
export const FORMAT_VERSION = 1

/** Of files that are uploaded. */
export const INTERNAL_STAGE = 'STAGE'
/** Of files that Snowflake reads where they are. */
export const EXTERNAL_STAGE = 'EXTERNAL_STAGE'

const CHECKPOINTS = 'CHECKPOINTS_'

const TABLES: Readonly<Record<string, string>> = {
  // One row per table of ours that exists; slot: 'final' or 'shadow'. `finished_position`: the shadow is complete as of it.
  // `target_database`: where it is not ours. `cluster_key`: of the table's last CLUSTER BY of ours.
  TABLES: `source VARCHAR, namespace VARCHAR, table_name VARCHAR, slot VARCHAR, target_database VARCHAR,
    target_namespace VARCHAR, target_name VARCHAR, identity VARCHAR, finished_position VARCHAR, created_at TIMESTAMP_TZ(6),
    cluster_key VARCHAR`,
  COLUMNS: `source VARCHAR, namespace VARCHAR, table_name VARCHAR, slot VARCHAR, ordinal NUMBER(10,0),
    column_id NUMBER(10,0), column_name VARCHAR, source_name VARCHAR, type VARCHAR, state VARCHAR`,
  // Files that are in a shadow table already, or in the final one by a backfill, and how many rows came with them.
  LOADS: `source VARCHAR, namespace VARCHAR, table_name VARCHAR, batch_id VARCHAR, added NUMBER(19,0), position VARCHAR,
    loaded_at TIMESTAMP_TZ(6)`,
  // While a backfill of the table is open: keys that were deleted, as JSON text; NULL: the whole table was truncated.
  TOMBSTONES: 'source VARCHAR, namespace VARCHAR, table_name VARCHAR, key VARCHAR, position VARCHAR',
  // Keys of rows that were completed from the source, as JSON text; `position`: the boundary behind which nothing was read.
  COMPLETIONS: 'source VARCHAR, namespace VARCHAR, table_name VARCHAR, key VARCHAR, position VARCHAR',
  // `closed_as`: what a replay found of the row: `replayed`, `again` (it is in quarantine still), `gone`.
  QUARANTINE: `source VARCHAR, namespace VARCHAR, table_name VARCHAR, position VARCHAR, key VARCHAR, column_name VARCHAR,
    reason VARCHAR, raw VARCHAR, loaded_at TIMESTAMP_TZ(6), closed_at TIMESTAMP_TZ(6), closed_as VARCHAR`,
}

/** Group rows have namespace '' and table_name ''. `guard_until`: rows of the table may be as new as this. */
const CHECKPOINT_COLUMNS = `source VARCHAR, namespace VARCHAR, table_name VARCHAR, epoch NUMBER(19,0), position VARCHAR,
  in_group BOOLEAN, guard_until VARCHAR, updated_at TIMESTAMP_TZ(6), group_name VARCHAR`
/** With its first row: two that make it at the same moment would otherwise both insert one, for nothing is unique here. */
const FIRST_CHECKPOINT = `'', '', 0, NULL::VARCHAR, TRUE, NULL::VARCHAR, CURRENT_TIMESTAMP()::TIMESTAMP_TZ(6), '${DEFAULT_GROUP}'`

export function checkpointTable(source: string): string {
  return `${METADATA_SCHEMA}.${quoteIdentifier(CHECKPOINTS + source)}`
}

/** What there is of ours in the database. */
export interface Metadata {
  readonly hasSchema: boolean
  /** Names of tables. */
  readonly tables: ReadonlySet<string>
}

/** Sent without a warehouse. */
export async function readMetadata(session: SnowflakeSession, database: string): Promise<Metadata> {
  const schemas = await session.rows(
    `SHOW SCHEMAS LIKE ${quoteLiteral(METADATA_SCHEMA)} IN DATABASE ${quoteIdentifier(database)}`,
  )
  if (!schemas.some((row) => row.name === METADATA_SCHEMA)) return { hasSchema: false, tables: new Set() }
  const tables = await session.rows(`SHOW TABLES IN SCHEMA ${METADATA_SCHEMA}`)
  return { hasSchema: true, tables: new Set(tables.map((row) => String(row.name))) }
}

export function hasSource({ tables }: Metadata, source: string): boolean {
  return tables.has(CHECKPOINTS + source)
}

export function hasMetadata({ tables }: Metadata): boolean {
  return tables.has('META')
}

/** Creates what is missing. Not in a transaction: each statement is one. `META` comes last, and says that all else is there. */
export async function createMetadata(session: SnowflakeSession, metadata: Metadata, source: string): Promise<void> {
  const { hasSchema, tables } = metadata
  if (!hasSchema) {
    await session.run(
      `CREATE SCHEMA IF NOT EXISTS ${METADATA_SCHEMA} COMMENT = 'SimplyLoad: progress, quarantine, staged rows'`,
    )
  }
  for (const [name, columns] of Object.entries(TABLES)) {
    if (!tables.has(name)) await session.run(`CREATE TABLE IF NOT EXISTS ${metadataTable(name)} (${columns})`)
  }
  if (!hasSource(metadata, source)) {
    await session.run(
      `CREATE TABLE IF NOT EXISTS ${checkpointTable(source)} (${CHECKPOINT_COLUMNS})
       AS SELECT ${quoteLiteral(source)}, ${FIRST_CHECKPOINT}`,
    )
  }
  if (hasMetadata(metadata)) return
  await session.run(`CREATE STAGE IF NOT EXISTS ${METADATA_SCHEMA}.${INTERNAL_STAGE}`)
  await session.run(
    `CREATE TABLE IF NOT EXISTS ${metadataTable('META')} (key VARCHAR, value VARCHAR)
     AS SELECT 'format', ${quoteLiteral(String(FORMAT_VERSION))}`,
  )
}

/** `location`: `s3://bucket/prefix`. Its settings are those of the configuration, whatever they were before. */
export async function createExternalStage(
  session: SnowflakeSession,
  config: Extract<SnowflakeDestinationConfig['stage'], { type: 'external' }>,
  location: string,
): Promise<void> {
  const { storage_integration, access_key_id = '', secret_access_key = '' } = config
  const access =
    storage_integration === undefined
      ? `CREDENTIALS = (AWS_KEY_ID = ${quoteLiteral(access_key_id)} AWS_SECRET_KEY = ${quoteLiteral(secret_access_key)})`
      : `STORAGE_INTEGRATION = ${quoteIdentifier(catalogName(storage_integration))}`
  await session.run(
    `CREATE OR REPLACE STAGE ${METADATA_SCHEMA}.${EXTERNAL_STAGE} URL = ${quoteLiteral(`${location.replace(/\/+$/, '')}/`)} ${access}`,
  )
}

/** Throws `destination_version` for what a newer version has written. */
export async function requireKnownFormat(session: SnowflakeSession, destination: string): Promise<void> {
  const [row] = await session.rows(`SELECT value FROM ${metadataTable('META')} WHERE key = 'format'`)
  if (row === undefined || Number(row.VALUE) === FORMAT_VERSION) return
  throw new PipelineError('destination_version', `Opening ${destination}`, {
    cause: new Error(`its tables have format ${row.VALUE}, and this version of SimplyLoad knows ${FORMAT_VERSION}`),
    hint: 'Update SimplyLoad',
    context: { format: Number(row.VALUE), known: FORMAT_VERSION },
  })
}
