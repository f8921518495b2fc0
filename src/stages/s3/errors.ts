/**
 * What the store or the SDK says → what the operator can do. The cause is put together anew: errors of the SDK hold whole
 * responses and requests.
 */
import { type ErrorCode, PipelineError } from '../../core/errors.ts'

/** What a call needs and is about, for hints. */
export interface CallSubject {
  /** `s3://bucket/key`. */
  readonly location: string
  readonly bucket: string
  /** The permission that the call needs: `s3:PutObject`. */
  readonly action: string
  /** What it is needed on: `arn:aws:s3:::bucket/prefix/*`. */
  readonly resource: string
}

interface ErrorKind {
  readonly code: ErrorCode
  readonly hint: (subject: CallSubject, fault: StoreFault) => string
}

/** An error of the SDK, reduced to what is of use. */
interface StoreFault {
  /** As the store says it: `SlowDown`; of the connection: `ECONNREFUSED`. */
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  readonly requestId: string | undefined
  /** Region of the bucket, where the store tells it. */
  readonly region: string | undefined
}

const AUTHENTICATION: ErrorKind = {
  code: 'stage_authentication',
  hint: () =>
    'Set stage.access_key_id and stage.secret_access_key to keys that are valid, or remove them to use the credential chain (AWS_ACCESS_KEY_ID, AWS_PROFILE, web identity, instance role)',
}
const EXPIRED: ErrorKind = {
  code: 'stage_authentication',
  hint: () =>
    'The credentials are temporary and have expired. Set new ones, with stage.session_token; or remove the keys from the configuration, so that the credential chain renews them (AWS_PROFILE, web identity, instance role)',
}
const MISSING_CREDENTIALS: ErrorKind = {
  code: 'stage_authentication',
  hint: () =>
    'No credentials were found. Set stage.access_key_id and stage.secret_access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where an instance role or a web identity is there',
}
const CLOCK: ErrorKind = {
  code: 'stage_authentication',
  hint: () => 'The clock of this machine is wrong: set it (chronyc makestep, timedatectl set-ntp true)',
}
const PERMISSION: ErrorKind = {
  code: 'stage_permission',
  hint: ({ action, resource }) => `Allow ${action} on ${resource} in the policy of these credentials`,
}
const NO_BUCKET: ErrorKind = {
  code: 'stage_rejected',
  hint: ({ bucket }) => `Make the bucket (aws s3 mb s3://${bucket}), or correct stage.path`,
}
const WRONG_REGION: ErrorKind = {
  code: 'stage_rejected',
  hint: ({ bucket }, { region }) =>
    region === undefined
      ? `Set stage.region to the region of the bucket (aws s3api get-bucket-location --bucket ${bucket})`
      : `Set stage.region: ${region}`,
}
const NO_REGION: ErrorKind = {
  code: 'stage_rejected',
  hint: () => 'Set stage.region, or AWS_REGION',
}
const KEY: ErrorKind = {
  code: 'stage_rejected',
  hint: () =>
    'The key of stage.kms_key cannot be used: it must exist in the region of the bucket, be enabled, and allow kms:GenerateDataKey and kms:Decrypt to these credentials',
}
const FULL: ErrorKind = {
  code: 'stage_full',
  hint: ({ bucket }) =>
    `Free space in bucket ${bucket} or raise its quota. Nothing is lost: the source keeps what is not staged.`,
}
const UNAVAILABLE: ErrorKind = {
  code: 'stage_unavailable',
  hint: ({ bucket }, { name }) =>
    NETWORK.test(name)
      ? 'Check stage.endpoint, stage.region and the network between this machine and the store'
      : `Bucket ${bucket} is not available for the moment; it is tried again`,
}
const REJECTED: ErrorKind = {
  code: 'stage_rejected',
  hint: () => 'The store refuses the request: check stage.path, stage.endpoint, stage.path_style and stage.encryption',
}

const NETWORK = /^(E[A-Z]{3,}|TimeoutError|NetworkingError)$/

