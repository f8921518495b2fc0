/** Follows the shop until Ctrl-C, or to the present with --once, and then compares both sides. */
import { PipelineError, sync, verify } from 'simplyload'
import config from './simplyload.config.ts'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
const folder = import.meta.dirname

try {
  const summary = await sync(config, {
    folder,
    once: process.argv.includes('--once'),
    signal: stop.signal,
    onEvent(event) {
      if (event.event === 'state') console.log(`${event.table} is ${event.state}`)
      if (event.event === 'merged')
        for (const { table, inserted, updated, deleted } of event.tables)
          console.log(`${table}: +${inserted} ~${updated} -${deleted}`)
    },
  })
  console.log(`${summary.outcome}: ${summary.rowsSnapshot} rows copied, ${summary.changesMerged} changes merged`)
  const report = await verify(config, { folder })
  console.log(report.equal ? 'Both sides are equal' : 'Both sides differ')
  process.exitCode = report.equal ? 0 : 1
} catch (error) {
  if (!(error instanceof PipelineError)) throw error
  console.error(`${error.code}: ${error.message}. ${error.hint ?? ''}`)
  process.exitCode = 1
}
