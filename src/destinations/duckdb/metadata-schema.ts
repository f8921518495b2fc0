/**
 * The schema `_simplyload`: progress, layouts and quarantine. It lives in the file, so that it commits with the rows.
 *
 * No primary keys: one process writes, and it checks what it changes; an index would make an update in place impossible
 * within one transaction.
 */
import { DEFAULT_GROUP } from '../../core/destination.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Session } from './session.ts'

/** Rises when older versions of SimplyLoad would misread the file. */
export const FORMAT_VERSION = 2
/** The oldest that is read as it is, and brought to the present one by the first lease. */
const FORMAT_VERSION_MIN = 1

const TABLES: readonly string[] = [
  'meta(key VARCHAR, value VARCHAR)',
  // Group rows have namespace '' and table_name ''; rows of tables name the group that they are in. `guard_until`: rows of the table may be as new as this although its
  // checkpoint is older (its snapshot was read in several parts).
  `checkpoints(source VARCHAR, namespace VARCHAR, table_name VARCHAR, epoch BIGINT, position VARCHAR, in_group BOOLEAN,
    guard_until VARCHAR, updated_at TIMESTAMPTZ, group_name VARCHAR)`,
  // One row per table of ours that exists; slot: 'final' or 'shadow'. `finished_position`: the shadow is complete as of it.
  `tables(source VARCHAR, namespace VARCHAR, table_name VARCHAR, slot VARCHAR, target_namespace VARCHAR,
    target_name VARCHAR, identity VARCHAR, finished_position VARCHAR, created_at TIMESTAMPTZ)`,
  `columns(source VARCHAR, namespace VARCHAR, table_name VARCHAR, slot VARCHAR, ordinal INTEGER, column_id INTEGER,
    column_name VARCHAR, source_name VARCHAR, type VARCHAR, state VARCHAR)`,
  // Snapshot files that are in a shadow table already, or in the final one by a backfill, and how many rows came with them.
  `loads(source VARCHAR, namespace VARCHAR, table_name VARCHAR, batch_id VARCHAR, added BIGINT, position VARCHAR,
    loaded_at TIMESTAMPTZ)`,
  // While a backfill of the table is open: keys that were deleted, as JSON text; NULL: the whole table was truncated.
  `tombstones(source VARCHAR, namespace VARCHAR, table_name VARCHAR, key VARCHAR, position VARCHAR)`,
  // Keys of rows that were completed from the source, as JSON text; `position`: the boundary behind which nothing was read.
  `completions(source VARCHAR, namespace VARCHAR, table_name VARCHAR, key VARCHAR, position VARCHAR)`,
  // What streams go on from, as of the flush whose boundary is `position`; `source_schema`: JSON.
  `tokens(source VARCHAR, namespace VARCHAR, table_name VARCHAR, position VARCHAR, token VARCHAR,
    source_schema VARCHAR)`,
  // `closed_as`: what a replay found of the row: `replayed`, `again` (it is in quarantine still), `gone`.
  `quarantine(source VARCHAR, namespace VARCHAR, table_name VARCHAR, position VARCHAR, key VARCHAR, column_name VARCHAR,
    reason VARCHAR, raw VARCHAR, loaded_at TIMESTAMPTZ, closed_at TIMESTAMPTZ, closed_as VARCHAR)`,
]

export function hasMetadata(session: Session): Promise<boolean> {
  return hasTable(session, 'meta')
}

/** Of ours. */
export async function hasTable(session: Session, table: string): Promise<boolean> {
  const found = await session.rows(
    "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = '_simplyload' AND table_name = $1",
    [table],
  )
  return found.length > 0
}

/** Creates what is missing. Run in a transaction. */
export async function createMetadata(session: Session): Promise<void> {
  await session.run('CREATE SCHEMA IF NOT EXISTS _simplyload')
  for (const table of TABLES) await session.run(`CREATE TABLE IF NOT EXISTS _simplyload.${table}`)
  await addClosing(session)
  await addGroupNames(session)
  const versions = await session.rows("SELECT value FROM _simplyload.meta WHERE key = 'format'")
  if (versions.length === 0) {
    await session.run("INSERT INTO _simplyload.meta VALUES ('format', $1)", [String(FORMAT_VERSION)])
  } else if (versions[0]?.value !== String(FORMAT_VERSION)) {
    await session.run("UPDATE _simplyload.meta SET value = $1 WHERE key = 'format'", [String(FORMAT_VERSION)])
  }
}

/** Files that were made before entries of the quarantine could be closed. */
async function addClosing(session: Session): Promise<void> {
  if (await hasColumn(session, 'quarantine', 'closed_as')) return
  for (const column of ['closed_at TIMESTAMPTZ', 'closed_as VARCHAR'])
    await session.run(`ALTER TABLE _simplyload.quarantine ADD COLUMN ${column}`)
}

/** Files of format 1 have one group per source. */
async function addGroupNames(session: Session): Promise<void> {
  if (await hasColumn(session, 'checkpoints', 'group_name')) return
  await session.run(`ALTER TABLE _simplyload.checkpoints ADD COLUMN group_name VARCHAR DEFAULT '${DEFAULT_GROUP}'`)
}

async function hasColumn(session: Session, table: string, column: string): Promise<boolean> {
  const found = await session.rows(
    `SELECT 1 FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = '_simplyload'
       AND table_name = $1 AND column_name = $2`,
    [table, column],
  )
  return found.length > 0
}

/** Throws `destination_version` for a file that a newer version has written. */
export async function requireKnownFormat(session: Session, path: string): Promise<void> {
  const [row] = await session.rows("SELECT value FROM _simplyload.meta WHERE key = 'format'")
  const version = Number(row?.value)
  if (version >= FORMAT_VERSION_MIN && version <= FORMAT_VERSION) return
  throw new PipelineError('destination_version', `Opening ${path}`, {
    cause: new Error(`its tables have format ${row?.value}, and this version of SimplyLoad knows ${FORMAT_VERSION}`),
    hint: 'Update SimplyLoad',
    context: { format: version, known: FORMAT_VERSION },
  })
}
