/** Files of the sizes that a sync makes, written into an S3 store by our stage, against the SDK's own multipart upload. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Benchmark, BenchOptions, BenchReport } from './support/bench.ts'
import { describeRounds, inTurn } from './support/rounds.ts'
import { scriptPath } from './support/script-path.ts'
import type { StoreRequest, StoreResult } from './support/store-files.ts'
import { makeWorkFolder } from './support/work-folder.ts'

const ROUNDS = 5
const RATIO_MIN = 0.9
/** 128 MiB of files on their way, and what a process with the SDK has anyway. */
const RSS_MAX_MIB = 300
const MIB = 1 << 20
/** Of a bulk load, of batches of the stream, and of idle tables. */
const SIZES = [
  ...Array.from({ length: 5 }, () => 120 * MIB),
  ...Array.from({ length: 30 }, () => 21 * MIB),
  ...Array.from({ length: 300 }, () => 24 << 10),
]
const FILES_AT_ONCE = 4

export const stageS3: Benchmark = {
  name: 'stage-s3',
  summary: 'files into an S3 store, against the multipart upload of the AWS SDK',
  run: measureStageS3,
}

async function measureStageS3(options: BenchOptions): Promise<BenchReport> {
  await using folder = await makeWorkFolder()
  // Small and large ones in turn, so that the same mixture is on its way at every moment.
  const sizes = SIZES.map((size, index) => ({ size, place: scattered(index) }))
    .sort((a, b) => a.place - b.place)
    .map(({ size }) => size)
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  const store = fork(scriptPath('store-process.ts'), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    const [{ endpoint }] = (await once(store, 'message')) as [{ endpoint: string }]
    let rssMiB = 0
    const run = async (side: StoreRequest['side']): Promise<number> => {
      const request = { side, endpoint, sizes, filesAtOnce: FILES_AT_ONCE, cache: folder.path }
      const result = await writeFiles(request, options.profile)
      if (side === 'stage') rssMiB = Math.max(rssMiB, result.rssMiB)
      options.say(`${side}: ${Math.round(bytes / MIB / result.seconds)} MiB/s, peak RSS ${result.rssMiB} MiB`)
      return bytes / MIB / result.seconds
    }
    const rounds = await inTurn(
      options.rounds ?? ROUNDS,
      () => run('sdk'),
      () => run('stage'),
    )
    const { pairs, ...figures } = describeRounds(rounds, 0)
    return {
      ...figures,
      unit: 'MiB/s',
      rssMiB,
      goal: `ratio ≥ ${RATIO_MIN}, peak RSS ≤ ${RSS_MAX_MIB} MiB`,
      met: figures.ratio >= RATIO_MIN && rssMiB <= RSS_MAX_MIB,
      details: {
        limit: '`Upload` of @aws-sdk/lib-storage, parts of 8 MiB, each file in memory beforehand; settings of the SDK',
        measured: 'the S3 stage, each file handed over in pieces of 256 KiB; parts of 8 MiB, 128 MiB in memory at most',
        files: sizes.length,
        mebibytes: Math.round(bytes / MIB),
        filesAtOnce: FILES_AT_ONCE,
        pairs,
      },
    }
  } finally {
    store.disconnect()
  }
}

async function writeFiles(request: StoreRequest, profile: string | undefined): Promise<StoreResult> {
  const child = fork(scriptPath('store-files.ts'), [JSON.stringify(request)], {
    execArgv: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  const [result] = (await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => Promise.reject(new Error(`The measured process ended with ${code}`))),
  ])) as [StoreResult]
  await ended
  return result
}

/** The same in every run, and far from that of the neighbours. */
function scattered(index: number): number {
  return (index * 2_654_435_761) % 2 ** 32
}
