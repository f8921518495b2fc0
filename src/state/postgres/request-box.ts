/** The door of commands to a state that a sync may have: it takes no lock. */
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import type { RequestBox } from '../../core/state.ts'
import { StateConnection } from './connection.ts'
import { prepareTables } from './database-schema.ts'
import type { PostgresStatePlace } from './postgres-state.ts'
import { RequestTable } from './request-table.ts'

/** Makes the tables where there are none yet: the first sync then finds what it was asked. */
export async function openPostgresRequestBox({ connect, ...place }: PostgresStatePlace): Promise<RequestBox> {
  const connection = new StateConnection({ place, connect, exclusive: false })
  try {
    await prepareTables(connection, place, 'write')
    return new PostgresRequestBox(connection, new RequestTable(connection, place))
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
}

class PostgresRequestBox implements RequestBox {
  readonly #connection: StateConnection
  readonly #requests: RequestTable

  constructor(connection: StateConnection, requests: RequestTable) {
    this.#connection = connection
    this.#requests = requests
  }

  ask(request: ControlRequest): Promise<void> {
    return this.#requests.ask(request)
  }

  request(id: string): Promise<ControlRecord | undefined> {
    return this.#requests.find(id)
  }

  openRequests(source: string): Promise<readonly ControlRecord[]> {
    return this.#requests.open(source)
  }

  answerRequest(id: string, answer: ControlAnswer): Promise<void> {
    return this.#requests.answer(id, answer)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]()
  }
}
