import { type Config, chunkBytesMax, freshnessMs, gatherBytes } from './connectors.ts'
import type { EngineSettings } from './engine/context.ts'

export function engineSettings(config: Config): EngineSettings {
  const { sync, stage, customer } = config
  return {
    intervalMs: sync.intervalMs,
    freshnessMs: freshnessMs(config),
    batchRowsMax: sync.batchRowsMax,
    batchBytesMax: sync.batchBytesMax,
    memoryBytesMax: sync.memoryBytesMax,
    gatherBytes: gatherBytes(config),
    chunkBytesMax: chunkBytesMax(config),
    snapshotConnections: sync.parallelism,
    customer,
    retentionMs: stage.retentionMs,
  }
}
