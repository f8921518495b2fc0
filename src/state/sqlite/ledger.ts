/** Stage files as rows of the ledger. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { BatchFeatures } from '../../core/batch.ts'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { StageFile } from '../../core/stage.ts'
import type { TableId, TableSchema } from '../../core/table-schema.ts'

type Row = Record<string, unknown>

const COLUMNS =
  'batch_id, kind, path, bytes, checksum, row_count, first_position, last_position, schema_id, features, staged_ms'

/** Synchronous; the caller owns the transaction. */
export class Ledger {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #markLoaded: StatementSync
  readonly #forget: StatementSync
  /** A schema is large and shared by many files: written and parsed once, and one object for all of them. */
  readonly #schemas = new Map<number, TableSchema>()
  #schemaIds = new WeakMap<TableSchema, number>()

  constructor(database: DatabaseSync) {
    this.#database = database
    // A batch that is recorded again is the same batch, perhaps at another place; it is not loaded again.
    this.#insert = database.prepare(
      `INSERT INTO ledger (batch_id, source, namespace, name, kind, path, bytes, checksum, row_count, first_position, last_position, schema_id, features, staged_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (batch_id) DO UPDATE SET path = excluded.path, bytes = excluded.bytes, checksum = excluded.checksum, staged_ms = excluded.staged_ms
       WHERE source = excluded.source AND namespace = excluded.namespace AND name = excluded.name
         AND row_count = excluded.row_count AND last_position = excluded.last_position`,
    )
    this.#markLoaded = database.prepare('UPDATE ledger SET loaded_ms = ? WHERE batch_id = ?')
    this.#forget = database.prepare('DELETE FROM ledger WHERE batch_id = ?')
  }

  insert(file: StageFile): void {
    const { source, namespace, name } = file.schema.table
    const { changes } = this.#insert.run(
      file.batchId,
      source,
      namespace,
      name,
      file.kind,
      file.path,
      file.bytes,
      file.checksum ?? null,
      file.rows,
      file.firstPosition,
      file.lastPosition,
      this.#schemaId(file.schema),
      JSON.stringify(file.features),
      file.stagedMs,
    )
    invariant(changes === 1, `batch ${file.batchId} names one batch of one table`)
  }

  markLoaded(batchId: string, loadedMs: number): void {
    this.#markLoaded.run(loadedMs, batchId)
  }

  forget(batchId: string): void {
    this.#forget.run(batchId)
  }

  waiting(source: string, table: TableId | undefined): readonly StageFile[] {
    const narrowed = table === undefined ? '' : 'AND namespace = ? AND name = ?'
    const parameters = table === undefined ? [source] : [source, table.namespace, table.name]
    const sql = `SELECT ${COLUMNS} FROM ledger WHERE loaded_ms IS NULL AND source = ? ${narrowed} ORDER BY number`
    return this.#database
      .prepare(sql)
      .all(...parameters)
      .map((row) => this.#file(row))
  }

  reconcile({ source, namespace, name }: TableId, checkpoint: Position, loadedMs: number): void {
    const table = "kind = 'changes' AND source = ? AND namespace = ? AND name = ?"
    this.#database
      .prepare(`UPDATE ledger SET loaded_ms = ? WHERE ${table} AND loaded_ms IS NULL AND last_position < ?`)
      .run(loadedMs, source, namespace, name, checkpoint)
    this.#database
      .prepare(`UPDATE ledger SET loaded_ms = NULL WHERE ${table} AND loaded_ms IS NOT NULL AND last_position >= ?`)
      .run(source, namespace, name, checkpoint)
  }

  loadedBefore(beforeMs: number, limit: number): readonly StageFile[] {
    const sql = `SELECT ${COLUMNS} FROM ledger WHERE loaded_ms < ? ORDER BY loaded_ms, number LIMIT ?`
    return this.#database
      .prepare(sql)
      .all(beforeMs, limit)
      .map((row) => this.#file(row))
  }

  /** Schemas that no file has any more. */
  forgetUnusedSchemas(): void {
    this.#database.exec('DELETE FROM schemas WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE schema_id = schemas.id)')
  }

  #schemaId(schema: TableSchema): number {
    const known = this.#schemaIds.get(schema)
    if (known !== undefined) return known
    const document = JSON.stringify(schema)
    this.#database.prepare('INSERT INTO schemas (document) VALUES (?) ON CONFLICT DO NOTHING').run(document)
    const row = this.#database.prepare('SELECT id FROM schemas WHERE document = ?').get(document)
    const id = Number(row?.id)
    this.#schemaIds.set(schema, id)
    return id
  }

  /** After a rollback: ids of schemas that were written in that transaction mean nothing, or later something else. */
  forgetCached(): void {
    this.#schemaIds = new WeakMap()
    this.#schemas.clear()
  }

  #schema(id: number): TableSchema {
    const known = this.#schemas.get(id)
    if (known !== undefined) return known
    const row = this.#database.prepare('SELECT document FROM schemas WHERE id = ?').get(id)
    const schema = JSON.parse(String(row?.document)) as TableSchema
    this.#schemas.set(id, schema)
    return schema
  }

  #file(row: Row): StageFile {
    return {
      batchId: String(row.batch_id),
      path: String(row.path),
      bytes: Number(row.bytes),
      ...(row.checksum === null ? {} : { checksum: String(row.checksum) }),
      rows: Number(row.row_count),
      schema: this.#schema(Number(row.schema_id)),
      kind: row.kind === 'snapshot' ? 'snapshot' : 'changes',
      firstPosition: String(row.first_position) as Position,
      lastPosition: String(row.last_position) as Position,
      features: JSON.parse(String(row.features)) as BatchFeatures,
      stagedMs: Number(row.staged_ms),
    }
  }
}
