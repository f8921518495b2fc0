import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openStore, putFile, recorded, type StoreFixture, TEST_KEYS } from '../../../test/support/s3-stage.ts'
import { isPipelineError, type PipelineError } from '../../core/errors.ts'
import { openS3Stage } from './s3-stage.ts'

const never = new AbortController().signal
const SMALL = randomBytes(70_000)
const LARGE = randomBytes(19_000_000)

let fixture: StoreFixture
beforeEach(async () => {
  fixture = await openStore()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

async function failureOf(work: Promise<unknown>): Promise<PipelineError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isPipelineError(error)) throw new Error(`a PipelineError was expected, not ${error}`)
  return error
}

describe('what the operator is told', () => {
  it('that a bucket is missing, whatever is asked of it', async () => {
    const stage = fixture.open({ bucket: 'nowhere' })
    for (const work of [
      () => putFile(stage, 'a', SMALL),
      () => putFile(stage, 'a', LARGE),
      () => Array.fromAsync(stage.list('')),
      () => stage.remove('a'),
      () => stage.sweep(0),
      () => stage.stat('a'),
      () => stage.read('a', never),
    ]) {
      expect(await failureOf(work())).toMatchObject({
        code: 'stage_rejected',
        hint: 'Make the bucket (aws s3 mb s3://nowhere), or correct stage.path',
      })
    }
  })

  it.each(['us-east-1', 'eu-west-3'])('that the bucket is in another region than %s, and in which', async (region) => {
    const stage = fixture.open({ region })
    for (const work of [() => putFile(stage, 'a', SMALL), () => putFile(stage, 'a', LARGE), () => stage.stat('a')]) {
      const error = await failureOf(work())
      expect(error).toMatchObject({ code: 'stage_rejected', hint: 'Set stage.region: eu-central-1' })
    }
  })

  it('that the access key is unknown', async () => {
    const stage = fixture.open({ access_key_id: 'AKIAOTHER' })
    const error = await failureOf(putFile(stage, 'a', SMALL))
    expect(error.code).toBe('stage_authentication')
    expect(error.hint).toContain('stage.access_key_id')
    expect(error.message).toBe('Writing s3://stage/pre/fix/a')
    expect(String(error.cause)).toContain('InvalidAccessKeyId')
  })

  it('that the secret key is wrong, without telling either', async () => {
    const stage = fixture.open({ secret_access_key: 'not-the-secret' })
    const error = await failureOf(putFile(stage, 'a', LARGE))
    expect(error.code).toBe('stage_authentication')
    const told = JSON.stringify([error.message, String(error.cause), error.hint, error.context])
    expect(told).toContain('SignatureDoesNotMatch')
    expect(told).not.toContain('not-the-secret')
    expect(told).not.toContain('AKIATEST')
  })

  it('that a token has expired, also in the middle of a file', async () => {
    fixture.store.keys.set('ASIATEMP', { secretAccessKey: 'temporary', sessionToken: 'token' })
    const stage = fixture.open({ access_key_id: 'ASIATEMP', secret_access_key: 'temporary', session_token: 'token' })
    await putFile(stage, 'before', SMALL)
    const writer = await stage.create('during', never)
    await writer.write(LARGE)
    fixture.store.expired.add('ASIATEMP')
    const error = await failureOf(writer.write(LARGE).then(() => writer.commit()))
    expect(error.code).toBe('stage_authentication')
    expect(error.hint).toContain('have expired')
    // A file that cannot be removed either is the sweep's.
    await writer.abort()
    fixture.store.expired.clear()
    expect(await fixture.open().sweep(Number.MAX_SAFE_INTEGER)).toBe(1)
  })

  it.each([
    ['PutObject', 's3:PutObject on arn:aws:s3:::stage/pre/fix/*'],
    ['DeleteObject', 's3:DeleteObject on arn:aws:s3:::stage/pre/fix/*'],
    ['ListBucket', 's3:ListBucket on arn:aws:s3:::stage in'],
    ['GetObject', 's3:GetObject on arn:aws:s3:::stage/pre/fix/*'],
    ['ListBucketMultipartUploads', 's3:ListBucketMultipartUploads on arn:aws:s3:::stage in'],
  ])('which permission is missing: %s', async (permission, named) => {
    fixture.store.denied.add(permission)
    const stage = fixture.open()
    const works = {
      PutObject: () => putFile(stage, 'a', randomBytes(6_000_000)),
      DeleteObject: () => stage.remove('a'),
      ListBucket: () => Array.fromAsync(stage.list('')),
      GetObject: () => stage.stat('a'),
      ListBucketMultipartUploads: () => stage.sweep(0),
    }
    const error = await failureOf(works[permission as keyof typeof works]())
    expect(error.code).toBe('stage_permission')
    expect(error.hint).toContain(`Allow ${named}`)
  })

  it('that nobody listens at the endpoint', async () => {
    const stage = fixture.open({ endpoint: 'http://127.0.0.1:9' })
    const error = await failureOf(stage.stat('a'))
    expect(error.code).toBe('stage_unavailable')
    expect(error.hint).toContain('stage.endpoint')
    expect(String(error.cause)).toContain('ECONNREFUSED')
  })

  it('that the store is full', async () => {
    fixture.store.fault = ({ action }) =>
      action === 'PutObject' ? { kind: 'answer', status: 507, code: 'XMinioStorageFull' } : undefined
    expect(await failureOf(putFile(fixture.open(), 'a', SMALL))).toMatchObject({ code: 'stage_full' })
  })

  it('that the key of the encryption cannot be used', async () => {
    fixture.store.fault = () => ({ kind: 'answer', status: 400, code: 'KMS.DisabledException' })
    const stage = fixture.open({ encryption: 'sse-kms', kms_key: 'arn:aws:kms:eu-central-1:1:key/2' })
    const error = await failureOf(putFile(stage, 'a', SMALL))
    expect(error.code).toBe('stage_rejected')
    expect(error.hint).toContain('stage.kms_key')
  })
})

