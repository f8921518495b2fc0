import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stage } from '../../src/core/stage.ts'
import { openLocalStage } from '../../src/stages/local/local-stage.ts'
import { describeStage } from './stage.ts'

describeStage('local', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-stage-'))
  const opened: Stage[] = [await openLocalStage(folder)]
  return {
    stage: opened[0]!,
    openAnother: async () => {
      const another = await openLocalStage(folder)
      opened.push(another)
      return another
    },
    read: (location) => readFile(location),
    [Symbol.asyncDispose]: async () => {
      for (const stage of opened) await stage[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
})
