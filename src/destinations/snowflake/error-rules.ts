/**
 * What an error of the driver or the server means, and what a person can do.
 *
 * Snowflake's codes are six digits with a SQL state; the same code often has several meanings, which its message tells.
 */
import type { ErrorCode } from '../../core/errors.ts'
import { grantHint, missingHint, shown } from './grant-hint.ts'

/** Whom and where an error is about, for hints. Names as configured. */
export interface ErrorPlace {
  readonly account: string
  readonly user: string
  readonly role: string
  readonly warehouse: string
  readonly database: string
  /** `namespace.name` at the source. */
  readonly table?: string
  /** This process was logged in before, so that the account is right. */
  readonly wasReached?: boolean
}

export interface Translation {
  readonly code: ErrorCode
  readonly hint?: string
}

/** What the message and the codes of an error say, in one text. */
export interface Symptom {
  readonly code: string
  readonly sqlState: string
  readonly message: string
  readonly httpStatus: number | undefined
}

interface Rule {
  readonly codes?: readonly string[]
  readonly says?: RegExp
  readonly means: (place: ErrorPlace, found: RegExpExecArray | undefined) => Translation
}

export const UNREACHABLE_HINT =
  'Nothing is lost: what was under way is looked up and tried again. Check the network, proxies (HTTPS_PROXY) and status.snowflake.com'
export const LOCK_HINT =
  'Nothing is lost. Another session holds a lock (SHOW LOCKS IN ACCOUNT says which); that of a client that was killed goes when Snowflake ends it, five minutes after somebody waits for it'
export const TIMEOUT_HINT =
  'Raise destination.statement_timeout, or give the warehouse a larger size for the first load: ALTER WAREHOUSE … SET WAREHOUSE_SIZE = SMALL'

