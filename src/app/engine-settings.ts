import { type Config, freshnessMs } from '../connectors.ts'
import type { EngineSettings } from '../engine/context.ts'

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

/** About what the smallest warehouse loads in the minute that is paid for whenever it wakes up. */
const WAREHOUSE_GATHER_BYTES = 2 * 1024 ** 3

/** What makes it worth while to load a part of a snapshot. */
function gatherBytes({ destination }: Config): number {
  return destination.type === 'snowflake' ? WAREHOUSE_GATHER_BYTES : 0
}

/** A fifth to a tenth of it compressed, cut at 200 MiB where it is more: files of 100 to 250 MB, as Snowflake asks for. */
const WAREHOUSE_CHUNK_BYTES = 1024 ** 3

/** How much of a table is read into one file at most; undefined: as the source likes it. */
function chunkBytesMax({ destination }: Config): number | undefined {
  return destination.type === 'snowflake' ? WAREHOUSE_CHUNK_BYTES : undefined
}
