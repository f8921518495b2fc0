/** The stage, as `doctor` examines it. */

import { openStage } from '../connectors.ts'
import { type Finding, failedFinding } from '../core/finding.ts'
import { probeStage } from '../engine/stage-probe.ts'
import type { LoadedConfig } from './loaded-config.ts'

export async function examineStage({ config, folder }: LoadedConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const subject = `stage ${config.stage.path}`
  try {
    await using stage = await openStage(config, folder)
    return [{ subject, level: 'ok', message: 'can be opened' }, ...(await probeStage(stage, config.customer, signal))]
  } catch (error) {
    signal.throwIfAborted()
    return [failedFinding(subject, error)]
  }
}
