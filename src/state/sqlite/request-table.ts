/** Requests of people and their answers. Statements only: whoever calls has a transaction open where they write. */
import type { DatabaseSync } from 'node:sqlite'
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import { invariant } from '../../core/invariant.ts'

/** Of each source, beside the open ones. */
const FINISHED_KEPT = 500

export class RequestTable {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  ask(request: ControlRequest): void {
    this.#database
      .prepare('INSERT INTO requests (id, source, open, request) VALUES (?, ?, 1, ?)')
      .run(request.id, request.table.source, JSON.stringify(request))
  }

  find(id: string): ControlRecord | undefined {
    const row = this.#database.prepare('SELECT request, answer FROM requests WHERE id = ?').get(id)
    return row === undefined ? undefined : recordOf(row)
  }

  open(source: string): readonly ControlRecord[] {
    const sql = 'SELECT request, answer FROM requests WHERE source = ? AND open = 1 ORDER BY number'
    return this.#database.prepare(sql).all(source).map(recordOf)
  }

  answer(id: string, answer: ControlAnswer): void {
    const open = answer.outcome === 'accepted' ? 1 : 0
    const row = this.#database
      .prepare('UPDATE requests SET open = ?, answer = ? WHERE id = ? RETURNING source')
      .get(open, JSON.stringify(answer), id)
    invariant(row !== undefined, 'what is answered was asked')
    if (open === 0) this.#dropOldest(String(row.source))
  }

  #dropOldest(source: string): void {
    const newestDropped =
      'SELECT number FROM requests WHERE source = ? AND open = 0 ORDER BY number DESC LIMIT 1 OFFSET ?'
    this.#database
      .prepare(`DELETE FROM requests WHERE source = ? AND open = 0 AND number <= (${newestDropped})`)
      .run(source, source, FINISHED_KEPT)
  }
}

function recordOf(row: Record<string, unknown>): ControlRecord {
  const request = JSON.parse(String(row.request)) as ControlRequest
  return row.answer === null ? { request } : { request, answer: JSON.parse(String(row.answer)) as ControlAnswer }
}
