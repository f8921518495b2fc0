/**
 * A sync in which things go wrong now and then: what `sync-child.ts` starts and kills. Prints the events of the run as JSON
 * lines, and ends with the exit code that the command line would give.
 */
import { parseArgs } from 'node:util'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { describeError } from '../../src/core/errors.ts'
import { FaultyDestination } from '../support/faulty-destination.ts'
import { runPipeline, type Wraps } from '../support/pipeline.ts'
import { destinationFaults, dyingState, failingStage } from './faults.ts'
import { Random } from './random.ts'
import { MONEY_TABLES } from './world.ts'

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: '' },
    once: { type: 'boolean', default: false },
    /** `seed:rate`. */
    faults: { type: 'string' },
  },
})

/** The first is that of all others. */
const FRESHNESS_MS = [60, 60, 300, 1_500]

function faultyParts(text: string): Wraps {
  const [seed = 0, rate = 0] = text.split(':').map(Number)
  const random = new Random(seed)
  const groups = new Random(seed + 1)
  return {
    // Other groups in each run. What is read across tables is in one.
    freshnessMs: (table) =>
      MONEY_TABLES.some((name) => table === `public.${name}`) ? undefined : groups.pick(FRESHNESS_MS),
    destination: (inner) => new FaultyDestination(inner, destinationFaults(random, rate)),
    state: (inner) => dyingState(inner, random, rate),
    stage: (inner) => failingStage(inner, random, rate),
  }
}

const graceful = new AbortController()
process.on('SIGTERM', () => graceful.abort())

const { faults } = values
try {
  const { summary, firstError } = await runPipeline({
    configFile: values.config,
    once: values.once,
    listener: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
    stop: { graceful: graceful.signal, immediate: new AbortController().signal },
    wraps: {
      ...(faults === undefined ? {} : faultyParts(faults)),
      // Shorter than Snowflake's users may have it.
      settings: { freshnessMs: 60 },
    },
  })
  const { outcome, tables } = summary
  const failed = tables.filter((table) => table.state !== 'live')
  if (firstError !== undefined) process.stderr.write(`${describeError(firstError)}\n`)
  else if (failed.length > 0 && outcome !== 'interrupted')
    process.stderr.write(`${failed.map(({ table, state, error }) => `${table} ${state}: ${error}`).join('; ')}\n`)
  process.exitCode = firstError !== undefined ? exitCodeOf(firstError) : outcome === 'partial' ? 7 : 0
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.stderr.write(`${describeError(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
process.stdout.write('', () => process.exit())