/** In this order; the first that fits. */
export const RULES: readonly Rule[] = [
  // Logging in.
  {
    codes: ['390144', '394300', '394301', '394302', '394303', '394304'],
    means: ({ user }) => ({
      code: 'destination_authentication',
      hint: `Snowflake does not accept this key for the user: the public key must be the user's, account and user must be right, and this machine's clock within a minute: ALTER USER ${shown(user)} SET RSA_PUBLIC_KEY = '…' (DESC USER shows RSA_PUBLIC_KEY_FP; simplyload snowflake setup prints the statement)`,
    }),
  },
  {
    says: /programmatic access token|\bPAT\b/i,
    means: ({ user }) => ({
      code: 'destination_authentication',
      hint: `The token is wrong or has expired, or is limited to another role: ALTER USER ${shown(user)} ADD PROGRAMMATIC ACCESS TOKEN … (SHOW USER PROGRAMMATIC ACCESS TOKENS lists them; such users need a network policy)`,
    }),
  },
  {
    codes: ['390303', '390318', '390144', '390186'],
    says: /oauth|access token/i,
    means: () => ({
      code: 'destination_authentication',
      hint: 'Check destination.oauth: client, secret, token_url and scope; the security integration must allow the role',
    }),
  },
  {
    codes: ['390189', '390317', '390186'],
    means: ({ user, role }) => ({
      code: 'destination_permission',
      hint: `As SECURITYADMIN: GRANT ROLE ${shown(role)} TO USER ${shown(user)} (simplyload snowflake setup makes the role)`,
    }),
  },
  {
    codes: ['390422', '390420'],
    means: () => ({
      code: 'destination_permission',
      hint: "A network policy does not let this machine's address in; an administrator can add it to the policy of the user",
    }),
  },
  {
    codes: ['390100', '390101', '390102', '390106', '390127', '390129', '390195', '394507'],
    means: ({ user }) => ({
      code: 'destination_authentication',
      hint: `Check destination.user (${user}) and its authentication; DESC USER shows whether it is disabled or locked. With a password alone Snowflake asks for a second factor: use a key pair`,
    }),
  },
  {
    says: /does not exist or not authorized.*(?:role)|role.*does not exist or not authorized/i,
    means: ({ user, role }) => ({
      code: 'destination_permission',
      hint: `As SECURITYADMIN: GRANT ROLE ${shown(role)} TO USER ${shown(user)} (simplyload snowflake setup makes the role)`,
    }),
  },
  { says: /ENOTFOUND/, means: wrongAccount },
  {
    codes: ['002002', '2002'],
    means: ({ role }) => ({
      code: 'destination_rejected',
      hint: `Something of this name is there that the role ${shown(role)} may not see: rename or drop it, or give the table another target`,
    }),
  },
  // Warehouses.
  {
    says: /resource monitor/i,
    means: () => ({
      code: 'destination_busy',
      hint: 'A resource monitor has stopped the warehouse: it goes on when the quota is raised or its next interval begins (SHOW RESOURCE MONITORS)',
    }),
  },
  {
    says: /warehouse.*(?:cannot be resumed|is suspended|not.*running)|auto.?resume/i,
    means: ({ warehouse, role }) => ({
      code: 'destination_permission',
      hint: `The warehouse is suspended and may not resume by itself: ALTER WAREHOUSE ${shown(warehouse)} SET AUTO_RESUME = TRUE, and GRANT OPERATE ON WAREHOUSE ${shown(warehouse)} TO ROLE ${shown(role)}`,
    }),
  },
  {
    codes: ['000606', '606'],
    means: ({ warehouse, role }) => ({
      code: 'destination_permission',
      hint: `There is no warehouse ${shown(warehouse)}, or the role may not use it: GRANT USAGE, OPERATE ON WAREHOUSE ${shown(warehouse)} TO ROLE ${shown(role)} (simplyload snowflake setup makes one)`,
    }),
  },
  {
    says: /queued? (?:statement )?timeout|queued.*timeout|timeout.*queue|maximum number of (?:queued|concurrent)|exceeds the \d+ (?:queued )?statements? limit/i,
    means: ({ warehouse }) => ({
      code: 'destination_busy',
      hint: `The warehouse ${shown(warehouse)} is busy with other work; give SimplyLoad one of its own, or raise destination.queue_timeout`,
    }),
  },
  // Time ran out: ours on the server, or the account's own limit.
  { codes: ['000630', '630'], means: () => ({ code: 'destination_busy', hint: TIMEOUT_HINT }) },
  {
    codes: ['000604', '604'],
    means: () => ({
      code: 'destination_busy',
      hint: 'Somebody cancelled the statement, or the account did; it is tried again',
    }),
  },
  {
    codes: ['000625', '625', '090001'],
    means: () => ({ code: 'destination_conflict', hint: LOCK_HINT }),
  },
  {
    says: /lock(?:ed)? .*timeout|timeout.*lock|waiters? for this lock|deadlock/i,
    means: () => ({ code: 'destination_conflict', hint: LOCK_HINT }),
  },
  // Privileges: what is missing, on what, and the statement that gives it.
  {
    codes: ['003001', '3001'],
    says: /privileges? to operate on ([\w ]+?) '([^']*)'/i,
    means: ({ role, database }, found) => ({
      code: 'destination_permission',
      hint: grantHint(found?.[1] ?? '', found?.[2] ?? '', role, database),
    }),
  },
  {
    codes: ['003001', '3001', '003540', '003005'],
    means: ({ role }) => ({
      code: 'destination_permission',
      hint: `The role ${shown(role)} lacks a privilege; simplyload snowflake setup prints all that it needs, and doctor says which are missing`,
    }),
  },
  {
    codes: ['002003', '2003', '002043', '2043', '390201'],
    says: /(database|schema|table|view|stage|warehouse|integration|object|file format)s? (?:'([^']+)'|("[^"]+"|[^'"\s]+)) does not exist(?: or not authorized|, or operation cannot be performed)/i,
    means: ({ role, database, warehouse }, found) => ({
      code: 'destination_permission',
      hint: missingHint(found?.[1] ?? 'object', found?.[2] ?? found?.[3] ?? '', { role, database, warehouse }),
    }),
  },
  {
    codes: ['002003', '2003', '002043', '2043'],
    means: ({ role, database }) => ({
      code: 'destination_permission',
      hint: missingHint('object', '', { role, database, warehouse: '' }),
    }),
  },
  {
    codes: ['003041', '003011'],
    means: ({ role }) => ({
      code: 'destination_permission',
      hint: `Another role owns it: GRANT OWNERSHIP ON … TO ROLE ${shown(role)} COPY CURRENT GRANTS, or name another target`,
    }),
  },
  // Values. Their messages quote rows, so only the beginning is kept.
  {
    codes: [
      '100078',
      '100082',
      '100145',
      '100069',
      '100072',
      '100132',
      '100035',
      '100038',
      '100039',
      '100040',
      '100046',
      '100071',
      '100090',
      '100096',
      '100097',
    ],
    means: () => ({ code: 'destination_rejected', hint: VALUE_HINT }),
  },
  {
    says: /too (?:long|large|big)|exceeds? (?:the )?max(?:imum)? (?:LOB )?size/i,
    means: () => ({ code: 'destination_rejected', hint: SIZE_HINT }),
  },
  // Stages and files.
  {
    says: /failure using stage area|access denied.*(?:s3|bucket|status code: 403)|AssumeRole/i,
    means: () => ({
      code: 'stage_permission',
      hint: 'Snowflake cannot read the bucket: check the trust policy of the storage integration (DESC INTEGRATION shows STORAGE_AWS_IAM_USER_ARN and STORAGE_AWS_EXTERNAL_ID) and its allowed locations',
    }),
  },
  {
    says: /remote file .*(?:not found|does not exist)|file .* not found in stage/i,
    means: () => ({ code: 'stage_file_missing' }),
  },
  {
    says: /ENOSPC|no space left/i,
    means: () => ({ code: 'destination_full', hint: 'Free space on the disk of this machine; it is tried again' }),
  },
  { says: /ENOENT|EACCES|EPERM/, means: () => ({ code: 'stage_unavailable' }) },
  // The network. 200001 and after: requests that failed.
  {
    says: /certificate|self.signed|ERR_TLS|OCSP|CRL/i,
    means: () => ({
      code: 'destination_unreachable',
      hint: 'A proxy may be in between: its certificate authority must be known to Node (NODE_EXTRA_CA_CERTS)',
    }),
  },
  {
    codes: ['401001', '401003', '402001', '402002'],
    means: () => ({ code: 'destination_unreachable', hint: UNREACHABLE_HINT }),
  },
  {
    says: /ECONN|ETIMEDOUT|EAI_AGAIN|getaddrinfo|EPIPE|EHOST|ENET|socket hang up|network|no answer to the login|aborted/i,
    means: () => ({ code: 'destination_unreachable', hint: UNREACHABLE_HINT }),
  },
]