const KINDS: Readonly<Record<string, ErrorKind>> = {
  InvalidAccessKeyId: AUTHENTICATION,
  SignatureDoesNotMatch: AUTHENTICATION,
  InvalidToken: AUTHENTICATION,
  AuthFailure: AUTHENTICATION,
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  CredentialsProviderError: MISSING_CREDENTIALS,
  TokenProviderError: MISSING_CREDENTIALS,
  RequestTimeTooSkewed: CLOCK,
  RequestExpired: CLOCK,
  AccessDenied: PERMISSION,
  AllAccessDisabled: PERMISSION,
  Forbidden: PERMISSION,
  NoSuchBucket: NO_BUCKET,
  InvalidBucketName: NO_BUCKET,
  PermanentRedirect: WRONG_REGION,
  TemporaryRedirect: WRONG_REGION,
  AuthorizationHeaderMalformed: WRONG_REGION,
  IllegalLocationConstraintException: WRONG_REGION,
  RegionMissing: NO_REGION,
  QuotaExceeded: FULL,
  XMinioStorageFull: FULL,
  XMinioAdminBucketQuotaExceeded: FULL,
  InsufficientStorage: FULL,
  // Bytes that were changed on their way: they are sent again.
  BadDigest: UNAVAILABLE,
  InvalidDigest: UNAVAILABLE,
  XAmzContentChecksumMismatch: UNAVAILABLE,
  XAmzContentSHA256Mismatch: UNAVAILABLE,
  IncompleteBody: UNAVAILABLE,
  // Somebody else swept the upload away: the file is written again.
  NoSuchUpload: UNAVAILABLE,
  InvalidPart: UNAVAILABLE,
  SlowDown: UNAVAILABLE,
  RequestTimeout: UNAVAILABLE,
  OperationAborted: UNAVAILABLE,
}

/** `doing` is a gerund with its object. */
export function s3Error(error: unknown, doing: string, subject: CallSubject): PipelineError {
  if (error instanceof PipelineError) return error
  const fault = faultOf(error)
  const kind = kindOf(fault)
  const told = [fault.name, fault.message].filter((part) => part !== '' && part !== 'UnknownError')
  const request = fault.requestId === undefined ? '' : ` (request ${fault.requestId})`
  return new PipelineError(kind.code, doing, {
    cause: new Error(`${[...new Set(told)].join(': ') || `HTTP status ${fault.status}`}${request}`),
    hint: kind.hint(subject, fault),
    context: { location: subject.location, reason: fault.name, ...(fault.status ? { status: fault.status } : {}) },
  })
}

/** As the store names it: `NoSuchKey`. */
export function faultName(error: unknown): string {
  return faultOf(error).name
}

/** The answer had no body to say why, as those to HEAD. */
export function isUnexplained(error: unknown): boolean {
  const { name, status } = faultOf(error)
  return (status ?? 0) >= 300 && (status ?? 0) < 500 && !(name in KINDS)
}

function kindOf({ name, message, status = 0 }: StoreFault): ErrorKind {
  if (name.startsWith('KMS.') || (name in KINDS && /\bkms:/.test(message))) return KEY
  const known = KINDS[name]
  if (known !== undefined) return known
  if (/region is missing/i.test(message)) return NO_REGION
  if (status === 403) return PERMISSION
  if (status === 401) return AUTHENTICATION
  if (status === 507) return FULL
  if (status === 301 || status === 307) return WRONG_REGION
  // Timeouts, too many requests, faults of the store and of the network: what has no status never arrived.
  return status === 0 || status === 408 || status === 429 || status >= 500 ? UNAVAILABLE : REJECTED
}

function faultOf(error: unknown): StoreFault {
  if (typeof error !== 'object' || error === null) {
    return { name: '', message: String(error), status: undefined, requestId: undefined, region: undefined }
  }
  const metadata = 'name' in error && '$metadata' in error ? asRecord(error.$metadata) : {}
  const headers = '$response' in error ? asRecord(asRecord(error.$response).headers) : {}
  const status = typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
  // A failed connection has a code of the operating system, and sometimes hides it in the errors that it gathers.
  const code = textOf(asRecord(error).code) ?? textOf(asRecord(firstOf(asRecord(error).errors)).code)
  return {
    name: status === undefined && code !== undefined ? code : (textOf(asRecord(error).name) ?? ''),
    message: textOf(asRecord(error).message) ?? '',
    status,
    requestId: textOf(metadata.requestId),
    region: textOf(asRecord(error).Region) ?? textOf(headers['x-amz-bucket-region']),
  }
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The disk of this machine, where copies and unsent parts are. `path` is absolute. */
export function cacheError(error: unknown, doing: string, path: string): PipelineError {
  if (error instanceof PipelineError) return error
  const code = textOf(asRecord(error).code) ?? 'unknown'
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
  return new PipelineError(isFull ? 'stage_full' : 'stage_unavailable', doing, {
    cause: error,
    hint: isFull
      ? `Free space on the disk that holds ${path}, or set stage.cache to a larger one: the files of a merge are copied there first`
      : `Let this process read and write ${path}, or set stage.cache to another folder`,
    context: { path, errno: code },
  })
}
