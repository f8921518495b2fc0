/** What a person sees of jobs: the real command line, in its own process. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const BIN = resolve('src/bin.ts')
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simplyload-cli-jobs-'))
  // Nothing listens there: the job fails by itself, with the exit code of a source.
  writeFileSync(
    join(folder, 'simplyload.yaml'),
    'version: 1\nsources: { shop: { type: postgres, url: "${SHOP_URL}", tables: [public.orders] } }\ndestination: { type: duckdb, path: w.duckdb }\n',
  )
})
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))

function run(...words: readonly string[]) {
  const env = { ...process.env, SHOP_URL: 'postgres://u:hidden-word@127.0.0.1:1/d' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...words], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

const eventsOf = ({ stdout }: { readonly stdout: string }) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test('a job is started, followed with its exit code, shown and listed, and no secret is kept', () => {
  expect(run('jobs', 'list').stdout).toContain('There are no jobs yet')
  const started = run('jobs', 'start', '--memory', '1GiB', '--', 'sync', '--once')
  expect(started).toMatchObject({
    status: 0,
    stdout: '✓ sync-1 runs in the background, with at most 1.1 GB of memory.\n',
  })
  const followed = run('jobs', 'follow', '1')
  expect(followed.status).toBe(4)
  expect(followed.stdout).toContain('shop: started, 1 table')
  expect(followed.stderr).toContain('✗ sync-1: failed')
  const events = eventsOf(run('--json', 'jobs', 'follow', 'sync-1'))
  expect(events.filter(({ event }) => event === 'start')).toHaveLength(1)
  expect(events.at(-1)).toEqual({ event: 'end', outcome: 'failed', exitCode: 4, job: 'sync-1', state: 'failed' })
  const shown = run('jobs', 'show', 'sync-1').stdout
  expect(shown).toMatch(/^command +sync --once$/m)
  expect(shown).toMatch(/^why +.*ECONNREFUSED/m)
  expect(run('jobs', 'list').stdout).toMatch(/sync-1 +failed .* sync --once .*ECONNREFUSED/)
  expect(run('jobs', 'cancel', 'sync-1')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('has ended already'),
  })
  const files = [
    join('.simplyload', 'jobs.db'),
    ...readdirSync(join(folder, '.simplyload', 'jobs', 'sync-1')).map((name) =>
      join('.simplyload', 'jobs', 'sync-1', name),
    ),
  ]
  for (const file of files) expect(readFileSync(join(folder, file), 'latin1')).not.toContain('hidden-word')
})

test('what cannot be a job is refused before there is one', () => {
  const refused: readonly (readonly [readonly string[], string])[] = [
    [['status'], 'Starting status as a job failed'],
    [['snyc'], 'Did you mean sync?'],
    [['sync', '--set', 'sources.shop.url=postgres://a:b@c/d'], 'SIMPLYLOAD_SOURCES__SHOP__URL'],
    [['sync', '--set', 'naming=postgres://a:b@c/d'], 'an address with a password'],
    [['sync', '--set', 'sync.intervall=1s'], 'did you mean interval?'],
    [['sync', '--config', 'nowhere.yaml'], 'nowhere.yaml'],
  ]
  for (const [command, words] of refused) {
    const { status, stderr } = run('jobs', 'start', '--', ...command)
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(words) })
  }
  const little = run('jobs', 'start', '--memory', '100MiB', '--', 'sync')
  expect(little).toMatchObject({ status: 2, stderr: expect.stringContaining('at least 640MiB') })
  expect(run('jobs', 'list').stdout).toContain('There are no jobs yet')
  expect(run('jobs', 'show', 'sync-1')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('there are no jobs here'),
  })
  rmSync(join(folder, 'simplyload.yaml'))
  expect(run('jobs', 'list')).toMatchObject({ status: 2, stderr: expect.stringContaining('simplyload init') })
})

test('files are checked and loaded in the background, within the memory that is given', () => {
  writeFileSync(
    join(folder, 'simplyload.yaml'),
    `version: 1
sources: { monthly: { type: files, tables: [{ name: sales, path: "sales_{yyyy}-{mm}.csv", columns: { id: bigint, day: date } }] } }
destination: { type: duckdb, path: w.duckdb }
`,
  )
  writeFileSync(join(folder, 'sales_2024-03.csv'), 'id,day\n1,2024-03-01\n2,2024-03-04\n')
  expect(run('files', 'check', '--background', '--memory', '1GiB', 'sales_2024-03.csv')).toMatchObject({
    status: 0,
    stdout: '✓ check-1 runs in the background, with at most 1.1 GB of memory.\n',
  })
  const checked = run('jobs', 'follow', 'check-1')
  expect(checked).toMatchObject({ status: 0, stdout: expect.stringContaining('sales_2024-03.csv') })
  expect(run('files', 'load', '--background').stdout).toContain('load-2 runs in the background')
  const loaded = eventsOf(run('--json', 'jobs', 'follow', '2'))
  expect(loaded.at(-1)).toMatchObject({ exitCode: 0, state: 'succeeded' })
  expect(loaded).toContainEqual({ event: 'start', files: 1 })
  expect(loaded).toContainEqual(expect.objectContaining({ event: 'load', outcome: 'loaded', rows: 2 }))
  // Values of rows are in no log.
  expect(JSON.stringify(loaded)).not.toContain('"result"')
  const shown = eventsOf(run('--json', 'jobs', 'show', '1'))[0]
  expect(shown).toMatchObject({
    state: 'succeeded',
    argv: ['files', 'check', 'sales_2024-03.csv'],
    memoryBytesMax: 2 ** 30,
  })
  expect(run('query', 'SELECT count(*) AS n FROM monthly_files.sales').stdout).toContain('2')
})
