/** `s3://bucket/prefix`, and the keys below it. */

export interface S3Location {
  /** As messages show it: `s3://bucket/prefix`, without a slash at the end. */
  readonly url: string
  readonly bucket: string
  /** Without a slash at its ends; may be empty. */
  readonly prefix: string
}

/** What an error message calls it. */
export const S3_LOCATION_FORM =
  's3://bucket/prefix, with a bucket of 3 to 63 lower-case letters, digits, dots and hyphens, and no empty part in the prefix'

// The rules of bucket names that S3-compatible stores share.
const LOCATION = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[\w!.*'()@=+$,;:&-]+)*)\/?$/
/** Of 1,024 bytes of a key: what is below the prefix needs its share. */
const PREFIX_LENGTH_MAX = 300

export function parseS3Location(text: string): S3Location | undefined {
  const match = LOCATION.exec(text)
  if (match === null) return undefined
  const [, bucket = '', path = ''] = match
  const prefix = path.slice(1)
  const isPlain = prefix.split('/').every((part) => part !== '.' && part !== '..')
  if (!isPlain || prefix.length > PREFIX_LENGTH_MAX) return undefined
  return { url: `s3://${bucket}${path}`, bucket, prefix }
}

// Lower case only, as in every stage: the same files may be moved to a folder whose file system folds case.
const PATH_PART = /^(?!\.\.?$)[a-z0-9._!%=@+-]{1,255}$/

export function isStagePath(path: string): boolean {
  return path.split('/').every((part) => PATH_PART.test(part))
}

export function keyOf({ prefix }: Pick<S3Location, 'prefix'>, path: string): string {
  return prefix === '' ? path : `${prefix}/${path}`
}

/** Undefined for keys that no stage writes. */
export function pathOf({ prefix }: Pick<S3Location, 'prefix'>, key: string): string | undefined {
  const start = prefix === '' ? 0 : prefix.length + 1
  const path = key.slice(start)
  return (prefix === '' || key.startsWith(`${prefix}/`)) && isStagePath(path) ? path : undefined
}
