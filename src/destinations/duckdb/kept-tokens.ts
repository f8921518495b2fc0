/** `_simplyload.tokens`: what streams go on from, changed in the transaction that changes the rows. */
import type { KeptToken, TableFlush } from '../../core/destination.ts'
import type { Position } from '../../core/position.ts'
import type { TableId } from '../../core/table-schema.ts'
import { hasTable } from './metadata-schema.ts'
import type { Session } from './session.ts'

const TABLE_ROW = 'source = $1 AND namespace = $2 AND table_name = $3'

/** Within the transaction of the flush whose boundary is `to`. */
export async function keepToken(session: Session, { target, token }: TableFlush, to: Position): Promise<void> {
  if (token === undefined) return
  const { source, namespace, name } = target.table
  await removeToken(session, target.table)
  await session.run('INSERT INTO _simplyload.tokens VALUES ($1, $2, $3, $4, $5, $6)', [
    ...[source, namespace, name, to],
    ...[token.token, JSON.stringify(token.schema)],
  ])
}

export async function removeToken(session: Session, { source, namespace, name }: TableId): Promise<void> {
  await session.run(`DELETE FROM _simplyload.tokens WHERE ${TABLE_ROW}`, [source, namespace, name])
}

export async function removeAllTokens(session: Session, source: string): Promise<void> {
  await session.run('DELETE FROM _simplyload.tokens WHERE source = $1', [source])
}

/** A shadow table is about to replace the rows that the token is of, or they are in it still. */
export async function keptTokens(session: Session, source: string): Promise<readonly KeptToken[]> {
  // A file that an older version has written, and that is only read.
  if (!(await hasTable(session, 'tokens'))) return []
  const rows = await session.rows(
    `SELECT * FROM _simplyload.tokens k WHERE source = $1
       AND NOT EXISTS (FROM _simplyload.tables t WHERE t.source = k.source AND t.namespace = k.namespace
                       AND t.table_name = k.table_name AND t.slot = 'shadow')
     ORDER BY namespace, table_name`,
    [source],
  )
  return rows.map(({ namespace, table_name, position, token, source_schema }) => ({
    table: { source, namespace: String(namespace), name: String(table_name) },
    position: String(position) as Position,
    token: String(token),
    schema: JSON.parse(String(source_schema)),
  }))
}
