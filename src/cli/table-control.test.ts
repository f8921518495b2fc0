import { expect, test } from 'vitest'
import { runCli } from '../../test/support/command-line.ts'
import type { Application, ControlCommand, ControlledTable, ControlReport } from '../core/application.ts'
import type { ControlAnswer } from '../core/control-request.ts'

const ORDERS = { source: 'shop', namespace: 'public', name: 'orders' }

/** Answers as a sync would, and keeps what was asked. */
function answering(
  running: boolean,
  ...answers: readonly Omit<ControlAnswer, 'atMs'>[]
): { readonly application: Partial<Application>; readonly asked: ControlCommand[] } {
  const asked: ControlCommand[] = []
  const application: Partial<Application> = {
    async control(command, onAnswer): Promise<ControlReport> {
      asked.push(command)
      let last: ControlledTable = { table: ORDERS }
      for (const answer of answers) {
        last = { table: ORDERS, answer: { ...answer, atMs: 0 } }
        onAnswer(last)
      }
      return { running, tables: [last] }
    },
  }
  return { application, asked }
}

test('a backfill is asked for with what was typed', async () => {
  const { application, asked } = answering(true, { outcome: 'accepted', message: 'it is being read again' })
  const line = ['backfill', '--table', 'orders', '--from', '2026-01-01', '--column', 'created', '--timeout', '5s']
  const run = await runCli(line, { application })
  expect(run.exitCode).toBe(0)
  expect(asked).toEqual([
    {
      action: { kind: 'backfill', range: { column: 'created', from: '2026-01-01' } },
      source: undefined,
      tables: ['orders'],
      wait: { until: 'taken', timeoutMs: 5000 },
    },
  ])
  expect(run.stdout).toContain('… public.orders: it is being read again')
  await runCli(['backfill', '--table', 'orders', '--wait'], { application })
  expect(asked[1]).toMatchObject({ action: { kind: 'backfill' }, wait: { until: 'done', timeoutMs: undefined } })
  expect(asked[1]?.action).not.toHaveProperty('range')
})

for (const kind of ['pause', 'resume', 'resync'] as const) {
  test(`table ${kind} takes the names of tables`, async () => {
    const { application, asked } = answering(true, { outcome: 'done' })
    const run = await runCli(['table', kind, 'orders', 'public.items', '--source', 'shop', '--json'], { application })
    expect(run.exitCode).toBe(0)
    expect(asked).toMatchObject([{ action: { kind }, source: 'shop', tables: ['orders', 'public.items'] }])
    expect(run.events()).toEqual([
      { event: 'answer', source: 'shop', table: 'public.orders', outcome: 'done' },
      { event: 'end', outcome: 'ok', exitCode: 0, running: true, accepted: 0, done: 1, refused: 0, untaken: 0 },
    ])
  })
}

test('what is refused is said, and is a failure', async () => {
  const { application } = answering(true, { outcome: 'refused', message: 'it has no key' })
  const run = await runCli(['backfill', '--table', 'orders'], { application })
  expect(run.stdout).toContain('✗ public.orders: refused: it has no key')
  expect(run.exitCode).toBe(7)
})

test('without a sync the next one takes it up, which is no failure, also where --wait was given', async () => {
  const { application } = answering(false)
  const run = await runCli(['table', 'pause', 'orders', '--wait'], { application })
  expect(run.stdout).toContain('no sync runs; the next one takes it up: npx simplyload sync')
  expect(run.exitCode).toBe(0)
})

test('where the time is up before it is done, that is said', async () => {
  const { application } = answering(true, { outcome: 'accepted' })
  const run = await runCli(['table', 'resync', 'orders', '--wait', '--timeout', '1s'], { application })
  expect(run.stdout).toContain('Not finished')
  expect(run.exitCode).toBe(7)
})

test('tables that are added are named with the file', async () => {
  const application: Partial<Application> = {
    addTables: async ({ source, tables }) => {
      expect({ source, tables }).toEqual({ source: undefined, tables: ['public.orders'] })
      return { running: false, tables: [{ table: ORDERS }], added: [ORDERS] }
    },
  }
  const run = await runCli(['table', 'add', 'public.orders'], { application })
  expect(run.stdout).toContain('✓ public.orders: added to simplyload.yaml')
  expect(run.exitCode).toBe(0)
})

test.each([[['backfill']], [['table', 'pause']], [['table', 'resync', 'orders', '--timeout', 'soon']]])(
  '%j is a usage error',
  async (line) => {
    expect((await runCli(line)).exitCode).toBe(2)
  },
)
