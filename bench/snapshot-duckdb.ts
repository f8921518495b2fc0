/** A table of 3M rows into its finished DuckDB table, against reading it and throwing the bytes away. */
import type { Benchmark } from './support/bench.ts'
import { runSnapshotBench } from './support/snapshot-bench.ts'

export const snapshotDuckdb: Benchmark = {
  name: 'snapshot-duckdb',
  summary: 'snapshot to the finished DuckDB table, against binary COPY',
  run: (options) =>
    runSnapshotBench(options, {
      destination: 'duckdb',
      connections: 1,
      ratioMin: 0.65,
      rssMaxMiB: 600,
      seconds: (result) => result.seconds,
      until: 'the table is live and every file is closed',
    }),
}
