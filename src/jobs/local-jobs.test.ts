/** Jobs as real processes: started, killed, followed and cancelled from several at once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAY_MOUNT, SmallDisk } from '../../test/support/small-disk.ts'
import { JOB_PROGRAM, openTestJobs, type TestJobs } from '../../test/support/test-jobs.ts'
import { isPipelineError } from '../core/errors.ts'
import { hasJobEnded, type Job } from '../core/job.ts'

const never = new AbortController().signal
let folder: string
let jobs: TestJobs

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simplyload-jobs-'))
  jobs = openTestJobs(folder)
})
afterEach(async () => {
  for (const job of jobs.list(100)) {
    if (hasJobEnded(job.state)) continue
    jobs.cancel(job.id, 0)
    await jobs.wait(job.id, 'ended', never)
  }
  jobs[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

const ended = (job: Job) => jobs.wait(job.id, 'ended', never)

async function textOf(job: Job): Promise<string> {
  let all = ''
  for await (const { text } of jobs.output(job.id, 'text', never)) all += text
  return all
}

/** Waits until it has said so. */
async function said(job: Job, words: string): Promise<void> {
  for await (const { text } of jobs.follow(job.id, 'text', never)) if (text.includes(words)) return
  throw new Error(`${job.id} ended without "${words}"`)
}

/** Of the process that keeps the job: what SQLite's own reader finds in the record. */
function keeperOf(job: Job): number {
  using database = new DatabaseSync(join(folder, 'jobs.db'), { readOnly: true })
  const row = database.prepare(`SELECT keeper ->> 'pid' AS pid FROM jobs WHERE id = ?`).get(job.id)
  return Number(row?.pid)
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ''
  return stat !== '' && !/\) [ZX] /.test(stat)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('a job runs to its end, and its output and exit code are there afterwards', async () => {
  const job = await jobs.begin(['say', 'one', 'two', 'größer'])
  expect(await ended(job)).toMatchObject({ id: 'say-1', state: 'succeeded', exitCode: 0, reason: undefined })
  expect(await textOf(job)).toBe('one\ntwo\ngrößer\n')
})

test('a job that fails says why, with the exit code of its command', async () => {
  const failed = await ended(await jobs.begin(['fail']))
  expect(failed).toMatchObject({
    state: 'failed',
    exitCode: 5,
    reason: 'Opening the file failed: it is locked',
    hint: 'Close it',
  })
  expect(await textOf(failed)).toBe('error: it is locked\n')
})

test('a job whose folder is gone is refused, and leaves no record', async () => {
  const gone = jobs.begin(['say'], { folder: join(folder, 'gone') })
  await expect(gone).rejects.toSatisfy((error) => isPipelineError(error, 'job_refused'))
  expect(jobs.list(1)).toEqual([])
})

