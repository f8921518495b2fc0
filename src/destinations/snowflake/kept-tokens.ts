/**
 * What streams go on from, changed in the transaction that changes the rows. Each source has a table of its own, as with
 * checkpoints, and only one that keeps tokens.
 */
import type { Flush, KeptToken, TableFlush } from '../../core/destination.ts'
import type { Position } from '../../core/position.ts'
import type { TableId } from '../../core/table-schema.ts'
import { quoteIdentifier } from './identifiers.ts'
import type { Metadata } from './metadata-schema.ts'
import type { SnowflakeSession } from './session.ts'
import { METADATA_SCHEMA, metadataTable } from './table-names.ts'

const TOKENS = 'TOKENS_'
const COLUMNS = 'namespace, table_name, position, token, source_schema'
const TABLE_ROW = 'namespace = :1 AND table_name = :2'

function tokenTable(source: string): string {
  return `${METADATA_SCHEMA}.${quoteIdentifier(TOKENS + source)}`
}

/** Which sources have such a table. */
export class TokenTables {
  readonly #sources = new Set<string>()

  /** As the schema is when the lease is taken. */
  note(source: string, { tables }: Metadata): void {
    if (tables.has(TOKENS + source)) this.#sources.add(source)
  }

  /** Before the transaction: it is DDL. */
  async prepare(session: SnowflakeSession, { lease: { source }, tables }: Flush): Promise<void> {
    if (this.#sources.has(source) || tables.every(({ token }) => token === undefined)) return
    await session.run(
      `CREATE TABLE IF NOT EXISTS ${tokenTable(source)}
         (namespace VARCHAR, table_name VARCHAR, position VARCHAR, token VARCHAR, source_schema VARCHAR)`,
    )
    this.#sources.add(source)
  }

  /** Of one table, or of all. */
  async forget(session: SnowflakeSession, source: string, table: TableId | undefined): Promise<void> {
    if (!this.#sources.has(source)) return
    if (table === undefined) await session.run(`DELETE FROM ${tokenTable(source)}`)
    else await removeToken(session, table)
  }
}

/** Within the transaction of the flush whose boundary is `to`. */
export async function keepToken(session: SnowflakeSession, { target, token }: TableFlush, to: Position): Promise<void> {
  if (token === undefined) return
  const { source, namespace, name } = target.table
  await removeToken(session, target.table)
  await session.run(`INSERT INTO ${tokenTable(source)} (${COLUMNS}) VALUES (:1, :2, :3, :4, :5)`, [
    ...[namespace, name, to],
    ...[token.token, JSON.stringify(token.schema)],
  ])
}

async function removeToken(session: SnowflakeSession, { source, namespace, name }: TableId): Promise<void> {
  await session.run(`DELETE FROM ${tokenTable(source)} WHERE ${TABLE_ROW}`, [namespace, name])
}

/** As `keptTokens`, where there is a table of them. */
export async function readTokens(
  session: SnowflakeSession,
  metadata: Metadata,
  source: string,
): Promise<readonly KeptToken[]> {
  return metadata.tables.has(TOKENS + source) ? keptTokens(session, source) : []
}

/** A shadow table is about to replace the rows that the token is of, or they are in it still. */
async function keptTokens(session: SnowflakeSession, source: string): Promise<readonly KeptToken[]> {
  const rows = await session.rows(
    `SELECT ${COLUMNS} FROM ${tokenTable(source)} k
     WHERE NOT EXISTS (SELECT 1 FROM ${metadataTable('TABLES')} t WHERE t.source = :1 AND t.namespace = k.namespace
                       AND t.table_name = k.table_name AND t.slot = 'shadow')
     ORDER BY namespace, table_name`,
    [source],
  )
  return rows.map(({ NAMESPACE, TABLE_NAME, POSITION, TOKEN, SOURCE_SCHEMA }) => ({
    table: { source, namespace: String(NAMESPACE), name: String(TABLE_NAME) },
    position: String(POSITION) as Position,
    token: String(TOKEN),
    schema: JSON.parse(String(SOURCE_SCHEMA)),
  }))
}
