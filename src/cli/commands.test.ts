import { describe, expect, test } from 'vitest'
import { discoveredTable, rowsOf, runCli, SUMMARY } from '../../test/support/command-line.ts'
import type { Application, VerificationReport } from '../core/application.ts'
import { boundary, position } from '../core/position.ts'
import type { SyncSummary } from '../core/progress.ts'

const ORDERS = { source: 'shop', namespace: 'public', name: 'orders' }

function comparison(over: Partial<VerificationReport['tables'][number]>): VerificationReport['tables'][number] {
  return {
    table: ORDERS,
    target: 'shop_public.orders',
    sourceRows: 10,
    destinationRows: 10,
    duplicateKeys: 0,
    differing: 0,
    explained: 0,
    examples: [],
    nullShares: [],
    durationMs: 12,
    ...over,
  }
}

const SYNCED: SyncSummary = {
  run: 'r1',
  outcome: 'ok',
  rowsSnapshot: 10,
  changesStaged: 5,
  changesMerged: 5,
  quarantined: 0,
  durationMs: 1500,
  tables: [{ source: 'shop', table: 'public.orders', state: 'live' }],
}

const WORKING: Partial<Application> = {
  async *doctor() {
    yield { part: 'source shop', findings: [{ subject: 'wal_level', level: 'ok', message: 'logical' }] }
  },
  discover: async () => [{ source: 'shop', tables: [discoveredTable('orders')] }],
  sync: async () => SYNCED,
  status: async () => [],
  checkpoints: async () => [
    { table: ORDERS, position: boundary(1, 5n), sourcePosition: '0/5', inGroup: true, freshnessMs: 10_000 },
  ],
  resetCheckpoints: async () => ['shop.public.orders'],
  verify: async () => ({ equal: true, tables: [comparison({})], skipped: [] }),
  quarantine: async () => [],
  query: async () => ({ columns: [{ name: 'n', type: 'BIGINT' }], rows: rowsOf([[1]]) }),
  cleanup: async () => ({ filesRemoved: 2, bytesRemoved: 1000, filesKept: 1 }),
}

test('status says how old a table is, and how old it may be', async () => {
  const table = {
    table: ORDERS,
    target: 'shop.orders',
    state: 'live',
    rowsSnapshot: 1,
    changesMerged: 2,
    quarantined: 0,
    waitingRows: 3,
    waitingSinceMs: Date.now() - 7 * 60_000,
    freshnessMs: 15 * 60_000,
    lastSyncMs: undefined,
    lastError: undefined,
  } as const
  const source = { source: 'shop', position: undefined, lagBytes: 0, unreachable: undefined, lastRun: undefined }
  const tables = [table, { ...table, waitingSinceMs: undefined, waitingRows: 0 }]
  const run = await runCli(['status'], { application: { status: async () => [{ ...source, tables }] } })
  expect(run.stderr + run.stdout).toMatch(/ 7 min of 15 min/)
})

test.each([
  ['validate'],
  ['doctor'],
  ['discover'],
  ['discover --yaml'],
  ['sync --once'],
  ['status'],
  ['checkpoint list'],
  ['checkpoint show public.orders'],
  ['checkpoint reset --yes'],
  ['verify --deep'],
  ['quarantine list'],
  ['quarantine show'],
  ['query SELECT'],
  ['cleanup'],
])('%s --json writes JSON lines only, the last one the end, and no word to standard error', async (command) => {
  const run = await runCli([...command.split(' '), '--json'], { application: WORKING })
  expect(run.stderr).toBe('')
  expect(run.exitCode).toBe(0)
  const events = run.events()
  expect(events.at(-1)).toMatchObject({ event: 'end', outcome: 'ok', exitCode: 0 })
  expect(events.filter((event) => event.event === 'end')).toHaveLength(1)
})

test.each([
  ['source shop', 'source_authentication', 3],
  ['destination', 'destination_permission', 3],
  ['source shop', 'config_invalid', 2],
  ['source shop', undefined, 4],
  ['stage', undefined, 5],
] as const)('doctor ends as a sync would for what it finds: %s, %s, %i', async (part, code, exitCode) => {
  const found = { subject: 'x', level: 'error', message: 'no', ...(code === undefined ? {} : { code }) } as const
  const later = { subject: 'y', level: 'error', message: 'no', code: 'internal' } as const
  const application: Partial<Application> = {
    async *doctor() {
      yield { part, findings: [{ subject: 'z', level: 'ok', message: 'fine' }, found, later] }
    },
  }
  expect((await runCli(['doctor'], { application })).exitCode).toBe(exitCode)
})

