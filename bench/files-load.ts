/** A TSV of ten columns loaded into a DuckDB table through the engine, against DuckDB that writes it as Parquet. */
import { fork } from 'node:child_process'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { generateFile } from './support/file-bench-table.ts'
import type { FileLoadRequest } from './support/file-load-process.ts'
import { describeRounds, inTurn } from './support/rounds.ts'
import { scriptPath } from './support/script-path.ts'
import { round } from './support/statistics.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROUNDS = 3
const GIGABYTES = 2
const RATIO_MIN = 0.7
const RSS_MAX_MIB = 5 * 1024
const NAME = 'orders.tsv'

export const filesLoad: Benchmark = {
  name: 'files-load',
  summary: 'a TSV file to the finished DuckDB table, against DuckDB that writes it as Parquet',
  run: measureLoad,
}

interface Answer {
  readonly seconds: number
  readonly rssMiB: number
  readonly answer: string
}

async function measureLoad(options: BenchOptions): Promise<BenchReport> {
  await using folder = await makeWorkFolder()
  const gigabytes = options.gigabytes ?? GIGABYTES
  options.say(`generating ${gigabytes} GB of text`)
  await generateFile('orders', join(folder.path, NAME), gigabytes)
  const { size } = await stat(join(folder.path, NAME))
  let rssMiB = 0
  const rate = async (side: FileLoadRequest['side']): Promise<number> => {
    for (const left of ['state.db', 'stage', 'out.duckdb', 'scratch', 'limit.parquet']) {
      await rm(join(folder.path, left), { recursive: true, force: true })
    }
    const answer = await runSide({ side, folder: folder.path, name: NAME })
    if (side === 'load') rssMiB = Math.max(rssMiB, answer.rssMiB)
    options.say(`${side}: ${answer.seconds.toFixed(2)} s, ${Math.round(answer.rssMiB)} MiB (${answer.answer})`)
    return size / 1e6 / answer.seconds
  }
  // Once before, so that neither side reads from a colder cache than the other.
  await rate('limit')
  const rounds = await inTurn(
    options.rounds ?? ROUNDS,
    () => rate('limit'),
    () => rate('load'),
  )
  const { ratio, measured, limit, pairs } = describeRounds(rounds)
  return {
    ratio,
    measured,
    limit,
    unit: 'MB/s of the file',
    rssMiB: Math.round(rssMiB),
    goal: `ratio ≥ ${RATIO_MIN}, RSS ≤ ${RSS_MAX_MIB} MiB`,
    met: ratio >= RATIO_MIN && rssMiB <= RSS_MAX_MIB,
    details: {
      limit: 'DuckDB reads the file in its types and writes Parquet (zstd, level 1)',
      measured:
        'the engine: parts cut and counted, Parquet, stage, ledger, flushes, to the finished table; without the check',
      gigabytes,
      fileBytes: size,
      minutesFor100GB: round(100_000 / measured / 60, 1),
      pairs,
    },
  }
}

async function runSide(request: FileLoadRequest): Promise<Answer> {
  const child = fork(scriptPath('file-load-process.ts'), [JSON.stringify(request)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  child.once('message', (message) => resolve(message as Answer))
  child.once('exit', (code) => reject(new Error(`the ${request.side} side ended with ${code} and no answer`)))
  return await promise
}
