/** A table of 3M rows into recorded Parquet files, against reading it and throwing the bytes away. */
import type { Benchmark } from './support/bench.ts'
import { runSnapshotBench } from './support/snapshot-bench.ts'

const GOALS: Readonly<Record<number, number>> = { 1: 0.95, 2: 0.7 }

export const snapshotParquet: Benchmark = {
  name: 'snapshot-parquet',
  summary: 'snapshot to Parquet in the stage, against binary COPY (--connections 1 or 2)',
  run: (options) =>
    runSnapshotBench(options, {
      destination: 'discard',
      connections: options.connections,
      ratioMin: GOALS[options.connections] ?? 0,
      rssMaxMiB: 300,
      seconds: (result) => result.snapshotStagedSeconds,
      until: 'all rows lie in stage files that are durable and recorded; the run itself goes on to its end',
    }),
}