describe('sync', () => {
  test('passes events on as they come, and ends with the counts', async () => {
    const run = await runCli(['sync', '--json', '--once', '--table', 'public.orders'], {
      application: {
        sync: async (request, listener) => {
          listener({ event: 'start', run: 'r1', source: 'shop', tables: request.tables.length, atMs: 1 })
          return SYNCED
        },
      },
    })
    expect(run.events()).toEqual([
      { event: 'start', run: 'r1', source: 'shop', tables: 1, atMs: 1 },
      { event: 'table', source: 'shop', table: 'public.orders', state: 'live' },
      {
        event: 'end',
        outcome: 'ok',
        exitCode: 0,
        run: 'r1',
        rowsSnapshot: 10,
        changesStaged: 5,
        changesMerged: 5,
        quarantined: 0,
        durationMs: 1500,
      },
    ])
  })

  test('a table that failed is exit code 7, and is named with its fix', async () => {
    const tables = [
      {
        source: 'shop',
        table: 'public.orders',
        state: 'failed' as const,
        error: 'Reading public.orders failed: permission denied',
      },
    ]
    const run = await runCli(['sync', '--once'], {
      application: {
        sync: async (_, listener) => {
          const hint = 'GRANT SELECT ON public.orders TO loader'
          listener({
            event: 'error',
            source: 'shop',
            table: 'public.orders',
            code: 'source_permission',
            message: 'no',
            hint,
            atMs: 1,
          })
          return { ...SYNCED, outcome: 'partial', tables }
        },
      },
    })
    expect(run.exitCode).toBe(7)
    expect(run.stdout).toBe('')
    expect(run.stderr).toMatch(
      /✗ shop public\.orders: failed: Reading .*\n {2}fix: GRANT SELECT ON public\.orders TO loader\n/,
    )
    expect(run.stderr).toContain('Done, but some tables failed: 10 rows copied, 5 changes merged, in 1.5 s.')
  })

  test('a stopped sync is exit code 130', async () => {
    const run = await runCli(['sync'], { application: { sync: async () => ({ ...SYNCED, outcome: 'interrupted' }) } })
    expect(run.exitCode).toBe(130)
  })
})

describe('doctor', () => {
  test('a long message goes on beside its subject, and what is to be copied stays whole', async () => {
    const fix = `SELECT '${'x'.repeat(90)}'`
    const run = await runCli(['doctor', '--no-color'], {
      columns: 60,
      application: {
        async *doctor() {
          const message = 'nothing is confirmed of what has not been recorded before'
          yield { part: 'source shop', findings: [{ subject: 'slot', level: 'warning', message, fix }] }
        },
      },
    })
    expect(run.stdout.split('\n').slice(1, 4)).toEqual([
      '  ! slot  nothing is confirmed of what has not been recorded',
      '          before',
      `    fix: ${fix}`,
    ])
  })

  test('shows each finding with its fix verbatim, and fails by the side of the first error', async () => {
    const run = await runCli(['doctor'], {
      application: {
        async *doctor() {
          yield {
            part: 'source shop',
            findings: [
              { subject: 'connection', level: 'ok', message: 'PostgreSQL 18.4' },
              {
                subject: 'wal_level',
                level: 'error',
                message: 'is replica',
                fix: 'ALTER SYSTEM SET wal_level = logical;\n-- then restart',
              },
            ],
          }
          yield { part: 'destination', findings: [{ subject: 'file', level: 'warning', message: 'is read only' }] }
        },
      },
    })
    expect(run.exitCode).toBe(4)
    expect(run.stdout).toBe(
      [
        'source shop',
        '  ✓ connection  PostgreSQL 18.4',
        '  ✗ wal_level   is replica',
        '    fix: ALTER SYSTEM SET wal_level = logical;',
        '         -- then restart',
        '',
        'destination',
        '  ! file  is read only',
        '',
        '1 error, 1 warning in 3 checks.',
        '',
      ].join('\n'),
    )
  })
})

describe('verify', () => {
  test('differences are exit code 6, and the keys are named', async () => {
    const tables = [
      comparison({
        differing: 3,
        destinationRows: 9,
        examples: [
          { key: '["7"]', kind: 'missing', columns: [], position: undefined },
          { key: '["8"]', kind: 'different', columns: ['total'], position: position(1, 5n, 1) },
        ],
      }),
    ]
    const run = await runCli(['verify', '--deep'], {
      application: {
        verify: async () => ({ equal: false, tables, skipped: [{ table: ORDERS, reason: 'it is in its snapshot' }] }),
      },
    })
    expect(run.exitCode).toBe(6)
    expect(run.stdout).toContain('✗ public.orders: key ["7"] is missing on the destination')
    expect(run.stdout).toContain('✗ public.orders: key ["8"] differs in total')
    expect(run.stdout).toContain('… and 1 more difference\n')
    expect(run.stdout).toContain('! public.orders was not compared: it is in its snapshot')
    expect(run.stdout).toContain('Source and destination differ.')
  })
})

