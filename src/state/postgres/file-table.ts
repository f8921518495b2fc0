/** Stage files as rows of `sync_files`. Statements only: whoever calls has a transaction open where they write. */
import { createHash } from 'node:crypto'
import { invariant } from '../../core/invariant.ts'
import type { Position } from '../../core/position.ts'
import type { StageFile } from '../../core/stage.ts'
import type { TableId, TableSchema } from '../../core/table-schema.ts'
import type { StateClient } from './connection.ts'

type StoredFile = Omit<StageFile, 'schema'>

interface FileRow {
  readonly document: StoredFile
  readonly schema_digest: string
}

const DIGEST_DIGITS = 32

export class FileTable {
  readonly #s: string
  /** A schema is large and shared by many files: hashed and read once, and one object for all of them. */
  readonly #digests = new WeakMap<TableSchema, string>()
  readonly #schemas = new Map<string, TableSchema>()

  /** `s`: the schema, quoted. */
  constructor(s: string) {
    this.#s = s
  }

  async insert(client: StateClient, files: readonly StageFile[]): Promise<void> {
    if (files.length === 0) return
    const ids = new Set(files.map((file) => file.batchId))
    invariant(ids.size === files.length, 'files that are recorded together are of batches of their own')
    await this.#insertSchemas(client, files)
    const column = (of: (file: StageFile) => string | number) => files.map(of)
    // A batch that is recorded again is the same batch, perhaps at another place; it is not loaded again.
    const written = await client.query(
      `INSERT INTO ${this.#s}.sync_files AS old
         (batch_id, source, namespace, name, kind, row_count, last_position, schema_digest, document)
       SELECT batch_id, source, namespace, name, kind, row_count, last_position, schema_digest, document
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::json[])
         WITH ORDINALITY AS f (batch_id, source, namespace, name, kind, row_count, last_position, schema_digest, document, place)
       ORDER BY place
       ON CONFLICT (batch_id) DO UPDATE SET document = excluded.document
       WHERE (old.source, old.namespace, old.name, old.row_count, old.last_position)
         = (excluded.source, excluded.namespace, excluded.name, excluded.row_count, excluded.last_position)
       RETURNING 1`,
      [
        column((file) => file.batchId),
        column((file) => file.schema.table.source),
        column((file) => file.schema.table.namespace),
        column((file) => file.schema.table.name),
        column((file) => file.kind),
        column((file) => file.rows),
        column((file) => file.lastPosition),
        column((file) => this.#digest(file.schema)),
        column(({ schema: _, ...stored }) => JSON.stringify(stored)),
      ],
    )
    invariant(written.length === files.length, 'a batch id names one batch of one table')
  }

  async waiting(client: StateClient, source: string, table: TableId | undefined): Promise<readonly StageFile[]> {
    const narrowed = table === undefined ? '' : 'AND namespace = $2 AND name = $3'
    const values = table === undefined ? [source] : [source, table.namespace, table.name]
    const rows = await client.query<FileRow>(
      `SELECT document, schema_digest FROM ${this.#s}.sync_files WHERE loaded_ms IS NULL AND source = $1 ${narrowed} ORDER BY number`,
      values,
    )
    return this.#files(client, rows)
  }

  /** Moves the watermarks of their tables along. */
  async markLoaded(client: StateClient, batchIds: readonly string[], loadedMs: number): Promise<void> {
    await client.query(
      `WITH loaded AS (
         UPDATE ${this.#s}.sync_files SET loaded_ms = $2 WHERE batch_id = ANY ($1::text[])
         RETURNING source, namespace, name, kind, last_position
       ), newest AS (
         SELECT source, namespace, name, max(last_position) AS last_position FROM loaded WHERE kind = 'changes' GROUP BY 1, 2, 3
       )
       UPDATE ${this.#s}.sync_watermarks w SET last_watermark = greatest(w.last_watermark, n.last_position)
       FROM newest n WHERE w.source = n.source AND w.namespace = n.namespace AND w.name = n.name`,
      [batchIds, loadedMs],
    )
  }

  async reconcile(client: StateClient, table: TableId, checkpoint: Position, loadedMs: number): Promise<void> {
    await client.query(
      `WITH moved AS (
         UPDATE ${this.#s}.sync_files SET loaded_ms = CASE WHEN last_position < $4 THEN $5::bigint END
         WHERE kind = 'changes' AND source = $1 AND namespace = $2 AND name = $3
           AND (loaded_ms IS NULL) = (last_position < $4)
       )
       UPDATE ${this.#s}.sync_watermarks SET last_watermark = $4 WHERE source = $1 AND namespace = $2 AND name = $3`,
      [table.source, table.namespace, table.name, checkpoint, loadedMs],
    )
  }

  async loadedBefore(client: StateClient, beforeMs: number, limit: number): Promise<readonly StageFile[]> {
    const rows = await client.query<FileRow>(
      `SELECT document, schema_digest FROM ${this.#s}.sync_files WHERE loaded_ms < $1 ORDER BY loaded_ms, number LIMIT $2`,
      [beforeMs, limit],
    )
    return this.#files(client, rows)
  }

  async forget(client: StateClient, batchIds: readonly string[]): Promise<void> {
    await client.query(`DELETE FROM ${this.#s}.sync_files WHERE batch_id = ANY ($1::text[])`, [batchIds])
  }

  /** Schemas that no file has any more. */
  async forgetUnusedSchemas(client: StateClient): Promise<void> {
    await client.query(
      `DELETE FROM ${this.#s}.sync_schemas s WHERE NOT EXISTS (SELECT 1 FROM ${this.#s}.sync_files f WHERE f.schema_digest = s.digest)`,
    )
  }

  async #insertSchemas(client: StateClient, files: readonly StageFile[]): Promise<void> {
    const documents = new Map<string, string>()
    for (const { schema } of files) {
      const digest = this.#digest(schema)
      if (!documents.has(digest)) documents.set(digest, JSON.stringify(schema))
    }
    await client.query(
      `INSERT INTO ${this.#s}.sync_schemas (digest, document) SELECT * FROM unnest($1::text[], $2::json[]) ON CONFLICT DO NOTHING`,
      [[...documents.keys()], [...documents.values()]],
    )
  }

  #digest(schema: TableSchema): string {
    const known = this.#digests.get(schema)
    if (known !== undefined) return known
    const digest = createHash('sha256').update(JSON.stringify(schema)).digest('hex').slice(0, DIGEST_DIGITS)
    this.#digests.set(schema, digest)
    return digest
  }

  async #files(client: StateClient, rows: readonly FileRow[]): Promise<readonly StageFile[]> {
    const missing = new Set(rows.map((row) => row.schema_digest).filter((digest) => !this.#schemas.has(digest)))
    if (missing.size > 0) {
      const found = await client.query<{ digest: string; document: TableSchema }>(
        `SELECT digest, document FROM ${this.#s}.sync_schemas WHERE digest = ANY ($1::text[])`,
        [[...missing]],
      )
      for (const { digest, document } of found) this.#schemas.set(digest, document)
    }
    return rows.map(({ document, schema_digest }) => {
      const schema = this.#schemas.get(schema_digest)
      invariant(schema !== undefined, 'a file refers to a schema that is there')
      return { ...document, schema }
    })
  }
}
