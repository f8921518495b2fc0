import { PipelineError } from './errors.ts'

/** A promise of our own code. When it is broken, going on could harm data: the run stops. */
export function invariant(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new PipelineError('internal', `Keeping the promise "${promise}"`)
}
