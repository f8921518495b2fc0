/** 1.2M changes in the slot into recorded Parquet files, against PostgreSQL's own client writing them to a file. */
import type { Benchmark } from './support/bench.ts'
import { countStagedRows } from './support/order-check.ts'
import { stageFolder } from './support/product.ts'
import { runStreamBench } from './support/stream-bench.ts'

export const streamParquet: Benchmark = {
  name: 'stream-parquet',
  summary: '1.2M changes to Parquet in the stage, against pg_recvlogical',
  run: (options) =>
    runStreamBench(options, {
      destination: 'discard',
      ratioMin: 0.95,
      rssMaxMiB: 300,
      seconds: (result) => result.changesStagedSeconds,
      until: 'the last change lies in a stage file that is durable and recorded',
      async check(scene) {
        const staged = await countStagedRows(stageFolder(scene.roundFolder), 'changes')
        if (staged !== scene.changes) throw new Error(`The stage holds ${staged} changes in place of ${scene.changes}`)
      },
    }),
}
