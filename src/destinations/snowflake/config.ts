/** The configuration of a Snowflake destination: one definition for parser, JSON Schema and reference page. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { DURATION_FORM, DURATION_PATTERN, durationMs } from '../../core/duration.ts'

const duration = z
  .string(`must be ${DURATION_FORM}`)
  .regex(DURATION_PATTERN, `must be ${DURATION_FORM}`)
  .transform(durationMs)

const text = z.string().min(1)

/** `my_db`, or `"My db"` where its case counts. */
const name = z
  .string()
  .regex(
    /^(?:[A-Za-z_][\w$]{0,254}|"(?:[^"]|""){1,255}")$/,
    'must be a name of letters, digits, _ and $, or one in double quotes',
  )

const oauth = z.strictObject({
  client_id: text.describe('Client id.'),
  client_secret: text.describe('Client secret.'),
  token_url: z
    .url({ protocol: /^https?$/, error: 'must be an address such as https://login.example.com/oauth/token' })
    .describe('Where the identity provider gives tokens.'),
  scope: text.optional().describe('Scope to ask for. Default: that of the role.'),
})

const stage = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('internal').describe('Files are uploaded to a stage inside Snowflake.'),
    }),
    z
      .strictObject({
        type: z.literal('external').describe('Snowflake reads the files where `stage` of type `s3` has put them.'),
        storage_integration: name
          .optional()
          .describe(
            'Storage integration that may read the bucket (`simplyload snowflake setup` prints how to make one).',
          ),
        access_key_id: text.optional().describe('Where there is no integration: a key that may read the bucket.'),
        secret_access_key: text.optional().describe('Belongs to `access_key_id`.'),
      })
      .superRefine(({ storage_integration, access_key_id, secret_access_key }, context) => {
        const hasKeys = access_key_id !== undefined && secret_access_key !== undefined
        if ((storage_integration === undefined) === hasKeys) return
        const message = 'must be given, or else access_key_id and secret_access_key'
        context.addIssue({ code: 'custom', path: ['storage_integration'], message })
      }),
  ])
  .prefault({ type: 'internal' })
  .describe('Where files rest that Snowflake loads.')

/** Ways to prove who one is; a file names one. */
const AUTHENTICATIONS = ['private_key', 'private_key_path', 'token', 'token_path', 'oauth', 'password'] as const

export const snowflakeDestinationSchema = z
  .strictObject({
    type: z.literal('snowflake').describe('Snowflake.'),
    account: z
      .string()
      .regex(/^[A-Za-z0-9][\w-]*(?:\.[\w-]+)*$/, 'must be an account identifier such as myorg-account')
      .describe('Account identifier, without `.snowflakecomputing.com`: `myorg-account`.'),
    host: text
      .optional()
      .describe(
        'Host name, where it does not follow from the account (private link), or `127.0.0.1` for the local twin.',
      ),
    port: z.int().min(1).max(65535).optional().describe('Default: that of the protocol.'),
    protocol: z
      .enum(['https', 'http'])
      .default('https')
      .describe('`http` only on this machine, for the twin that `simplyload snowflake local` starts.'),
    user: text.describe('User to log in as.'),
    private_key_path: text
      .optional()
      .describe('Key pair: PEM file of the private key. Relative paths start at the folder of the configuration file.'),
    private_key: text.optional().describe('Key pair: the private key itself (PEM).'),
    private_key_passphrase: text.optional().describe('Of an encrypted private key.'),
    token: text.optional().describe('Programmatic access token.'),
    token_path: text.optional().describe('File that has the programmatic access token; read at each login.'),
    oauth: oauth.optional().describe('OAuth with client credentials.'),
    password: text
      .optional()
      .describe('The last choice: Snowflake lets fewer and fewer users in with a password alone.'),
    role: name
      .default('SIMPLYLOAD')
      .describe('Role that owns what is made. `simplyload snowflake setup` prints what it needs.'),
    // A warehouse of its own: shared ones cannot be suspended when the work is done, and their cost cannot be told apart.
    warehouse: name
      .default('SIMPLYLOAD_WH')
      .describe('Warehouse that loads and merges. Best one that nobody else uses.'),
    database: name.describe('Database of the tables.'),
    case: z
      .enum(['upper', 'keep'])
      .default('upper')
      .describe(
        'Names of schemas, tables and columns: as Snowflake has them unless quoted (`upper`), or as the source has them.',
      ),
    stage,
    statement_timeout: duration
      .refine((ms) => ms >= 10_000, 'must be at least 10s')
      // A first load of a very large table on an XSMALL warehouse is one COPY.
      .prefault('2h')
      .describe('Longest time that one statement may take, waiting included. Then it is cancelled and tried again.'),
    queue_timeout: duration
      .refine((ms) => ms >= 1000, 'must be at least 1s')
      .prefault('10m')
      .describe('Longest time that a statement waits for a busy warehouse.'),
    suspend_when_done: z
      .boolean()
      .default(false)
      .describe(
        'Suspend the warehouse once nothing is left to merge, instead of waiting for its AUTO_SUSPEND. Saves up to a minute of credits per wake-up; only for a warehouse that nobody else uses.',
      ),
    credit_price: z
      .number()
      .positive()
      // Standard edition, on demand, in the US.
      .default(2)
      .describe('What a credit costs you, in your currency, for `simplyload cost`.'),
  })
  .superRefine((config, context) => {
    const given = AUTHENTICATIONS.filter((key) => config[key] !== undefined)
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (given.length === 0)
      issue('private_key_path', `is missing; it, or one of ${AUTHENTICATIONS.join(', ')}, proves who the user is`)
    for (const key of given.slice(1)) issue(key, `must not be given together with ${given[0]}`)
    if (config.private_key_passphrase !== undefined && !given.some((key) => key.startsWith('private_key'))) {
      issue('private_key_passphrase', 'must be given together with private_key_path or private_key')
    }
    // Tokens and rows would be read by everyone on the way.
    if (config.protocol === 'http' && !isLoopback(config.host)) {
      issue('protocol', 'must be https, unless host is on this machine (127.0.0.1)')
    }
  })
  .transform(({ statement_timeout, queue_timeout, suspend_when_done, credit_price, ...rest }) => ({
    ...rest,
    statementTimeoutMs: statement_timeout,
    queueTimeoutMs: queue_timeout,
    suspendWhenDone: suspend_when_done,
    creditPrice: credit_price,
  }))

/** Paths as written. */
export type SnowflakeDestinationConfig = z.output<typeof snowflakeDestinationSchema>

function isLoopback(host: string | undefined): boolean {
  if (host === undefined) return false
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