test('another process follows a job from its beginning to its end', async () => {
  const go = join(folder, 'go')
  const job = await jobs.begin(['wait', go])
  const follower = spawn(process.execPath, [JOB_PROGRAM, 'follow', folder, job.id], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let seen = ''
  follower.stdout.on('data', (bytes: Buffer) => {
    seen += bytes.toString()
  })
  await until(() => seen === 'ready\n')
  writeFileSync(go, '')
  await once(follower, 'exit')
  expect(seen).toBe('ready\nfinishing\n')
  expect(await ended(job)).toMatchObject({ state: 'succeeded' })
})

test('a job outlives the one who started it, killed with all its processes', async () => {
  const go = join(folder, 'go')
  const starter = spawn(process.execPath, [JOB_PROGRAM, 'start', folder, 'a', 'wait', go], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(starter.stdout, 'data')
  process.kill(-(starter.pid ?? 0), 'SIGKILL')
  await once(starter, 'exit')
  const [job] = jobs.list(1)
  if (job === undefined) throw new Error('no job')
  await said(job, 'ready')
  expect(jobs.show(job.id).state).toBe('running')
  writeFileSync(go, '')
  expect(await ended(job)).toMatchObject({ state: 'succeeded' })
})

test('a cancelled job finishes the commit that it has in hand', async () => {
  const file = join(folder, 'ledger')
  const job = await jobs.begin(['commit', file])
  await said(job, 'committing 2')
  jobs.cancel(job.id, 30_000)
  jobs.cancel('1', 30_000) // again, by its number alone
  expect(await ended(job)).toMatchObject({ state: 'cancelled', exitCode: 130 })
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  expect(lines.length % 2).toBe(0)
  expect(lines.at(-1)).toMatch(/^commit/)
})

test('a job that does not stop in time is ended', async () => {
  const job = await jobs.begin(['stubborn'])
  await said(job, 'ready')
  jobs.cancel(job.id, 0)
  const cancelled = await ended(job)
  expect(cancelled).toMatchObject({ state: 'cancelled', exitCode: undefined })
  expect(cancelled.reason).toContain('did not stop within the time')
  expect(isAlive(cancelled.pid)).toBe(false)
})

test('a keeper that is asked to stop by a signal, as at the end of a session, stops its job in good order', async () => {
  const file = join(folder, 'ledger')
  const job = await jobs.begin(['commit', file])
  await said(job, 'committing 1')
  process.kill(keeperOf(job), 'SIGTERM')
  expect(await ended(job)).toMatchObject({
    state: 'cancelled',
    exitCode: 130,
    reason: expect.stringContaining('signal'),
  })
  expect(readFileSync(file, 'utf8').trim().split('\n').at(-1)).toMatch(/^commit/)
})

test('a job whose process is killed is lost, and its output stays', async () => {
  const job = await jobs.begin(['stubborn'])
  await said(job, 'ready')
  await until(() => jobs.show(job.id).pid !== undefined)
  process.kill(jobs.show(job.id).pid ?? 0, 'SIGKILL')
  const lost = await ended(job)
  expect(lost).toMatchObject({ state: 'lost', exitCode: undefined })
  expect(lost.reason).toContain('killed from outside')
  expect(await textOf(job)).toBe('ready\n')
})

test('a job whose keeper is killed is lost at once, and its command stops by itself', async () => {
  const file = join(folder, 'ledger')
  const job = await jobs.begin(['commit', file])
  await said(job, 'committing 1')
  await until(() => jobs.show(job.id).pid !== undefined)
  const { pid } = jobs.show(job.id)
  process.kill(keeperOf(job), 'SIGKILL')
  await until(() => jobs.show(job.id).state !== 'running')
  expect(jobs.show(job.id)).toMatchObject({ state: 'lost' })
  await until(() => !isAlive(pid))
  expect(readFileSync(file, 'utf8').trim().split('\n').at(-1)).toMatch(/^commit/)
  expect(await textOf(job)).toContain('committing 1\n')
})

test('what a killed keeper left behind is ended by another cancel', async () => {
  const job = await jobs.begin(['stubborn'])
  await said(job, 'ready')
  await until(() => jobs.show(job.id).pid !== undefined)
  const { pid } = jobs.show(job.id)
  process.kill(keeperOf(job), 'SIGKILL')
  await until(() => jobs.show(job.id).state === 'lost')
  await expect(jobs.retry(job.id, undefined, never)).rejects.toThrow('Repeating job stubborn-1')
  jobs.cancel(job.id, 0)
  await until(() => !isAlive(pid))
  expect(() => jobs.cancel(job.id, 0)).toThrow('Cancelling job stubborn-1')
})

test('a job that grows beyond its bound is ended, and says how to give it more', async () => {
  const bound = 200 << 20
  const failed = await ended(await jobs.begin(['grow'], { memoryBytesMax: bound }))
  expect(failed.state).toBe('failed')
  expect(failed.reason).toMatch(/^it grew to \d+ MiB of memory, beyond its bound of 200 MiB, and was ended$/)
  expect(failed.hint).toContain('jobs retry grow-1 --memory 448MiB')
  expect(failed.progress.rssBytesPeak).toBeGreaterThan(bound)
})

test('a job waits for the one that has what it needs, in the order of their starts', async () => {
  const [go, goOn] = [join(folder, 'go'), join(folder, 'go-on')]
  const first = await jobs.begin(['wait', go], { needs: 'a' })
  const second = await jobs.begin(['wait', goOn], { needs: 'a' })
  const third = await jobs.begin(['say', 'third'], { needs: 'a' })
  const beside = await jobs.begin(['say', 'beside'], { needs: 'b' })
  expect(second).toMatchObject({ state: 'queued', waitsFor: first.id })
  expect((await ended(beside)).state).toBe('succeeded')
  writeFileSync(go, '')
  await jobs.wait(second.id, 'running', never)
  expect(jobs.show(third.id)).toMatchObject({ state: 'queued', waitsFor: second.id })
  jobs.cancel(third.id, 30_000)
  expect(await ended(third)).toMatchObject({ state: 'cancelled', startedMs: undefined })
  writeFileSync(goOn, '')
  expect((await ended(second)).state).toBe('succeeded')
})

test('a job is not kept waiting by one whose keeper was killed', async () => {
  const first = await jobs.begin(['stubborn'], { needs: 'a' })
  await said(first, 'ready')
  const { pid } = await jobs.wait(first.id, 'running', never)
  const second = await jobs.begin(['say', 'second'], { needs: 'a' })
  process.kill(keeperOf(first), 'SIGKILL')
  expect((await ended(second)).state).toBe('succeeded')
  expect(jobs.show(first.id).state).toBe('lost')
  if (isAlive(pid)) process.kill(pid ?? 0, 'SIGKILL')
})

test('a job is repeated once it has ended, as another job', async () => {
  const job = await jobs.begin(['wait', join(folder, 'go')])
  await expect(jobs.retry(job.id, undefined, never)).rejects.toSatisfy((error) => isPipelineError(error, 'job_refused'))
  writeFileSync(join(folder, 'go'), '')
  await ended(job)
  const again = await jobs.retry(job.id, 2 ** 31, never)
  expect(again).toMatchObject({ id: 'wait-2', retryOf: 'wait-1', memoryBytesMax: 2 ** 31, argv: job.argv })
  expect((await ended(again)).state).toBe('succeeded')
})

test('an id that there is not names the nearest one', async () => {
  expect(() => jobs.show('say-1')).toThrow('Looking for job say-1')
  await ended(await jobs.begin(['say', 'x']))
  const error = (() => {
    try {
      return jobs.show('sya-1')
    } catch (thrown) {
      return thrown
    }
  })()
  expect(isPipelineError(error, 'not_found') && String((error.cause as Error).message)).toContain('did you mean say-1?')
})

test('the oldest of ended jobs are forgotten with their logs, open ones never', async () => {
  using few = openTestJobs(folder, 1)
  const open = await few.begin(['wait', join(folder, 'go')])
  const [first, second] = [await few.begin(['say', '1']), await few.begin(['say', '2'])]
  for (const job of [first, second]) await ended(job)
  const third = await few.begin(['say', '3'])
  await ended(third)
  expect(few.list(10).map(({ id }) => id)).toEqual(['say-4', 'say-3', 'wait-1'])
  expect(existsSync(join(folder, 'jobs', first.id))).toBe(false)
  expect(jobs.show(open.id).state).toBe('running')
})

test('environment variables reach the command and no record', async () => {
  process.env.JOB_TEST_SECRET = 'b3e1f0-very-secret'
  const file = join(folder, 'environment.json')
  await ended(await jobs.begin(['environment', file]))
  delete process.env.JOB_TEST_SECRET
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ JOB_TEST_SECRET: 'b3e1f0-very-secret' })
  expect(JSON.parse(readFileSync(file, 'utf8'))).not.toHaveProperty('SIMPLYLOAD_JOB')
  for (const name of ['jobs.db', 'jobs.db-wal']) {
    if (existsSync(join(folder, name))) expect(readFileSync(join(folder, name), 'latin1')).not.toContain('b3e1f0')
  }
})

test('a job that fails without an error of its own is told by its exit code', async () => {
  const failed = await ended(await jobs.begin(['unknown']))
  expect(failed).toMatchObject({ state: 'failed', exitCode: 2, reason: 'its command ended with exit code 2 (failed)' })
})

test.runIf(MAY_MOUNT)('a job on a full disk goes on, and what its log lacks is said', async () => {
  await using disk = SmallDisk.create(4)
  if (disk === undefined) throw new Error('no disk')
  using full = openTestJobs(disk.folder)
  const go = join(folder, 'go')
  const job = await full.begin(['wait', go])
  const reading = async (words: string) => {
    for await (const { text } of full.follow(job.id, 'text', never)) if (text.includes(words)) return
  }
  await reading('ready')
  await disk.fill(0)
  await expect(full.begin(['say', 'x'])).rejects.toSatisfy((error) => isPipelineError(error, 'state_full'))
  writeFileSync(go, '')
  await until(() => !isAlive(full.show(job.id).pid))
  await disk.makeRoom()
  expect(await full.wait(job.id, 'ended', never)).toMatchObject({ state: 'succeeded', exitCode: 0 })
})
