/**
 * A stage for a run that goes on where it may not remove: what a run removes is of no use to anybody, so a bucket that
 * denies it costs space, not rows. It is told once; retention tells it again and tries again.
 */
import { PipelineError } from '../core/errors.ts'
import type { Stage } from '../core/stage.ts'
import { withCalls } from './replaced-calls.ts'

export function lenientStage(inner: Stage, tell: (error: PipelineError) => void): Stage {
  let told = false
  return withCalls(inner, {
    async remove(path) {
      try {
        await inner.remove(path)
      } catch (error) {
        if (!(error instanceof PipelineError)) throw error
        if (!told) tell(error)
        told = true
      }
    },
  })
}
