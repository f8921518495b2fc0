/** States in a test database, one schema each, and what can be done to their connections. */
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { State } from '../../src/core/state.ts'
import { connect } from '../../src/sources/postgres/client.ts'
import { connectionSettings } from '../../src/sources/postgres/connection-settings.ts'
import type { StateClient } from '../../src/state/postgres/connection.ts'
import { openPostgresState, type PostgresStatePlace } from '../../src/state/postgres/postgres-state.ts'
import type { TestDatabase } from './postgres.ts'

export class PostgresStates {
  readonly #database: TestDatabase
  #schemas = 0

  constructor(database: TestDatabase) {
    this.#database = database
  }

  newSchema(): string {
    return `state_${this.#schemas++}`
  }

  place(schema: string, url = this.#database.url): PostgresStatePlace {
    const settings = connectionSettings({ url })
    return {
      server: 'db:5432/shop',
      schema,
      role: settings.user,
      connect: (signal) => connect(settings, { purpose: 'state' }, signal),
    }
  }

  write(schema: string, url?: string): Promise<State> {
    return openPostgresState({ ...this.place(schema, url), mode: 'write' })
  }

  /** For one that is to be refused: it does not wait for the other one's end. */
  writeAtOnce(schema: string): Promise<State> {
    return openPostgresState({ ...this.place(schema), lockWaitMs: 0, mode: 'write' })
  }

  read(schema: string, url?: string): Promise<State> {
    return openPostgresState({ ...this.place(schema, url), mode: 'read' })
  }

  /** Process ids of the server for states, the oldest first. */
  async backends(): Promise<readonly number[]> {
    const rows = await this.#database.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'simplyload state' ORDER BY backend_start",
    )
    return rows.map(({ pid }) => pid)
  }

  async cutAll(): Promise<void> {
    for (const pid of await this.backends()) await this.#database.query('SELECT pg_terminate_backend($1, 5000)', [pid])
  }

  /** Cuts again and again, after `pauseMs` each time. */
  keepCutting(pauseMs: () => number): AsyncDisposable & { readonly cuts: number } {
    let isDone = false
    let cuts = 0
    const cutting = (async () => {
      while (!isDone) {
        for (const pid of await this.backends()) {
          await this.#database.query('SELECT pg_terminate_backend($1)', [pid])
          cuts++
        }
        await delay(pauseMs())
      }
    })()
    return {
      get cuts() {
        return cuts
      },
      async [Symbol.asyncDispose]() {
        isDone = true
        await cutting
      },
    }
  }
}

/** Calls until it works, as the engine does. */
export async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      expect(error).toMatchObject({ code: 'state_unreachable' })
      await delay(5)
    }
  }
}

export function wrapStateClient(inner: StateClient, over: Partial<StateClient>): StateClient {
  return {
    pid: inner.pid,
    get usable() {
      return inner.usable
    },
    query: (sql, values) => inner.query(sql, values),
    onLost: (listener) => inner.onLost(listener),
    onNotification: (listener) => inner.onNotification(listener),
    close: () => inner.close(),
    destroy: () => inner.destroy(),
    ...over,
  }
}
