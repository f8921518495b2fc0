/** What streams must remember. Statements only: whoever calls has a transaction open where they write. */
import type { DatabaseSync } from 'node:sqlite'
import type { StreamToken } from '../../core/source.ts'
import type { TableId } from '../../core/table-schema.ts'

export class TokenTable {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  save({ table, token }: StreamToken): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO tokens (source, namespace, name, token) VALUES (?, ?, ?, ?)')
      .run(table.source, table.namespace, table.name, token)
  }

  all(source: string): readonly StreamToken[] {
    const rows = this.#database.prepare('SELECT namespace, name, token FROM tokens WHERE source = ?').all(source)
    return rows.map(({ namespace, name, token }) => ({
      table: { source, namespace: String(namespace), name: String(name) },
      token: String(token),
    }))
  }

  drop({ source, namespace, name }: TableId): void {
    this.#database
      .prepare('DELETE FROM tokens WHERE source = ? AND namespace = ? AND name = ?')
      .run(source, namespace, name)
  }
}
