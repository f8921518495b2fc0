/**
 * What an administrator has to make once, with the least that a sync needs: a role, a user that logs in with a key pair, a
 * small warehouse of its own, a database, and for an external stage a storage integration. Schemas, tables and stages are
 * made by the sync itself, in the role that then owns them.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { catalogName, quoteIdentifier, quoteLiteral } from './identifiers.ts'

export interface SetupRequest {
  readonly user: string
  readonly role: string
  readonly warehouse: string
  readonly database: string
  /** Others that tables go to, as the catalog has them. */
  readonly otherDatabases: readonly string[]
  /** Of the user; undefined where the user logs in otherwise, or where its key is not there yet. */
  readonly privateKey: KeyObject | undefined
  readonly isKeyMissing: boolean
  /** Then it can be no service user, as those have none. */
  readonly hasPassword: boolean
  readonly suspendWhenDone: boolean
  readonly external:
    | {
        readonly storageIntegration: string
        /** `s3://bucket/prefix` */
        readonly location: string
        /** Of the AWS role that Snowflake takes on; undefined: to be filled in. */
        readonly awsRoleArn: string | undefined
      }
    | undefined
}

export interface SetupStatement {
  /** Why, for the comment above it. */
  readonly why: string
  readonly sql: string
  /** Something in it is to be filled in by hand: it is printed and not applied. */
  readonly isTemplate?: boolean
}

/** Each can be run again without harm. In this order, by somebody who may be ACCOUNTADMIN. */
export function setupStatements(request: SetupRequest): readonly SetupStatement[] {
  return [
    ...roleStatements(request),
    ...userStatements(request),
    ...warehouseStatements(request),
    ...databaseStatements(request),
    ...storageStatements(request),
    ...costStatements(request),
  ]
}

/** Key as Snowflake wants it: base64 of the DER, without the lines around it. */
export function publicKeyText(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).toString('base64')
}

const COMMENT = `COMMENT = ${quoteLiteral('SimplyLoad')}`
const PLACEHOLDER_ARN = 'arn:aws:iam::<AWS account id>:role/<role for Snowflake>'

function roleStatements({ role }: SetupRequest): readonly SetupStatement[] {
  return [
    { why: 'Roles and users', sql: 'USE ROLE SECURITYADMIN' },
    { why: 'Owns what a sync makes, and nothing else', sql: `CREATE ROLE IF NOT EXISTS ${name(role)} ${COMMENT}` },
    { why: 'So that administrators see the tables', sql: `GRANT ROLE ${name(role)} TO ROLE SYSADMIN` },
  ]
}

function userStatements(request: SetupRequest): readonly SetupStatement[] {
  const { role, warehouse, privateKey, isKeyMissing, hasPassword } = request
  const user = name(request.user)
  const defaults = `DEFAULT_ROLE = ${quoteLiteral(catalogName(role))} DEFAULT_WAREHOUSE = ${quoteLiteral(catalogName(warehouse))}`
  const key: SetupStatement[] = []
  const why = 'The public half of the key pair; two can be in force while one is replaced (RSA_PUBLIC_KEY_2)'
  if (privateKey !== undefined) {
    key.push({ why, sql: `ALTER USER ${user} SET RSA_PUBLIC_KEY = ${quoteLiteral(publicKeyText(privateKey))}` })
  } else if (isKeyMissing) {
    key.push({ why, sql: `ALTER USER ${user} SET RSA_PUBLIC_KEY = '<public key>'`, isTemplate: true })
  }
  return [
    hasPassword
      ? {
          why: 'With a password; Snowflake asks such users for a second factor, so a key pair is the better way',
          sql: `CREATE USER IF NOT EXISTS ${user} PASSWORD = '<password>' ${defaults} ${COMMENT}`,
          isTemplate: true,
        }
      : {
          why: 'A program, not a person: it has no password and no second factor',
          sql: `CREATE USER IF NOT EXISTS ${user} TYPE = SERVICE ${defaults} ${COMMENT}`,
        },
    ...key,
    { why: 'The only role of the user', sql: `GRANT ROLE ${name(role)} TO USER ${user}` },
  ]
}