const VALUE_HINT =
  'A value does not fit its column; simplyload verify names the rows. Widen the column, or read the table again: simplyload table resync'
const SIZE_HINT =
  'Snowflake takes at most 16 MiB per value (128 MiB where the column was made so); leave the column out (exclude), or shorten it with a transform'

function wrongAccount({ account, wasReached }: ErrorPlace): Translation {
  if (wasReached === true) return { code: 'destination_unreachable', hint: UNREACHABLE_HINT }
  return {
    code: 'destination_rejected',
    hint: `There is no such host: destination.account (${account}) must be the identifier that the account page in Snowsight shows, such as myorg-myaccount`,
  }
}

export function bySqlState({ sqlState, httpStatus, message }: Symptom): Translation {
  if (httpStatus === 403 || httpStatus === 404) {
    return {
      code: 'destination_rejected',
      hint: 'No such account at this address: check destination.account and destination.host',
    }
  }
  if (httpStatus !== undefined && (httpStatus === 429 || httpStatus >= 500)) {
    return { code: 'destination_unreachable', hint: UNREACHABLE_HINT }
  }
  if (sqlState.startsWith('42501') || /insufficient privileges/i.test(message))
    return { code: 'destination_permission' }
  if (sqlState.startsWith('08')) return { code: 'destination_unreachable', hint: UNREACHABLE_HINT }
  if (sqlState.startsWith('57')) return { code: 'destination_busy' }
  if (sqlState.startsWith('40')) return { code: 'destination_conflict' }
  return { code: 'destination_rejected' }
}
