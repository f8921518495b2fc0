/** What is done to a running sync: kills, cut connections, a second process, readers that hold the file. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { WriteMode } from '../../src/core/destination.ts'
import type { Random } from './random.ts'
import { SyncChild, type SyncChildOptions, type SyncExit } from './sync-child.ts'
import type { TortureDestination } from './torture-destination.ts'
import { MONEY_TOTAL } from './world.ts'
import { WRITER_APPLICATION } from './writer.ts'

export interface ChaosOptions {
  readonly random: Random
  readonly child: Omit<SyncChildOptions, 'once' | 'faults'>
  readonly faultRate: number
  /** Between two blows, on average. Milliseconds. */
  readonly pauseMs: number
  readonly admin: pg.Client
  readonly signal: AbortSignal
  /** Takes the operational state away. */
  readonly loseState?: (() => Promise<void>) | undefined
}

export interface ChaosCounts {
  kills: number
  stops: number
  cuts: number
  rivals: number
  restarts: number
  /** How often the operational state was gone at a start. */
  losses: number
  /** Exits that nobody asked for: exit code and last words → how often. */
  readonly ownExits: Map<string, number>
}

const LOSS_RATE = 0.3

/** Keeps a sync running and strikes it until the signal; then kills it. */
export async function strike(options: ChaosOptions): Promise<ChaosCounts> {
  const { random, signal, pauseMs } = options
  const counts: ChaosCounts = { kills: 0, stops: 0, cuts: 0, rivals: 0, restarts: 0, losses: 0, ownExits: new Map() }
  const start = () => {
    counts.restarts++
    const faults = { seed: random.integer(1, 2 ** 31), rate: options.faultRate }
    return new SyncChild({ ...options.child, once: random.chance(0.15), faults })
  }
  let child = start()
  while (!signal.aborted) {
    const waitMs = random.chance(0.3) ? random.integer(0, 800) : random.next() * 2 * pauseMs
    const wait = new AbortController()
    await Promise.race([
      delay(waitMs, undefined, { signal: AbortSignal.any([signal, wait.signal]) }).catch(() => undefined),
      child.exited,
    ])
    wait.abort()
    if (signal.aborted) break
    if (!child.running) {
      noteExit(counts, await child.exited)
      child = start()
      continue
    }
    const blow = random.weighted([
      ['kill', 6],
      ['stop', 2],
      ['cut', 4],
      ['rival', 1],
    ] as const)
    if (blow === 'cut') {
      counts.cuts += await cutConnections(options.admin, random)
      continue
    }
    if (blow === 'rival') {
      counts.rivals++
      const rival = start()
      await delay(random.integer(200, 3000), undefined, { signal }).catch(() => undefined)
      // Whoever is left goes on.
      const [ended, kept] = random.chance(0.5) ? [child, rival] : [rival, child]
      await ended.end()
      child = kept
      continue
    }
    counts[blow === 'kill' ? 'kills' : 'stops']++
    // A stop may take its time; it must not take for ever.
    if (blow === 'stop') await Promise.race([child.end('SIGTERM'), delay(random.integer(100, 4000))])
    await child.end()
    if (options.loseState !== undefined && random.chance(LOSS_RATE)) {
      counts.losses++
      await options.loseState()
    }
    child = start()
  }
  await child.end()
  return counts
}

function noteExit(counts: ChaosCounts, { code, signal, lastWords }: SyncExit): void {
  const what = `${code ?? signal} ${lastWords.slice(0, 300)}`
  counts.ownExits.set(what, (counts.ownExits.get(what) ?? 0) + 1)
}

/** Ends walsenders and others that are not the generator's. */
async function cutConnections(admin: pg.Client, random: Random): Promise<number> {
  const { rows } = await admin.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND application_name <> $1 AND backend_type IN ('client backend', 'walsender') ORDER BY pid`,
    [WRITER_APPLICATION],
  )
  const chosen = random.sample(rows, random.integer(1, 3))
  for (const { pid } of chosen) await admin.query('SELECT pg_terminate_backend($1)', [pid])
  return chosen.length
}

export interface ReaderReport {
  reads: number
  refused: number
  /** What a reader saw that must never be seen. */
  readonly wrong: string[]
}

/** Reads the tables now and then, as an analyst does, and holds the file for a while: money must always add up. */
export async function readNowAndThen(
  destination: TortureDestination,
  write: WriteMode,
  random: Random,
  signal: AbortSignal,
): Promise<ReaderReport> {
  const report: ReaderReport = { reads: 0, refused: 0, wrong: [] }
  while (!signal.aborted) {
    await delay(random.integer(20, 600), undefined, { signal }).catch(() => undefined)
    const total = await destination.readTotal(random.chance(0.1) ? random.integer(100, 1500) : 0, write)
    if (total === 'refused') report.refused++
    else if (total !== undefined) {
      report.reads++
      if (total !== String(MONEY_TOTAL)) report.wrong.push(`a reader saw ${total} in place of ${MONEY_TOTAL}`)
    }
  }
  return report
}
