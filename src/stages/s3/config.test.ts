import { expect, test } from 'vitest'
import { redact } from '../../config/redact.ts'
import { s3StageSchema } from './config.ts'

const MINIMAL = { type: 's3', path: 's3://lake/shop' }

function problems(extra: object): string {
  const result = s3StageSchema.safeParse({ ...MINIMAL, ...extra })
  if (result.success) return expect.unreachable('it should have been refused')
  return result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')
}

test('what is not said has a default', () => {
  expect(s3StageSchema.parse(MINIMAL)).toEqual({
    type: 's3',
    path: 's3://lake/shop',
    bucket: 'lake',
    prefix: 'shop',
    path_style: false,
    cache: '.simplyload/cache',
    retentionMs: 7 * 24 * 3_600_000,
  })
})

test('stores that are not Amazon are asked by path, unless told otherwise', () => {
  const endpoint = 'https://minio.example.com:9000'
  expect(s3StageSchema.parse({ ...MINIMAL, endpoint }).path_style).toBe(true)
  expect(s3StageSchema.parse({ ...MINIMAL, endpoint, path_style: false }).path_style).toBe(false)
})

test.each([
  ['s3://lake', 'lake', '', 's3://lake'],
  ['s3://lake/', 'lake', '', 's3://lake'],
  ['s3://my.lake-1/a/B_c/d=1/', 'my.lake-1', 'a/B_c/d=1', 's3://my.lake-1/a/B_c/d=1'],
])('%s is a bucket and a prefix', (path, bucket, prefix, url) => {
  expect(s3StageSchema.parse({ ...MINIMAL, path })).toMatchObject({ path: url, bucket, prefix })
})

test.each([
  '',
  'lake/shop',
  's3:/lake',
  's3://La/x',
  's3://lake//x',
  's3://lake/a/../b',
  's3://lake/a b',
  's3://lake/ä',
  `s3://lake/${'a'.repeat(400)}`,
  'https://lake.s3.amazonaws.com/x',
])('%j is no place in a bucket', (path) => {
  expect(problems({ path })).toContain('path must be s3://bucket/prefix')
})

test('keys come in pairs, and a key of KMS with its encryption', () => {
  expect(problems({ access_key_id: 'a' })).toBe('access_key_id must be given together with secret_access_key')
  expect(problems({ secret_access_key: 'a' })).toBe('secret_access_key must be given together with access_key_id')
  expect(problems({ session_token: 'a' })).toBe('session_token must be given together with access_key_id')
  expect(problems({ kms_key: 'a' })).toBe('kms_key must be given together with encryption: sse-kms')
  expect(problems({ kms_key: 'a', encryption: 'sse-s3' })).toContain('kms_key must be given together')
  expect(problems({ endpoint: 'minio:9000' })).toContain('endpoint must be an address such as')
})

test('what is secret is printed by nobody', () => {
  const keys = { access_key_id: 'AKIA1', secret_access_key: 'S3cr3t', session_token: 'T0ken' }
  expect(redact(s3StageSchema.parse({ ...MINIMAL, ...keys }))).toMatchObject({
    access_key_id: '<redacted>',
    secret_access_key: '<redacted>',
    session_token: '<redacted>',
  })
})
