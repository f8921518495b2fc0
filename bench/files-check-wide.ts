/** A packed CSV of 200 quoted columns checked, against one query by hand that asks the same. */
import type { Benchmark } from './support/bench.ts'
import { runFileBench } from './support/file-bench.ts'

export const filesCheckWide: Benchmark = {
  name: 'files-check-wide',
  summary: 'a gzip CSV of 200 quoted columns checked, against one query by hand',
  run: (options) =>
    runFileBench(options, {
      shape: 'wide',
      gigabytes: 1,
      memoryBytes: 4 * 2 ** 30,
      ratioMin: 0.85,
      rssMaxMiB: 4096,
      limit: 'one DuckDB query with the same types, rules, rows and sums by day; DuckDB unpacks',
      measured: 'files check: unpacked and counted on the way to DuckDB, to the result on the disk',
    }),
}
