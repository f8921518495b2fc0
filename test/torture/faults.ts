/**
 * What goes wrong inside a tortured sync, drawn from a seed: calls of the destination fail, lose their reply or take long;
 * the stage fails; and the process dies exactly before or after a step that matters.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { PipelineError } from '../../src/core/errors.ts'
import type { Stage, StageWriter } from '../../src/core/stage.ts'
import type { State } from '../../src/core/state.ts'
import { type FaultPlan, lostReply } from '../support/faulty-destination.ts'
import { wrapStage, wrapState } from '../support/wrapped-ports.ts'
import type { Random } from './random.ts'

const HOLD_MS_MAX = 1_500
/** Relative to the rate of the destination's faults: these steps are many. */
const DEATH_SHARE = 0.1
const STAGE_SHARE = 0.15

export function destinationFaults(random: Random, rate: number): FaultPlan {
  return (call) => {
    if (!random.chance(rate)) return undefined
    switch (random.pick(['before', 'after', 'after', 'hold', 'die', 'die after'] as const)) {
      case 'before':
        return { before: lostReply(call) }
      case 'after':
        return { after: lostReply(call) }
      case 'hold':
        return { hold: () => delay(random.integer(1, HOLD_MS_MAX)) }
      case 'die':
        return { hold: die }
      case 'die after':
        return { afterwards: die }
    }
  }
}

/** Dies around the steps that record progress. */
export function dyingState(inner: State, random: Random, rate: number): State {
  const around = async <T>(step: () => Promise<T>): Promise<T> => {
    if (random.chance(rate * DEATH_SHARE)) await die()
    const result = await step()
    if (random.chance(rate * DEATH_SHARE)) await die()
    return result
  }
  return wrapState(inner, {
    recordStaged: (...args) => around(() => inner.recordStaged(...args)),
    saveToken: (...args) => around(() => inner.saveToken(...args)),
    finishChunk: (...args) => around(() => inner.finishChunk(...args)),
    markLoaded: (...args) => around(() => inner.markLoaded(...args)),
    saveTable: (...args) => around(() => inner.saveTable(...args)),
    savePlan: (...args) => around(() => inner.savePlan(...args)),
    clearChunks: (...args) => around(() => inner.clearChunks(...args)),
    discardWaiting: (...args) => around(() => inner.discardWaiting(...args)),
    reconcileLoaded: (...args) => around(() => inner.reconcileLoaded(...args)),
  })
}

/** A disk that is gone for a moment: when a file is begun, while it is written, or after it was finished. */
export function failingStage(inner: Stage, random: Random, rate: number): Stage {
  const fails = () => random.chance(rate * STAGE_SHARE)
  return wrapStage(inner, {
    async create(path, signal) {
      if (fails()) throw gone(path)
      return failingWriter(await inner.create(path, signal), path, fails)
    },
  })
}

function failingWriter(writer: StageWriter, path: string, fails: () => boolean): StageWriter {
  return {
    async write(bytes) {
      if (fails()) throw gone(path)
      return writer.write(bytes)
    },
    async commit() {
      const content = await writer.commit()
      if (fails()) throw gone(path)
      return content
    },
    abort: () => writer.abort(),
  }
}

function gone(path: string): PipelineError {
  return new PipelineError('stage_unavailable', `Writing ${path}`, { cause: new Error('the disk is gone') })
}

/** As by SIGKILL from outside, but exactly here. */
async function die(): Promise<void> {
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => undefined)
}
