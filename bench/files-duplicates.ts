/** Keys of a TSV compared in a gigabyte of memory, against DuckDB's own grouping. */
import type { Benchmark } from './support/bench.ts'
import { runFileBench } from './support/file-bench.ts'

export const filesDuplicates: Benchmark = {
  name: 'files-duplicates',
  summary: "duplicate keys beyond memory, against DuckDB's GROUP BY … HAVING",
  run: (options) =>
    runFileBench(options, {
      shape: 'duplicates',
      gigabytes: 4,
      // DuckDB's limit is 1 GiB of it, on both sides.
      memoryBytes: 2.5 * 2 ** 30,
      ratioMin: 0.9,
      rssMaxMiB: 2560,
      limit: 'GROUP BY id HAVING count(*) > 1 over the file, typed by its reader, in the same memory',
      measured: 'the pass of a unique key: rows and keys that repeat, exact',
    }),
}
