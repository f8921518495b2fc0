import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore, type StoreFixture } from '../../test/support/s3-stage.ts'
import { openLocalStage } from '../stages/local/local-stage.ts'
import { probeStage } from './stage-probe.ts'

const never = new AbortController().signal

let fixture: StoreFixture
beforeEach(async () => {
  fixture = await openStore()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

test('a stage that does all that is asked of it is found good, and nothing is left in it', async () => {
  const findings = await probeStage(fixture.open(), 'default', never)
  expect(findings.map(({ subject, level }) => `${subject} ${level}`)).toEqual([
    'write ok',
    'read ok',
    'list ok',
    'delete ok',
    'unfinished files ok',
  ])
  expect(fixture.store.bucket().objects.size).toBe(0)
})

test('so is a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-probe-'))
  const findings = await probeStage(await openLocalStage(folder), 'default', never)
  expect(findings.every(({ level }) => level === 'ok')).toBe(true)
  expect(await readdir(folder)).toEqual([])
  await rm(folder, { recursive: true })
})

test.each([
  ['PutObject', ['write error']],
  ['GetObject', ['write ok', 'read error', 'list ok', 'delete ok', 'unfinished files ok']],
  ['ListBucket', ['write ok', 'read ok', 'list error', 'delete ok', 'unfinished files ok']],
  ['DeleteObject', ['write ok', 'read ok', 'list ok', 'delete warning', 'unfinished files ok']],
  ['ListBucketMultipartUploads', ['write ok', 'read ok', 'list ok', 'delete ok', 'unfinished files warning']],
])('a bucket that denies %s is found out, with what to allow', async (permission, expected) => {
  fixture.store.denied.add(permission)
  const findings = await probeStage(fixture.open(), 'default', never)
  expect(findings.map(({ subject, level }) => `${subject} ${level}`)).toEqual(expected)
  const [refused] = findings.filter(({ level }) => level !== 'ok')
  expect(refused?.fix).toContain(`Allow s3:${permission} on arn:aws:s3:::stage`)
})

test('a bucket that is missing says so', async () => {
  const findings = await probeStage(fixture.open({ bucket: 'nowhere' }), 'default', never)
  expect(findings).toMatchObject([{ subject: 'write', level: 'error', fix: expect.stringContaining('aws s3 mb') }])
})
