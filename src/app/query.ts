/** SQL that a person asks of the destination. */

import { openDestination, openStage } from '../connectors.ts'
import type { QueryResult } from '../core/application.ts'
import type { LoadedConfig } from './loaded-config.ts'

/** The destination is let go of when the rows were read, or when there are none to read. */
export async function query({ config, folder }: LoadedConfig, sql: string, signal: AbortSignal): Promise<QueryResult> {
  await using opening = new AsyncDisposableStack()
  const stage = opening.use(await openStage(config, folder))
  const destination = opening.use(await openDestination(config, folder, stage))
  const { columns, rows } = await destination.query(sql, signal)
  const opened = opening.move()
  async function* closing() {
    await using _ = opened
    yield* rows
  }
  return { columns, rows: closing() }
}
