/** `query` and `cleanup`. */

import { openDestination, openStage, openState } from '../connectors.ts'
import type { CleanupReport, QueryResult } from '../core/application.ts'
import { systemClock } from '../core/clock.ts'
import { applyRetention } from '../engine/retention.ts'
import type { ReportSetting } from './reports.ts'

export async function query({ config, folder }: ReportSetting, sql: string, signal: AbortSignal): Promise<QueryResult> {
  const stage = await openStage(config, folder)
  const destination = await openDestination(config, folder, stage)
  const { columns, rows } = await destination.query(sql, signal)
  async function* closing() {
    try {
      yield* rows
    } finally {
      await destination[Symbol.asyncDispose]()
      await stage[Symbol.asyncDispose]()
    }
  }
  return { columns, rows: closing() }
}

export async function cleanup({ config, folder }: ReportSetting, signal: AbortSignal): Promise<CleanupReport> {
  await using state = await openState(config, folder, 'write')
  await using stage = await openStage(config, folder)
  const { customer } = config
  const ports = { stage, state, clock: systemClock, customer, sources: Object.keys(config.sources) }
  const request = { retentionMs: config.stage.retentionMs, lists: true }
  const { filesRemoved, bytesRemoved, problems } = await applyRetention(ports, request, signal)
  const [problem] = problems
  if (problem !== undefined) throw problem
  let filesKept = 0
  for await (const _ of stage.list('')) filesKept++
  return { filesRemoved, bytesRemoved, filesKept }
}
