/** `sync_requests`: requests of people and their answers. */
import { isDeepStrictEqual } from 'node:util'
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import { invariant } from '../../core/invariant.ts'
import { REQUEST_CHANNEL, type StateClient, type StateConnection } from './connection.ts'
import { quotedSchema } from './database-schema.ts'
import type { Place } from './errors.ts'

/** Of each source, beside the open ones. */
const FINISHED_KEPT = 500
const BOUNDED_EVERY = 50n

interface RequestRow {
  readonly request: ControlRequest
  readonly answer: ControlAnswer | null
}

export class RequestTable {
  readonly #connection: StateConnection
  readonly #place: Place
  readonly #table: string

  constructor(connection: StateConnection, place: Place) {
    this.#connection = connection
    this.#place = place
    this.#table = `${quotedSchema(place)}.sync_requests`
  }

  ask(request: ControlRequest): Promise<void> {
    return this.#connection.transaction('Writing', async (client) => {
      // Asked again by whoever got no answer, it is one request.
      const known = await this.#find(client, request.id)
      if (known !== undefined) {
        invariant(isDeepStrictEqual(known.request, request), 'one id is one request')
        return
      }
      await client.query(`INSERT INTO ${this.#table} (id, source, open, request) VALUES ($1, $2, true, $3)`, [
        request.id,
        request.table.source,
        JSON.stringify(request),
      ])
      await client.query('SELECT pg_notify($1, $2)', [REQUEST_CHANNEL, this.#place.schema])
    })
  }

  find(id: string): Promise<ControlRecord | undefined> {
    return this.#connection.run('Reading', (client) => this.#find(client, id))
  }

  open(source: string): Promise<readonly ControlRecord[]> {
    return this.#connection.run('Reading', async (client) => {
      const rows = await client.query<RequestRow>(
        `SELECT request, answer FROM ${this.#table} WHERE source = $1 AND open ORDER BY number`,
        [source],
      )
      return rows.map(recordOf)
    })
  }

  answer(id: string, answer: ControlAnswer): Promise<void> {
    const isOpen = answer.outcome === 'accepted'
    return this.#connection.transaction('Writing', async (client) => {
      const [row] = await client.query<{ source: string; number: bigint }>(
        `UPDATE ${this.#table} SET open = $2, answer = $3 WHERE id = $1 RETURNING source, number`,
        [id, isOpen, JSON.stringify(answer)],
      )
      invariant(row !== undefined, 'what is answered was asked')
      if (!isOpen && row.number % BOUNDED_EVERY === 0n) await this.#bound(client, row.source)
    })
  }

  async #find(client: StateClient, id: string): Promise<ControlRecord | undefined> {
    const [row] = await client.query<RequestRow>(`SELECT request, answer FROM ${this.#table} WHERE id = $1`, [id])
    return row === undefined ? undefined : recordOf(row)
  }

  async #bound(client: StateClient, source: string): Promise<void> {
    await client.query(
      `DELETE FROM ${this.#table} WHERE source = $1 AND NOT open AND number <=
         (SELECT number FROM ${this.#table} WHERE source = $1 AND NOT open ORDER BY number DESC OFFSET $2 LIMIT 1)`,
      [source, FINISHED_KEPT],
    )
  }
}

function recordOf({ request, answer }: RequestRow): ControlRecord {
  return answer === null ? { request } : { request, answer }
}
