import { z } from 'zod'
import { DURATION_FORM, DURATION_PATTERN, durationMs } from '../../core/duration.ts'
import { parseS3Location, S3_LOCATION_FORM } from './location.ts'

const secret = z.string().min(1).optional()

export const s3StageSchema = z
  .strictObject({
    type: z.literal('s3').describe('A bucket of Amazon S3, or of any store that speaks its protocol.'),
    path: z
      .string()
      .transform((text, context) => {
        const location = parseS3Location(text)
        if (location !== undefined) return location
        context.addIssue({ code: 'custom', message: `must be ${S3_LOCATION_FORM}` })
        return z.NEVER
      })
      .describe('Bucket and prefix of the stage files: `s3://bucket/prefix`.'),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, 'must be the name of a region such as eu-central-1')
      .optional()
      .describe(
        'Region of the bucket. Default: what the environment or the profile says (`AWS_REGION`); `us-east-1` where `endpoint` is given.',
      ),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be an address such as https://minio.example.com:9000' })
      .optional()
      .describe('Where another store than Amazon S3 answers.'),
    path_style: z
      .boolean()
      .optional()
      .describe('The bucket is in the path, not in the host name. Default: true where `endpoint` is given.'),
    access_key_id: secret.describe(
      'Default: the credential chain (environment, profile, web identity, instance role).',
    ),
    secret_access_key: secret.describe('Belongs to `access_key_id`.'),
    session_token: secret.describe('Belongs to temporary keys.'),
    encryption: z
      .enum(['sse-s3', 'sse-kms'])
      .optional()
      .describe('Encryption at rest that is asked for with each object. Default: that of the bucket.'),
    kms_key: z
      .string()
      .min(1)
      .optional()
      .describe("Id or ARN of the key of `sse-kms`. Default: the account's own key for S3."),
    cache: z
      .string()
      .min(1)
      // Beside what the other defaults make, and on a disk that is there after a restart to be cleared.
      .default('.simplyload/cache')
      .describe(
        'Folder for copies of files while they are loaded, and for parts of files that wait to be sent. Relative paths start at the folder of the configuration file.',
      ),
    retention: z
      .string(`must be ${DURATION_FORM}`)
      .regex(DURATION_PATTERN, `must be ${DURATION_FORM}`)
      // Long enough to look into what was loaded before a weekend and a holiday.
      .prefault('7d')
      .describe('How long a stage file stays after its rows are in the final table.'),
  })
  .superRefine((stage, context) => {
    const needs = (key: keyof typeof stage, other: keyof typeof stage) => {
      if (stage[key] !== undefined && stage[other] === undefined) {
        context.addIssue({ code: 'custom', path: [key], message: `must be given together with ${other}` })
      }
    }
    needs('access_key_id', 'secret_access_key')
    needs('secret_access_key', 'access_key_id')
    needs('session_token', 'access_key_id')
    if (stage.kms_key !== undefined && stage.encryption !== 'sse-kms') {
      const message = 'must be given together with encryption: sse-kms'
      context.addIssue({ code: 'custom', path: ['kms_key'], message })
    }
  })
  .transform(({ path, path_style, retention, ...rest }) => ({
    ...rest,
    path: path.url,
    bucket: path.bucket,
    prefix: path.prefix,
    path_style: path_style ?? rest.endpoint !== undefined,
    retentionMs: durationMs(retention),
  }))