function warehouseStatements({ role, warehouse, suspendWhenDone }: SetupRequest): readonly SetupStatement[] {
  // Generation 2 costs about a third more per hour, which merges of this size do not win back; acceleration has costs of its own.
  const settings = [
    'WAREHOUSE_SIZE = XSMALL',
    "GENERATION = '1'",
    'AUTO_SUSPEND = 60',
    'AUTO_RESUME = TRUE',
    'ENABLE_QUERY_ACCELERATION = FALSE',
    'INITIALLY_SUSPENDED = TRUE',
  ]
  return [
    { why: 'Warehouse and database', sql: 'USE ROLE SYSADMIN' },
    {
      why: 'The smallest one, asleep until there is something to merge',
      sql: `CREATE WAREHOUSE IF NOT EXISTS ${name(warehouse)} ${settings.join(' ')} ${COMMENT}`,
    },
    {
      why: suspendWhenDone ? 'OPERATE: suspend_when_done puts it to sleep' : 'It resumes by itself',
      sql: `GRANT USAGE${suspendWhenDone ? ', OPERATE' : ''} ON WAREHOUSE ${name(warehouse)} TO ROLE ${name(role)}`,
    },
  ]
}

function databaseStatements({ role, database, otherDatabases }: SetupRequest): readonly SetupStatement[] {
  return [name(database), ...otherDatabases.map(quoteIdentifier)].flatMap((each, index) => [
    {
      why: index === 0 ? 'Tables live here' : 'And here, as naming or a target says',
      sql: `CREATE DATABASE IF NOT EXISTS ${each} ${COMMENT}`,
    },
    {
      why: 'A schema that the role creates is its own, with all in it',
      sql: `GRANT USAGE, CREATE SCHEMA ON DATABASE ${each} TO ROLE ${name(role)}`,
    },
  ])
}

function storageStatements({ role, external }: SetupRequest): readonly SetupStatement[] {
  if (external === undefined) return []
  const { storageIntegration, location, awsRoleArn } = external
  const integration = name(storageIntegration)
  const arn = quoteLiteral(awsRoleArn ?? PLACEHOLDER_ARN)
  return [
    { why: 'Storage integrations', sql: 'USE ROLE ACCOUNTADMIN' },
    {
      why: 'Lets Snowflake read the bucket through a role of AWS, without keys',
      sql: `CREATE STORAGE INTEGRATION IF NOT EXISTS ${integration} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE STORAGE_AWS_ROLE_ARN = ${arn} STORAGE_ALLOWED_LOCATIONS = (${quoteLiteral(`${location.replace(/\/$/, '')}/`)})`,
      ...(awsRoleArn === undefined ? { isTemplate: true } : {}),
    },
    {
      why: 'The trust policy of the AWS role needs this user (STORAGE_AWS_IAM_USER_ARN) and this external id (STORAGE_AWS_EXTERNAL_ID)',
      sql: `DESC INTEGRATION ${integration}`,
      ...(awsRoleArn === undefined ? { isTemplate: true } : {}),
    },
    {
      why: 'The stage is made by the sync',
      sql: `GRANT USAGE ON INTEGRATION ${integration} TO ROLE ${name(role)}`,
      ...(awsRoleArn === undefined ? { isTemplate: true } : {}),
    },
  ]
}

function costStatements({ role }: SetupRequest): readonly SetupStatement[] {
  return [
    { why: 'For simplyload cost; a sync does not need it', sql: 'USE ROLE ACCOUNTADMIN' },
    {
      why: 'Credits by query tag and warehouse',
      sql: `GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE ${name(role)}`,
    },
  ]
}

function name(written: string): string {
  return quoteIdentifier(catalogName(written))
}
