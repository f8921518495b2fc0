/** Stage files that nothing needs any more are removed. */

import { openStage, openState } from '../connectors.ts'
import type { CleanupReport } from '../core/application.ts'
import { systemClock } from '../core/clock.ts'
import { applyRetention } from '../engine/retention.ts'
import type { LoadedConfig } from './loaded-config.ts'

export async function cleanup({ config, folder }: LoadedConfig, signal: AbortSignal): Promise<CleanupReport> {
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
