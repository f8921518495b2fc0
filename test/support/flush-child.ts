/** A process that flushes step by step what it is told, and says after each step that it is done. To be killed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Flush } from '../../src/core/destination.ts'
import { filesInPlace } from '../../src/core/stage.ts'
import { openDuckDbDestination } from '../../src/destinations/duckdb/destination.ts'

export interface FlushPlan {
  readonly path: string
  readonly folder: string
  /** Without lease and the group's `from`, which only the destination knows. */
  readonly steps: readonly Omit<Flush, 'lease'>[]
}

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as FlushPlan
const never = new AbortController().signal
const destination = openDuckDbDestination({
  path: plan.path,
  memoryBytesMax: 128 << 20,
  threads: 2,
  fetch: async () => filesInPlace((path) => join(plan.folder, path)),
})
const { lease, checkpoints } = await destination.acquireLease('shop', never)
let at = checkpoints.groups.get('')
for (const step of plan.steps) {
  if (at !== undefined && step.to <= at) continue
  await destination.flush({ ...step, lease, group: { name: '', from: at, to: step.to } }, never)
  await destination.release()
  at = step.to
  process.stdout.write('.')
}
await destination[Symbol.asyncDispose]()
