/**
 * A sync whose destination fails now and then: what `sync-child.ts` starts and kills. Prints the events of the run as JSON
 * lines, and ends with the exit code that the command line would give.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { describeError } from '../../src/core/errors.ts'
import { type FaultPlan, FaultyDestination, lostReply } from '../support/faulty-destination.ts'
import { runPipeline } from '../support/pipeline.ts'
import { Random } from './random.ts'

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: '' },
    once: { type: 'boolean', default: false },
    /** `seed:rate`. */
    faults: { type: 'string' },
  },
})

const HOLD_MS_MAX = 1_500

function planFaults(text: string): FaultPlan {
  const [seed = 0, rate = 0] = text.split(':').map(Number)
  const random = new Random(seed)
  return (call) => {
    if (!random.chance(rate)) return undefined
    const kind = random.pick(['before', 'after', 'after', 'hold'] as const)
    if (kind === 'hold') return { hold: () => delay(random.integer(1, HOLD_MS_MAX)) }
    return { [kind]: lostReply(call) }
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
    ...(faults === undefined
      ? {}
      : { wraps: { destination: (inner) => new FaultyDestination(inner, planFaults(faults)) } }),
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
