/** Benchmarks of file checks: a file is generated, then read by hand and by the product in turn, each in a process of its own. */
import { fork } from 'node:child_process'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchOptions, BenchReport } from './bench.ts'
import { type FileBenchRequest, type FileShape, generateFile } from './file-bench-table.ts'
import { describeRounds, inTurn } from './rounds.ts'
import { scriptPath } from './script-path.ts'
import { round } from './statistics.ts'
import { makeWorkFolder } from './work-folder.ts'

export interface FileBench {
  readonly shape: FileShape
  /** Of text, where nobody says otherwise. */
  readonly gigabytes: number
  readonly memoryBytes: number
  readonly ratioMin: number
  readonly rssMaxMiB: number
  readonly limit: string
  readonly measured: string
}

const ROUNDS = 3

interface Answer {
  readonly seconds: number
  readonly rssMiB: number
  readonly answer: string
}

export async function runFileBench(options: BenchOptions, bench: FileBench): Promise<BenchReport> {
  const { shape, memoryBytes, ratioMin, rssMaxMiB } = bench
  await using folder = await makeWorkFolder()
  const path = join(folder.path, shape === 'wide' ? 'wide.csv.gz' : `${shape}.tsv`)
  const gigabytes = options.gigabytes ?? bench.gigabytes
  options.say(`generating ${gigabytes} GB of text`)
  await generateFile(shape, path, gigabytes)
  const { size } = await stat(path)
  const work = join(folder.path, 'work')
  await mkdir(work)
  let rssMiB = 0
  const rate = async (side: FileBenchRequest['side']): Promise<number> => {
    const answer = await runSide({ side, shape, path, folder: work, memoryBytes })
    if (side === 'check') rssMiB = Math.max(rssMiB, answer.rssMiB)
    options.say(`${side}: ${answer.seconds.toFixed(2)} s, ${Math.round(answer.rssMiB)} MiB (${answer.answer})`)
    return size / 1e6 / answer.seconds
  }
  // Once before, so that neither side reads from a colder cache than the other.
  await rate('limit')
  const rounds = await inTurn(
    options.rounds ?? ROUNDS,
    () => rate('limit'),
    () => rate('check'),
  )
  const { ratio, measured, limit, pairs } = describeRounds(rounds)
  return {
    ratio,
    measured,
    limit,
    unit: 'MB/s of the file',
    rssMiB: Math.round(rssMiB),
    goal: `ratio ≥ ${ratioMin}, RSS ≤ ${rssMaxMiB} MiB`,
    met: ratio >= ratioMin && rssMiB <= rssMaxMiB,
    details: {
      limit: bench.limit,
      measured: bench.measured,
      gigabytes,
      fileBytes: size,
      minutesFor100GB: round(100_000 / measured / 60, 1),
      pairs,
    },
  }
}

async function runSide(request: FileBenchRequest): Promise<Answer> {
  const child = fork(scriptPath('file-bench-process.ts'), [JSON.stringify(request)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  child.once('message', (message) => resolve(message as Answer))
  child.once('exit', (code) => reject(new Error(`the ${request.side} side ended with ${code} and no answer`)))
  return await promise
}
