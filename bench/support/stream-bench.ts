import type { BenchOptions, BenchReport } from './bench.ts'
import { SERVER_SETTINGS, startBenchServer } from './bench-server.ts'
import { STREAM_OPTIONS } from './recvlogical.ts'
import { describeRounds, inTurn } from './rounds.ts'
import { round } from './statistics.ts'
import { makeStreamScene, type StreamScene, type StreamSceneOptions } from './stream-scene.ts'
import type { SyncResult } from './sync-request.ts'
import { makeWorkFolder } from './work-folder.ts'

export interface StreamBench {
  readonly destination: StreamSceneOptions['destination']
  readonly ratioMin: number
  readonly rssMaxMiB: number | undefined
  readonly seconds: (result: SyncResult) => number | undefined
  readonly until: string
  /** Throws where something was lost. */
  readonly check: (scene: StreamScene, server: Awaited<ReturnType<typeof startBenchServer>>) => Promise<unknown>
}

const ROWS = 3_000_000
const CHANGES = 1_200_000
const TRANSACTIONS = 2
const ROUNDS = 5

export async function runStreamBench(options: BenchOptions, bench: StreamBench): Promise<BenchReport> {
  const { say } = options
  const rows = options.rows ?? ROWS
  const changes = options.changes ?? CHANGES
  await using server = await startBenchServer()
  await using folder = await makeWorkFolder()
  const sceneOptions = { destination: bench.destination, rows, changes, transactions: TRANSACTIONS }
  const scene = await makeStreamScene(server, folder, sceneOptions, say)
  await scene.limit() // the first reading finds cold files
  const results: SyncResult[] = []
  const rounds = await inTurn(
    options.rounds ?? ROUNDS,
    async () => changes / (await scene.limit()),
    async (at) => {
      const result = await scene.measure(options.profile)
      results.push(result)
      const seconds = bench.seconds(result)
      if (seconds === undefined) throw new Error('The run ended before the changes were there')
      say(`round ${at + 1}: ${round(changes / seconds, 0)} changes/s, ${round(result.rssPeakMiB, 0)} MiB`)
      if (result.summary.changesStaged !== changes)
        throw new Error(`${result.summary.changesStaged} changes were staged in place of ${changes}`)
      await bench.check(scene, server)
      return changes / seconds
    },
  )
  const rssMiB = Math.round(Math.max(...results.map((result) => result.rssPeakMiB)))
  const { pairs, ...figures } = describeRounds(rounds)
  const rssGoal = bench.rssMaxMiB === undefined ? '' : `, RSS ≤ ${bench.rssMaxMiB} MiB`
  return {
    ...figures,
    unit: 'changes/s',
    rssMiB,
    goal: `ratio ≥ ${bench.ratioMin}${rssGoal}`,
    met: figures.ratio >= bench.ratioMin && rssMiB <= (bench.rssMaxMiB ?? Number.POSITIVE_INFINITY),
    details: {
      rows,
      changes,
      transactions: scene.description,
      decodedBytes: await scene.decodedBytes(),
      limit: 'pg_recvlogical to a file, whole process, from a copy of the same slot',
      streamOptions: STREAM_OPTIONS,
      measuredFrom: 'the start of the run: lease, catalog and connections included, loading Node not',
      measuredUntil: bench.until,
      pairs,
      wholeRunSeconds: results.map((result) => round(result.seconds, 2)),
      cpuSeconds: results.map((result) => round(result.cpuSeconds, 2)),
      server: SERVER_SETTINGS,
    },
  }
}
