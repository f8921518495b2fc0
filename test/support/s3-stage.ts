/** A stage over a store of the test's own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NO_FEATURES } from '../../src/core/batch.ts'
import { position } from '../../src/core/position.ts'
import type { Stage, StageFile, StoredContent } from '../../src/core/stage.ts'
import { openS3Stage, type S3StageOptions } from '../../src/stages/s3/s3-stage.ts'
import { FakeS3, type FakeS3Options } from './fake-s3.ts'

export const TEST_KEYS = { access_key_id: 'AKIATEST', secret_access_key: 'secret-of-the-test' } as const

export interface StoreFixture extends AsyncDisposable {
  readonly store: FakeS3
  /** Where stages of this fixture put their copies. */
  readonly cache: string
  /** Closed with the fixture. */
  open(options?: Partial<S3StageOptions>): Stage
}

export async function openStore(options: FakeS3Options = {}): Promise<StoreFixture> {
  const store = await FakeS3.start(options)
  const cache = await mkdtemp(join(tmpdir(), 'simplyload-s3-'))
  const opened: Stage[] = []
  return {
    store,
    cache,
    open: (over = {}) => {
      const stage = openS3Stage({
        bucket: 'stage',
        prefix: 'pre/fix',
        region: 'eu-central-1',
        endpoint: store.endpoint,
        path_style: true,
        ...TEST_KEYS,
        cache,
        memoryBytesMax: 64 << 20,
        ...over,
      })
      opened.push(stage)
      return stage
    },
    [Symbol.asyncDispose]: async () => {
      for (const stage of opened) await stage[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await rm(cache, { recursive: true, force: true })
    },
  }
}

const never = new AbortController().signal

export async function putFile(stage: Stage, path: string, ...parts: Uint8Array[]): Promise<StoredContent> {
  const writer = await stage.create(path, never)
  try {
    for (const part of parts) await writer.write(part)
    return await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** As the ledger would record it. */
export function recorded(path: string, content: StoredContent): StageFile {
  return {
    batchId: path,
    path,
    ...content,
    rows: 1,
    schema: {
      table: { source: 'shop', namespace: 'public', name: 'orders' },
      columns: [],
      identity: { kind: 'append' },
      version: 1,
    },
    kind: 'changes',
    firstPosition: position(1, 1n, 1),
    lastPosition: position(1, 1n, 1),
    features: NO_FEATURES,
    stagedMs: 0,
  }
}