describe('checkpoint', () => {
  test('reset asks, and where nobody can be asked it says how to go on', async () => {
    const run = await runCli(['checkpoint', 'reset'], { application: WORKING })
    expect(run.exitCode).toBe(2)
    expect(run.stderr).toContain('fix: Add --yes')
    const sure = await runCli(['checkpoint', 'reset', '--yes'], { application: WORKING })
    expect(sure.stdout).toBe('✓ 1 checkpoint reset: shop.public.orders\n')
  })

  test('show names what is missing', async () => {
    const run = await runCli(['checkpoint', 'show', 'public.nothing'], { application: { checkpoints: async () => [] } })
    expect(run.exitCode).toBe(2)
    expect(run.stderr).toContain('Finding the checkpoint of public.nothing failed')
  })
})

test('quarantine list counts by table, column and reason', async () => {
  const entry = {
    id: 'a1b2c3d4e5f6',
    table: ORDERS,
    position: position(1, 5n, 1),
    key: '["1"]',
    column: 'total',
    reason: 'numeric NaN',
    raw: 'NaN',
    loadedMs: 1,
  }
  const run = await runCli(['quarantine', 'list'], {
    application: {
      quarantine: async () => [entry, { ...entry, key: '["2"]' }, { ...entry, column: '', reason: 'key' }],
    },
  })
  expect(run.stdout).toMatch(/public\.orders +total +numeric NaN +2\n/)
  expect(run.stdout).toMatch(/public\.orders +\(whole row\) +key +1\n/)
})

test('a replay says for each table what became of it, and which entries it cannot help', async () => {
  const asked: unknown[] = []
  const run = await runCli(['quarantine', 'replay', '--table', 'orders', '--id', 'a1', 'b2'], {
    application: {
      replayQuarantine: async (request) => {
        asked.push(request)
        return {
          withoutKey: 2,
          running: true,
          tables: [
            {
              table: ORDERS,
              entries: 3,
              outcome: 'done',
              message: '3 of 3 rows found and read again, 3 entries closed',
            },
            { table: { ...ORDERS, name: 'log' }, entries: 1, outcome: 'refused', message: 'it failed' },
          ],
        }
      },
    },
  })
  expect(asked).toEqual([{ source: undefined, tables: ['orders'], ids: ['a1', 'b2'] }])
  expect(run).toMatchObject({ exitCode: 7 })
  expect(run.stdout).toContain('public.orders: 3 entries, 3 of 3 rows found')
  expect(run.stdout).toContain('refused: it failed')
  expect(run.stdout).toContain('2 entries have no key')
})

test('the demo tells its story and ends with the verdict', async () => {
  const report = {
    verified: true,
    rowsSnapshot: 200_000,
    changes: 1900,
    latencyMsMedian: 250,
    latencyMsMax: 400,
    rowsCompared: 199_000,
    warehouse: 'simplyload-demo/warehouse.duckdb',
    configFile: 'simplyload-demo/simplyload.yaml',
    durationMs: 21_000,
  }
  const runDemo: Parameters<typeof runCli>[1] = {
    runDemo: async (_, listener) => {
      listener({ event: 'done', step: 'postgres', message: 'PostgreSQL 18 is running', durationMs: 600 })
      listener({
        event: 'arrival',
        change: 'truncate',
        sql: 'TRUNCATE carts',
        rows: 0,
        latencyMs: 210,
        seen: 'carts now has 0 rows',
      })
      return report
    },
  }
  const told = await runCli(['demo'], runDemo)
  expect(told.stdout).toContain('✓ PostgreSQL 18 is running (600 ms)')
  expect(told.stdout).toMatch(/✓ truncate +210 ms {2}carts now has 0 rows/)
  expect(told.stdout).toContain('--config simplyload-demo/simplyload.yaml')
  const run = await runCli(['demo', '--json'], runDemo)
  expect(run.events().at(-1)).toEqual({ event: 'end', outcome: 'ok', exitCode: 0, ...report })
  const wrong = await runCli(['demo'], { runDemo: async () => ({ ...report, verified: false }) })
  expect(wrong.exitCode).toBe(6)
})

test('validate says what it read, and its warnings', async () => {
  const run = await runCli(['validate'], { application: { summary: () => ({ ...SUMMARY, warnings: ['no tables'] }) } })
  expect(run.stdout).toBe('✓ simplyload.yaml is valid: 1 source, 2 tables → warehouse.duckdb\n')
  expect(run.stderr).toBe('warning: no tables\n')
})
