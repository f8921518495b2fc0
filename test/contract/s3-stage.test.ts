import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stage } from '../../src/core/stage.ts'
import { openS3Stage } from '../../src/stages/s3/s3-stage.ts'
import { FakeS3 } from '../support/fake-s3.ts'
import { describeStage } from './stage.ts'

describeStage('S3, below a prefix', () => openFixture('some/prefix'))
describeStage('S3, a whole bucket', () => openFixture(''))

async function openFixture(prefix: string) {
  const store = await FakeS3.start({ pageMax: 3 })
  const cache = await mkdtemp(join(tmpdir(), 'simplyload-s3-'))
  const opened: Stage[] = []
  const open = () => {
    const stage = openS3Stage({
      bucket: 'stage',
      prefix,
      region: 'eu-central-1',
      endpoint: store.endpoint,
      path_style: true,
      access_key_id: 'AKIATEST',
      secret_access_key: 'secret-of-the-test',
      cache,
      memoryBytesMax: 32 << 20,
    })
    opened.push(stage)
    return stage
  }
  return {
    stage: open(),
    openAnother: async () => open(),
    read: async (location: string) => store.object(location.replace('s3://stage/', '')).body,
    [Symbol.asyncDispose]: async () => {
      for (const stage of opened) await stage[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await rm(cache, { recursive: true })
    },
  }
}
