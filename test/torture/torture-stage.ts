/**
 * Where stage files of a tortured sync rest: a folder, or a bucket whose store breaks now and then. From a bucket another
 * machine can go on, so there the operational state is lost now and then, too.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FakeS3, type Fault } from '../support/fake-s3.ts'
import { TEST_KEYS } from '../support/s3-stage.ts'
import type { StateKind } from '../support/state-config.ts'
import type { Random } from './random.ts'

export const STAGE_KINDS = ['local', 's3'] as const
export type StageKind = (typeof STAGE_KINDS)[number]

export interface TortureStage extends AsyncDisposable {
  /** As `simplyload.yaml` has it. */
  readonly config: Readonly<Record<string, unknown>>
  /** Absent where a lost state is no matter for the stage. No sync may be running. */
  readonly loseState?: () => Promise<void>
}

const FAULT_RATE = 0.01

export async function openTortureStage(
  kind: StageKind,
  state: StateKind,
  folder: string,
  random: Random,
): Promise<TortureStage> {
  if (kind === 'local') {
    return { config: { type: 'local', path: 'stage' }, [Symbol.asyncDispose]: async () => undefined }
  }
  const store = await FakeS3.start({ pageMax: 50 })
  store.fault = () => (random.chance(FAULT_RATE) ? randomFault(random) : undefined)
  const config = {
    type: 's3',
    path: 's3://stage/world',
    endpoint: store.endpoint,
    region: 'eu-central-1',
    ...TEST_KEYS,
    cache: 'cache',
  }
  const loseState = async () => {
    for (const name of ['state.db', 'state.db-wal', 'state.db-shm', 'state']) {
      await rm(join(folder, name), { recursive: true, force: true })
    }
  }
  return {
    config,
    ...(state === 'postgres' ? {} : { loseState }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

function randomFault(random: Random): Fault {
  switch (random.pick(['error', 'error', 'slow down', 'lost', 'cut', 'break', 'delay'] as const)) {
    case 'error':
      return { kind: 'answer', status: 500, code: 'InternalError' }
    case 'slow down':
      return { kind: 'answer', status: 503, code: 'SlowDown' }
    case 'lost':
      return { kind: 'lost reply' }
    case 'cut':
      return { kind: 'cut' }
    case 'break':
      return { kind: 'cut', afterBytes: random.integer(0, 3000) }
    case 'delay':
      return { kind: 'delay', ms: random.integer(10, 800) }
  }
}
