/** What `doctor` says about the account before any table: the login, role, warehouse, database, stage and clock. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Finding, failedFinding } from '../../core/finding.ts'
import type { SnowflakeDestinationConfig } from './config.ts'
import type { SnowflakePool } from './connection-pool.ts'
import { translateError } from './errors.ts'
import { grantHint, shown } from './grant-hint.ts'
import { catalogName, quoteIdentifier, quoteLiteral } from './identifiers.ts'
import type { Row, SnowflakeSession } from './session.ts'
import { type WarehouseState, warehouseState } from './warehouse.ts'

/** A key pair's token is refused beyond a minute; positions do not depend on clocks. */
const CLOCK_SECONDS_MAX = 30
const AUTO_SUSPEND_SECONDS_MAX = 120

/**
 * Passed checks included. `others`: databases of tables, beside the configured one. Throws only what the signal says. None of it wakes the warehouse; one small file is uploaded to the
 * user's own stage and removed again.
 */
export async function examineConnection(
  pool: SnowflakePool,
  config: SnowflakeDestinationConfig,
  others: readonly string[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const subject = `snowflake ${config.account}`
  try {
    await pool.use(
      `Connecting to Snowflake account ${config.account}`,
      { phase: 'doctor' },
      signal,
      async (session) => {
        findings.push(...(await sessionFindings(session, config, subject)))
        findings.push(...warehouseFindings(await warehouseState(session, config.warehouse), config))
        for (const other of others) findings.push(...(await databaseFindings(session, config, other)))
        findings.push(...(await privilegeFindings(session, config, others)))
        if (config.stage.type === 'internal') findings.push(await uploadFinding(session, config))
      },
    )
  } catch (error) {
    signal.throwIfAborted()
    findings.push(failedFinding(subject, error))
  }
  return findings
}

async function sessionFindings(
  session: SnowflakeSession,
  config: SnowflakeDestinationConfig,
  subject: string,
): Promise<readonly Finding[]> {
  const before = Date.now()
  const row = await session.row(
    `SELECT CURRENT_USER() AS "user", CURRENT_ROLE() AS "role", CURRENT_WAREHOUSE() AS "warehouse",
      CURRENT_DATABASE() AS "database", CURRENT_VERSION() AS "version",
      DATE_PART(epoch_millisecond, CURRENT_TIMESTAMP()) AS "now"`,
  )
  const midMs = (before + Date.now()) / 2
  const findings: Finding[] = [
    { subject, level: 'ok', message: `lets ${row.user} in, as role ${row.role} (version ${row.version})` },
  ]
  const { role, database } = config
  const wrong = (what: string, message: string, fix: string) =>
    findings.push({ subject: what, level: 'error', message, fix, code: 'destination_permission' })
  if (row.role !== catalogName(role)) {
    wrong(
      `role ${role}`,
      `is not the role of the session, which is ${row.role}`,
      `GRANT ROLE ${shown(role)} TO USER ${shown(config.user)}`,
    )
  }
  if (row.database !== catalogName(database)) {
    wrong(
      `database ${database}`,
      'does not exist, or this role may not see it',
      `CREATE DATABASE ${shown(database)}; GRANT USAGE, CREATE SCHEMA ON DATABASE ${shown(database)} TO ROLE ${shown(role)}`,
    )
  }
  const seconds = Math.round((Number(row.now) - midMs) / 1000)
  if (Math.abs(seconds) > CLOCK_SECONDS_MAX) {
    findings.push({
      subject: 'clock',
      level: 'warning',
      message: `of this machine is ${Math.abs(seconds)} s ${seconds > 0 ? 'behind' : 'ahead of'} Snowflake's, which refuses keys beyond a minute`,
      fix: 'Let this machine take its time from the network (NTP)',
    })
  }
  return findings
}

/** `name`: as the catalog has it. */
async function databaseFindings(
  session: SnowflakeSession,
  { role }: SnowflakeDestinationConfig,
  name: string,
): Promise<readonly Finding[]> {
  const found = await session.rows(`SHOW DATABASES LIKE ${quoteLiteral(name)}`)
  if (found.some((row) => row.name === name)) return []
  const quoted = quoteIdentifier(name)
  return [
    {
      subject: `database ${name}`,
      level: 'error',
      message: 'which tables of the configuration are to be in, does not exist, or this role may not see it',
      code: 'destination_permission',
      fix: `CREATE DATABASE ${quoted}; GRANT USAGE, CREATE SCHEMA ON DATABASE ${quoted} TO ROLE ${shown(role)}`,
    },
  ]
}

function warehouseFindings(
  state: WarehouseState | undefined,
  { warehouse, role, suspendWhenDone }: SnowflakeDestinationConfig,
): readonly Finding[] {
  const subject = `warehouse ${warehouse}`
  if (state === undefined) {
    const fix = `simplyload snowflake setup makes one; or: ${grantHint('warehouse', warehouse, role, '')}`
    const message = 'does not exist, or this role may not see it'
    return [{ subject, level: 'error', message, fix, code: 'destination_permission' }]
  }
  const { size, autoSuspendSeconds, isAutoResuming, isAccelerated, generation } = state
  const findings: Finding[] = [{ subject, level: 'ok', message: `is there: ${size}, ${state.state.toLowerCase()}` }]
  const set = (setting: string) => `ALTER WAREHOUSE ${shown(warehouse)} SET ${setting}`
  if (!isAutoResuming) {
    const fix = set('AUTO_RESUME = TRUE')
    findings.push({ subject, level: 'error', message: 'does not resume by itself', fix })
  }
  if (autoSuspendSeconds === undefined || autoSuspendSeconds > AUTO_SUSPEND_SECONDS_MAX) {
    const after = autoSuspendSeconds === undefined ? 'never suspends' : `suspends after ${autoSuspendSeconds} s only`
    const message = `${after}: that time is paid for after each merge`
    if (!suspendWhenDone) findings.push({ subject, level: 'warning', message, fix: set('AUTO_SUSPEND = 60') })
  }
  if (!/^x-?small$/i.test(size)) {
    const message = `is ${size}: each size costs twice the one below, and merges seldom need more than X-Small`
    findings.push({ subject, level: 'warning', message, fix: set('WAREHOUSE_SIZE = XSMALL') })
  }
  if (generation === '2') {
    const message = 'is of generation 2, which costs about a third more per hour'
    findings.push({ subject, level: 'warning', message, fix: set("GENERATION = '1'") })
  }
  if (isAccelerated) {
    const message = 'may use query acceleration, which is billed apart'
    findings.push({ subject, level: 'warning', message, fix: set('ENABLE_QUERY_ACCELERATION = FALSE') })
  }
  return findings
}

/** What the role needs beyond what it owns. Privileges that come through other roles are not listed, so they are only warnings. */
async function privilegeFindings(
  session: SnowflakeSession,
  config: SnowflakeDestinationConfig,
  others: readonly string[],
): Promise<readonly Finding[]> {
  const { role, warehouse, suspendWhenDone, stage } = config
  const databases = [config.database, ...others.map(quoteIdentifier)]
  const grants = await session.rows(`SHOW GRANTS TO ROLE ${quoteIdentifier(catalogName(role))}`)
  const wanted: readonly (readonly [kind: string, name: string, privilege: string])[] = [
    ['WAREHOUSE', warehouse, 'USAGE'],
    ...(suspendWhenDone ? ([['WAREHOUSE', warehouse, 'OPERATE']] as const) : []),
    ...databases.flatMap((database) =>
      ['USAGE', 'CREATE SCHEMA'].map((privilege) => ['DATABASE', database, privilege] as const),
    ),
    ...(stage.type === 'external' && stage.storage_integration !== undefined
      ? ([['INTEGRATION', stage.storage_integration, 'USAGE']] as const)
      : []),
  ]
  const missing = wanted.filter(([kind, name, privilege]) => !has(grants, kind, catalogName(name), privilege))
  if (missing.length === 0) {
    return [{ subject: `role ${role}`, level: 'ok', message: 'has what it needs on warehouse and database' }]
  }
  return missing.map(([kind, name, privilege]) => ({
    subject: `role ${role}`,
    level: 'warning',
    message: `has no ${privilege} on ${kind.toLowerCase()} ${name} of its own`,
    fix: `GRANT ${privilege} ON ${kind} ${shown(name)} TO ROLE ${shown(role)}`,
  }))
}

/**
 * Uploads go to the store of the cloud, past Snowflake itself: a firewall may let one through and not the other. The user's own
 * stage is there before any other one.
 */
async function uploadFinding(session: SnowflakeSession, config: SnowflakeDestinationConfig): Promise<Finding> {
  const subject = 'uploads'
  const folder = await mkdtemp(join(tmpdir(), 'simplyload-doctor-'))
  const name = basename(folder)
  const there = `@~/simplyload_doctor/${name}`
  try {
    await writeFile(join(folder, name), 'simplyload doctor\n')
    await session.put(join(folder, name), there)
    const listed = await session.rows(`LIST ${there}`)
    await session.run(`REMOVE ${there}`)
    if (listed.length === 1) return { subject, level: 'ok', message: 'reach a stage, are listed and removed' }
    return {
      subject,
      level: 'error',
      message: `reach a stage, where ${listed.length} files are listed in place of one`,
    }
  } catch (error) {
    if (session.isStop(error)) throw error
    const translated = translateError(error, 'Uploading a file', config)
    const fix = translated.hint ?? 'Let this machine reach the store that SELECT SYSTEM$ALLOWLIST() names as STAGE'
    return { ...failedFinding(subject, translated), fix }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function has(grants: readonly Row[], kind: string, name: string, privilege: string): boolean {
  return grants.some(
    (grant) =>
      grant.granted_on === kind &&
      unquoted(String(grant.name)) === name &&
      (grant.privilege === privilege || grant.privilege === 'OWNERSHIP' || grant.privilege === 'ALL PRIVILEGES'),
  )
}

/** SHOW GRANTS quotes names that need it. */
function unquoted(name: string): string {
  return /^".*"$/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name
}
