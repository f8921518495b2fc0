import { expect, test } from 'vitest'
import { runCli } from '../../test/support/command-line.ts'
import type { Application } from '../core/application.ts'
import type { CostReport, EstimateReport, SetupCommand } from '../core/warehouse-cost.ts'

const REPORT: CostReport = {
  days: 7,
  creditPrice: 3,
  tables: [
    { table: 'shop.public.orders', credits: 1.25, statements: 2016, rows: 500_000 },
    { table: 'shop', credits: 0.05, statements: 10, rows: 0 },
  ],
  perDay: [{ day: '2026-11-19', credits: 0.5, creditsOfOthers: 0.1, creditsMetered: 2, creditsCloudServices: 0.01 }],
  pipeCredits: 0,
  attributedUntil: '2026-11-19 12:00',
  meteredUntil: '2026-11-19 14:00',
  latencyHours: 8,
}

const DAY = { wakeUps: 96, busySeconds: 600, billedSeconds: 5760, credits: 1.6, idleShare: 0.9 }
const ESTIMATE: EstimateReport = {
  creditPrice: 3,
  configured: DAY,
  tables: [
    {
      table: 'shop.public.orders',
      freshnessMs: 900_000,
      changesPerDay: 10_000,
      isMeasured: true,
      mergesPerDay: 96,
      creditsPerDay: 1.6,
    },
  ],
  freshness: [{ freshnessMs: 60_000, ...DAY, credits: 24 }],
}

test('cost tells each table in credits, money and per million rows, and how old the figures are', async () => {
  const asked: number[] = []
  const cost: Application['cost'] = async ({ days }) => {
    asked.push(days)
    return REPORT
  }
  const { stdout, stderr, exitCode } = await runCli(['cost', '--days', '30'], { application: { cost } })
  expect([exitCode, asked]).toEqual([0, [30]])
  expect(stdout).toMatch(/shop\.public\.orders\s+2,016\s+500,000\s+1\.25\s+3\.75\s+7\.50/)
  expect(stdout).toMatch(/2026-11-19\s+2\.00\s+0\.5000\s+0\.1000\s+70 %/)
  expect(stderr).toContain('up to 2026-11-19 12:00 UTC')
  expect(stderr).toContain('8 h late')
  const json = await runCli(['cost', '--json'], { application: { cost } })
  expect(json.events().map(({ event }) => event)).toEqual(['table', 'table', 'day', 'end'])
  expect(json.events().at(-1)).toMatchObject({ creditsMetered: 2, idleShare: 0.7 })
})

test('estimate shows what each freshness would cost', async () => {
  const { stdout } = await runCli(['cost', 'estimate'], { application: { estimateCost: async () => ESTIMATE } })
  expect(stdout).toMatch(/shop\.public\.orders\s+15 min\s+10\.0k\s+96\s+1\.60\s+4\.80/)
  expect(stdout).toMatch(/as configured\s+96\s+10 min\s+90 %\s+1\.60\s+145\.92/)
  expect(stdout).toMatch(/1 min\s+96\s+10 min\s+90 %\s+24\.00\s+2189/)
})

function setUp(commands: SetupCommand[]): Partial<Application> {
  return {
    async *setUpWarehouse(command) {
      commands.push(command)
      yield { why: 'Tables live here', sql: 'CREATE DATABASE X', outcome: 'printed' }
      yield { why: 'A key', sql: "ALTER USER Y SET RSA_PUBLIC_KEY = '<public key>'", outcome: 'template' }
    },
  }
}

test('setup prints SQL that runs as it is, with what is to be completed commented out', async () => {
  const commands: SetupCommand[] = []
  const { stdout } = await runCli(['snowflake', 'setup'], { application: setUp(commands) })
  expect(commands).toEqual([{ apply: undefined, awsRoleArn: undefined }])
  expect(stdout.trim().split('\n')).toEqual([
    '-- Tables live here',
    'CREATE DATABASE X;',
    '',
    '-- A key',
    "-- ALTER USER Y SET RSA_PUBLIC_KEY = '<public key>';",
  ])
})

test('apply needs an administrator, whose secrets come from the environment', async () => {
  const commands: SetupCommand[] = []
  const application = setUp(commands)
  expect((await runCli(['snowflake', 'setup', '--apply'], { application })).exitCode).toBe(2)
  const environment = { SNOWFLAKE_ADMIN_TOKEN: 'secret' }
  await runCli(['snowflake', 'setup', '--apply', '--admin-user', 'ADA'], { application, environment })
  expect(commands.map(({ apply }) => apply)).toEqual([
    expect.objectContaining({ user: 'ADA', role: 'ACCOUNTADMIN', token: 'secret', password: undefined }),
  ])
})
