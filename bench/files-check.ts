/** A TSV of ten columns checked, against one query by hand that asks the same. */
import type { Benchmark } from './support/bench.ts'
import { runFileBench } from './support/file-bench.ts'

export const filesCheck: Benchmark = {
  name: 'files-check',
  summary: 'a TSV file checked: types, 7 rules, days; against one query by hand',
  run: (options) =>
    runFileBench(options, {
      shape: 'orders',
      gigabytes: 4,
      memoryBytes: 4 * 2 ** 30,
      ratioMin: 0.85,
      rssMaxMiB: 4096,
      limit: 'one DuckDB query with the same types, rules, rows and sums by day',
      measured: 'files check: the same with records counted by another reader, to the result on the disk',
    }),
}