describe('credentials', () => {
  it('are those of the environment where the configuration has none, and who has none is told', async () => {
    const { cache, store } = fixture
    const place = { bucket: 'stage', prefix: 'pre/fix', region: 'eu-central-1', endpoint: store.endpoint }
    const open = () => openS3Stage({ ...place, path_style: true, cache, memoryBytesMax: 64 << 20 })
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere')
    try {
      await using without = open()
      expect((await failureOf(putFile(without, 'a', SMALL))).hint).toContain('No credentials were found')
      vi.stubEnv('AWS_ACCESS_KEY_ID', TEST_KEYS.access_key_id)
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', TEST_KEYS.secret_access_key)
      await using stage = open()
      await putFile(stage, 'a', SMALL)
      expect(store.object('pre/fix/a').body.equals(SMALL)).toBe(true)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe('encryption', () => {
  it.each([
    ['sse-s3', 'AES256', undefined],
    ['sse-kms', 'aws:kms', 'arn:aws:kms:eu-central-1:1:key/2'],
  ] as const)('%s is asked for with each object, of one part or of several', async (encryption, header, key) => {
    fixture.store.requiredEncryption = header
    const stage = fixture.open({ encryption, ...(key === undefined ? {} : { kms_key: key }) })
    await putFile(stage, 'small', SMALL)
    await putFile(stage, 'large', LARGE)
    for (const path of ['small', 'large']) {
      const { headers } = fixture.store.object(`pre/fix/${path}`)
      expect(headers['x-amz-server-side-encryption']).toBe(header)
      expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe(key)
    }
    const refused = await failureOf(putFile(fixture.open(), 'plain', SMALL))
    expect(refused.code).toBe('stage_permission')
  })
})

describe('a store that is slow or breaks', () => {
  it('answers 503 SlowDown now and then: nobody notices', async () => {
    fixture.store.fault = ({ attempt }) =>
      attempt < 3
        ? { kind: 'answer', status: 503, code: 'SlowDown', message: 'Please reduce your request rate.' }
        : undefined
    const stage = fixture.open()
    const content = await putFile(stage, 'a', LARGE)
    await using local = await stage.fetch([recorded('a', content)], never)
    expect((await readFile(local.location('a'))).equals(LARGE)).toBe(true)
    await stage.remove('a')
  })

  it('answers 500 without end: the file is tried again later, and nothing of it is seen', async () => {
    fixture.store.fault = ({ action, key }) =>
      action === 'UploadPart' && key.endsWith('/a') ? { kind: 'answer', status: 500, code: 'InternalError' } : undefined
    const stage = fixture.open()
    const error = await failureOf(putFile(stage, 'a', LARGE))
    expect(error.code).toBe('stage_unavailable')
    expect(await Array.fromAsync(stage.list(''))).toEqual([])
    expect(fixture.store.bucket().uploads.size).toBe(0)
  })

  it('loses the reply to the completion of an upload: the file is there once', async () => {
    fixture.store.fault = ({ action, attempt }) =>
      action === 'CompleteMultipartUpload' && attempt === 1 ? { kind: 'lost reply' } : undefined
    const stage = fixture.open()
    const content = await putFile(stage, 'a', LARGE)
    expect(content.bytes).toBe(LARGE.byteLength)
    expect(fixture.store.count('CompleteMultipartUpload')).toBe(2)
    expect(fixture.store.object('pre/fix/a').body.equals(LARGE)).toBe(true)
  })

  it('loses every reply to the completion: what the object is tells that it was done', async () => {
    fixture.store.fault = ({ action }) => (action === 'CompleteMultipartUpload' ? { kind: 'lost reply' } : undefined)
    expect((await putFile(fixture.open(), 'a', LARGE)).bytes).toBe(LARGE.byteLength)
  })

  it('fails in the completion over an older object: that one stays', async () => {
    const stage = fixture.open()
    await putFile(stage, 'a', SMALL)
    fixture.store.fault = ({ action }) =>
      action === 'CompleteMultipartUpload' ? { kind: 'answer', status: 500, code: 'InternalError' } : undefined
    expect((await failureOf(putFile(stage, 'a', LARGE))).code).toBe('stage_unavailable')
    expect(fixture.store.object('pre/fix/a').body.equals(SMALL)).toBe(true)
  })

  it('loses the reply to a small file for good: aborting removes what nobody will record', async () => {
    fixture.store.fault = ({ action }) => (action === 'PutObject' ? { kind: 'lost reply' } : undefined)
    const stage = fixture.open()
    expect((await failureOf(putFile(stage, 'a', SMALL))).code).toBe('stage_unavailable')
    expect(fixture.store.bucket().objects.size).toBe(0)
  })

  it('cuts a connection in the middle of an object: reading goes on where it was', async () => {
    const stage = fixture.open()
    const content = await putFile(stage, 'a', LARGE)
    fixture.store.fault = ({ action, attempt }) =>
      action === 'GetObject' && attempt < 4 ? { kind: 'cut', afterBytes: 3_000_000 } : undefined
    await using local = await stage.fetch([recorded('a', content)], never)
    expect((await readFile(local.location('a'))).equals(LARGE)).toBe(true)
    const reads = fixture.store.calls.filter((call) => call.action === 'GetObject')
    expect(reads).toHaveLength(4)
    expect(reads[3]?.headers.range).toMatch(/^bytes=\d{7}-$/)
  })

  it('sends nothing any more in the middle of an object: the connection is given up', async () => {
    const stage = fixture.open({ idleMs: 300 })
    const content = await putFile(stage, 'a', LARGE)
    fixture.store.fault = ({ action, attempt }) =>
      action === 'GetObject' && attempt === 1 ? { kind: 'stall', afterBytes: 1_000_000 } : undefined
    await using local = await stage.fetch([recorded('a', content)], never)
    expect((await readFile(local.location('a'))).equals(LARGE)).toBe(true)
  })

  it('takes its time for every answer: it is waited for', async () => {
    fixture.store.fault = () => ({ kind: 'delay', ms: 150 })
    const stage = fixture.open()
    const contents = await Promise.all(Array.from({ length: 8 }, (_, index) => putFile(stage, `a${index}`, SMALL)))
    await using local = await stage.fetch(
      contents.map((content, index) => recorded(`a${index}`, content)),
      never,
    )
    for (let index = 0; index < 8; index++) {
      expect((await readFile(local.location(`a${index}`))).equals(SMALL)).toBe(true)
    }
  })

  it('hangs in the middle of everything: a stop is heard at once', async () => {
    const stop = new AbortController()
    const stage = fixture.open()
    const content = await putFile(stage, 'a', LARGE)
    const hanging = new Promise<void>((resolve) => {
      fixture.store.fault = ({ action }) => {
        if (action === 'GetObject') setImmediate(resolve)
        return { kind: 'delay', ms: 20_000 }
      }
    })
    const fetching = stage.fetch([recorded('a', content)], stop.signal)
    const writing = stage.create('b', stop.signal).then(async (writer) => {
      await writer.write(LARGE)
      await writer.commit()
    })
    writing.catch(() => undefined)
    await hanging
    stop.abort(new Error('stopped'))
    await expect(fetching).rejects.toThrow('stopped')
    await expect(writing).rejects.toThrow('stopped')
  })
})

describe('an object that was changed behind our back', () => {
  it('by one byte is damaged', async () => {
    const stage = fixture.open()
    const content = await putFile(stage, 'a/b.parquet', LARGE)
    const changed = Buffer.from(LARGE)
    changed.writeUInt8(changed.readUInt8(12_345_678) ^ 1, 12_345_678)
    fixture.store.bucket().put('pre/fix/a/b.parquet', changed, {})
    const error = await failureOf(stage.fetch([recorded('a/b.parquet', content)], never))
    expect(error).toMatchObject({
      code: 'stage_file_damaged',
      message: 'Reading stage file a/b.parquet',
      context: { table: 'public.orders', file: 'a/b.parquet' },
    })
    expect(String(error.cause)).toMatch(/its checksum is crc32:[0-9a-f]{8}, and crc32:[0-9a-f]{8} was written/)
    expect(await copiesIn(fixture.cache)).toEqual([])
  })

  it('by its length is damaged', async () => {
    const stage = fixture.open()
    const content = await putFile(stage, 'a', LARGE)
    fixture.store.bucket().put('pre/fix/a', LARGE.subarray(1), {})
    const error = await failureOf(stage.fetch([recorded('a', content)], never))
    expect(error.code).toBe('stage_file_damaged')
    expect(String(error.cause)).toContain('it has 18999999 bytes, and 19000000 were written')
  })

  it('while it is read is damaged', async () => {
    const stage = fixture.open()
    const content = await putFile(stage, 'a', LARGE)
    fixture.store.fault = ({ action, attempt }) => {
      if (action !== 'GetObject') return undefined
      if (attempt > 1) fixture.store.bucket().put('pre/fix/a', randomBytes(LARGE.byteLength), {})
      return attempt === 1 ? { kind: 'cut', afterBytes: 1_000_000 } : undefined
    }
    const error = await failureOf(stage.fetch([recorded('a', content)], never))
    expect(error.code).toBe('stage_file_damaged')
    expect(String(error.cause)).toContain('it was replaced while it was read')
  })

  it('by being removed is missing, and the files beside it are no longer waited for', async () => {
    const stage = fixture.open()
    const content = await putFile(stage, 'a', SMALL)
    const gone = recorded('b', content)
    fixture.store.fault = ({ key }) => (key.endsWith('/a') ? { kind: 'delay', ms: 20_000 } : undefined)
    const error = await failureOf(stage.fetch([recorded('a', content), gone], never))
    expect(error).toMatchObject({ code: 'stage_file_missing', context: { table: 'public.orders', file: 'b' } })
    expect(error.hint).toContain('simplyload table resync public.orders')
  })
})

describe('unfinished uploads', () => {
  it('that were written to a moment ago belong to somebody, however long ago they began', async () => {
    const bucket = fixture.store.bucket()
    const begun = (key: string, agoMs: number) => {
      const upload = { ...bucket.begin(key, {}), startedMs: Date.now() - agoMs }
      bucket.uploads.set(upload.uploadId, upload)
      return upload
    }
    const stale = begun('pre/fix/a/stale', 90_000_000)
    const busy = begun('pre/fix/a/busy', 90_000_000)
    bucket.putPart(busy.key, busy.uploadId, 1, SMALL)
    const foreign = begun('pre/fixed/other', 90_000_000)
    const odd = begun('pre/fix/Of Others', 90_000_000)
    expect(await fixture.open().sweep(Date.now() - 3_600_000)).toBe(1)
    expect([...bucket.uploads.keys()].sort()).toEqual([busy.uploadId, foreign.uploadId, odd.uploadId].sort())
    expect(bucket.uploads.has(stale.uploadId)).toBe(false)
  })
})

it('objects of others below the prefix are not listed', async () => {
  const bucket = fixture.store.bucket()
  for (const key of ['pre/fix/Notes.txt', 'pre/fix/a//b', 'pre/fixed/a', 'other']) bucket.put(key, SMALL, {})
  await putFile(fixture.open(), 'a/b', SMALL)
  const listed = await Array.fromAsync(fixture.open().list(''))
  expect(listed.map((object) => object.path)).toEqual(['a/b'])
})

/** Files below the cache folder. */
async function copiesIn(cache: string): Promise<string[]> {
  const entries = await readdir(cache, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}
