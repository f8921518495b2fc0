/** A process that loads file sets and kills itself where it is told: after so many events, so many milliseconds later. */
import { readFileSync } from 'node:fs'
import type { FileSet } from '../../src/core/file-set.ts'
import { loadFiles } from './file-scene.ts'

export interface FileLoadPlan {
  readonly folder: string
  readonly sets: readonly FileSet[]
  readonly partBytes: number
  readonly kill: { readonly events: number; readonly ms: number } | undefined
}

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as FileLoadPlan
const { folder, sets, partBytes, kill } = plan
let events = 0
const { firstError, problems } = await loadFiles(folder, sets, {
  partBytes,
  hear: ({ event }) => {
    if (event !== 'staged' && event !== 'merged' && event !== 'state') return
    if (++events === kill?.events) setTimeout(() => process.kill(process.pid, 'SIGKILL'), kill.ms)
  },
})
if (firstError !== undefined) throw firstError
if (problems.length > 0) throw new Error(problems.join('\n'))
