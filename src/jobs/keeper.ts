/**
 * Keeps one job: a small process of its own that waits for the job's turn, runs its command as a child, bounds its memory,
 * writes its output to bounded logs, hands on that it is to stop, and writes down how it ended.
 *
 * The keeper holds the job's lock as long as it lives, which is what tells others that the job goes on. When it is killed, the
 * channel to its child closes, and the child finishes what is in hand and ends; the job is then found `lost`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { formatByteSize } from '../core/byte-size.ts'
import type { Clock } from '../core/clock.ts'
import { PipelineError } from '../core/errors.ts'
import type { JobFolder } from './job-folder.ts'
import type { JobLocks } from './job-locks.ts'
import type { JobEvent } from './job-machine.ts'
import { JOB_VARIABLE, type JobMessage, STOP_MESSAGE } from './job-message.ts'
import type { JobEnd, JobRecord, JobStore } from './job-store.ts'
import { LineBuffer } from './line-buffer.ts'
import { LogFile } from './log-file.ts'
import { identityOf } from './process-identity.ts'
import { ProgressReading } from './progress-reading.ts'
import { markVanished } from './vanished.ts'

const TURN_POLL_MS = 300
/** How soon a wish to cancel is seen. */
const POLL_MS = 250
const PROGRESS_EVERY_MS = 1000
/** For a child that has ended: what it wrote is still on its way, or a process that it left behind keeps the pipe open. */
const DRAIN_MS_MAX = 2000
/** While nothing can be written, how an ended job ended is kept in mind this long. */
const END_TRIES = 300

export interface KeeperSetting {
  readonly store: JobStore
  readonly folder: JobFolder
  readonly locks: JobLocks
  /** Node and the script that it runs. */
  readonly program: readonly [string, string]
  /** What the program is given: the job's own command line, and what keeps it to its bound. */
  readonly commandLine: (job: JobRecord) => readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}

/** Resolves when the job has ended. `signal`: this process is asked to stop, and so the job is cancelled. */
export async function keepJob(setting: KeeperSetting, id: string, signal: AbortSignal): Promise<void> {
  const { store, folder, locks } = setting
  using lock = locks.take(folder.lock(id))
  if (lock === undefined) {
    throw new PipelineError('job_refused', `Keeping job ${id}`, { cause: new Error('another process keeps it') })
  }
  store.setKeeper(id, identityOf(process.pid))
  if (await hasItsTurn(setting, id, signal)) await new Keeper(setting, id, signal).run()
}

/** False: it is not to run any more. */
async function hasItsTurn({ store, folder, locks, clock }: KeeperSetting, id: string, signal: AbortSignal) {
  for (;;) {
    const job = store.find(id)
    if (job?.state !== 'queued') return false
    if (job.cancel !== undefined || signal.aborted) {
      store.end(id, 'cancel', { endedMs: clock.nowMs(), reason: 'it was cancelled before its turn came' })
      return false
    }
    if (store.begin(id, clock.nowMs()) === undefined) return store.find(id)?.state === 'running'
    markVanished(store, folder, locks, clock.nowMs())
    await clock.sleep(TURN_POLL_MS, signal).catch(() => undefined)
  }
}

class Keeper {
  readonly #setting: KeeperSetting
  readonly #id: string
  readonly #signal: AbortSignal
  readonly #reading = new ProgressReading()
  #memoryBytesMax = Infinity
  #child: ChildProcess | undefined
  #tooLargeBytes: number | undefined
  #stopAskedMs: number | undefined
  #isForced = false
  #progressMs = 0

  constructor(setting: KeeperSetting, id: string, signal: AbortSignal) {
    this.#setting = setting
    this.#id = id
    this.#signal = signal
  }

  async run(): Promise<void> {
    const { store, clock } = this.#setting
    const job = store.find(this.#id)
    if (job === undefined) return
    this.#memoryBytesMax = job.memoryBytesMax
    const [event, end] = await this.#runCommand(job)
    // A disk that is full, a file that is locked: what is known is kept until it can be written.
    for (let attempt = 1; ; attempt++) {
      try {
        store.setProgress(this.#id, { ...this.#reading.progress, activity: undefined, remainingMs: undefined })
        store.end(this.#id, event, { endedMs: clock.nowMs(), ...end })
        return
      } catch (error) {
        if (attempt === END_TRIES) throw error
        await clock.sleep(1000, new AbortController().signal)
      }
    }
  }

  async #runCommand(job: JobRecord): Promise<readonly [Exclude<JobEvent, 'begin'>, Omit<JobEnd, 'endedMs'>]> {
    const { folder, store } = this.#setting
    using text = new LogFile(folder.output(this.#id, 'text'))
    using events = new LogFile(folder.output(this.#id, 'events'))
    const child = this.#spawn(job)
    this.#child = child
    const failed = once(child, 'error')
    try {
      await Promise.race([once(child, 'spawn'), failed.then(([error]) => Promise.reject(error))])
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return ['fail', { reason: `its command could not be started in ${job.folder}: ${why}` }]
    }
    // Later ones are of messages to a child that has ended.
    child.on('error', () => undefined)
    if (child.pid !== undefined) store.setProcess(this.#id, identityOf(child.pid))
    for (const stream of [child.stdout, child.stderr]) writeLines(stream, text)
    child.on('message', (message) => this.#hear(message as JobMessage, events))
    const ended = new AbortController()
    const watched = this.#watch(ended.signal)
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    await this.#drain(child)
    ended.abort()
    await watched
    return this.#outcome(code, signal, job)
  }

  #spawn(job: JobRecord): ChildProcess {
    const { program, environment, commandLine } = this.#setting
    const [node, script] = program
    // The JavaScript heap may have half; rows lie outside it.
    const heapMiB = Math.max(128, Math.floor(job.memoryBytesMax / 2 / (1 << 20)))
    return spawn(node, [`--max-old-space-size=${heapMiB}`, script, ...commandLine(job)], {
      cwd: job.folder,
      env: { ...environment, [JOB_VARIABLE]: this.#id },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      windowsHide: true,
    })
  }

  #hear(message: JobMessage, events: LogFile): void {
    if (message.kind === 'event') {
      events.write(`${message.line}\n`)
      this.#reading.apply(message.line, this.#setting.clock.elapsedMs())
      return
    }
    this.#reading.memory(message.rssBytes)
    if (message.rssBytes > this.#memoryBytesMax && this.#tooLargeBytes === undefined) {
      this.#tooLargeBytes = message.rssBytes
      this.#child?.kill('SIGKILL')
    }
  }

  /** Until the command has ended: hands on wishes to cancel, writes how far it is. */
  async #watch(ended: AbortSignal): Promise<void> {
    const { store, clock } = this.#setting
    while (!ended.aborted) {
      try {
        this.#obey(store.find(this.#id)?.cancel)
        if (clock.elapsedMs() - this.#progressMs >= PROGRESS_EVERY_MS) {
          this.#progressMs = clock.elapsedMs()
          store.setProgress(this.#id, this.#reading.progress)
        }
      } catch {
        // Nobody can be told now. The job goes on, and the next look may succeed.
      }
      await clock.sleep(POLL_MS, ended).catch(() => undefined)
    }
  }

  #obey(cancel: JobRecord['cancel']): void {
    if (cancel === undefined && !this.#signal.aborted) return
    const nowMs = this.#setting.clock.elapsedMs()
    if (this.#stopAskedMs === undefined) {
      this.#stopAskedMs = nowMs
      this.#child?.send(STOP_MESSAGE)
    }
    if (cancel === undefined || nowMs - this.#stopAskedMs < cancel.graceMs || this.#isForced) return
    this.#isForced = true
    this.#child?.kill('SIGKILL')
  }

  async #drain(child: ChildProcess): Promise<void> {
    const limit = new AbortController()
    const streams = [child.stdout, child.stderr].filter((stream) => stream !== null && !stream.closed)
    const waits = streams.map((stream) =>
      stream === null ? undefined : once(stream, 'close', { signal: limit.signal }),
    )
    const channel = child.connected ? [once(child, 'disconnect', { signal: limit.signal })] : []
    const late = this.#setting.clock.sleep(DRAIN_MS_MAX, limit.signal).catch(() => undefined)
    const all = Promise.all([...waits, ...channel]).catch(() => undefined)
    await Promise.race([all, late])
    limit.abort()
  }

  #outcome(
    code: number | null,
    signal: NodeJS.Signals | null,
    job: JobRecord,
  ): readonly [Exclude<JobEvent, 'begin'>, Omit<JobEnd, 'endedMs'>] {
    const { error, outcome = 'failed' } = this.#reading
    if (this.#tooLargeBytes !== undefined) {
      const [grown, bound] = [this.#tooLargeBytes, job.memoryBytesMax].map(
        (bytes) => `${Math.ceil(bytes / (1 << 20))} MiB`,
      )
      const reason = `it grew to ${grown} of memory, beyond its bound of ${bound}, and was ended`
      const hint = `Give it more: simplyload jobs retry ${this.#id} --memory ${formatByteSize(roundUp(job.memoryBytesMax * 2))}`
      return ['fail', { reason, hint }]
    }
    if (this.#isForced) {
      return [
        'cancel',
        { reason: 'it did not stop within the time it was given, and was ended; what was committed stays' },
      ]
    }
    if (signal === 'SIGKILL') {
      const reason = 'its process was killed from outside, by a person or by the system for want of memory'
      return [
        'vanish',
        { reason, hint: `What was committed stays. simplyload jobs retry ${this.#id} goes on from there` },
      ]
    }
    if (signal !== null || code === null) {
      return [
        'fail',
        {
          reason: `its process broke off with ${signal}`,
          hint: `simplyload jobs logs ${this.#id} shows its last words`,
        },
      ]
    }
    if (this.#signal.aborted) return ['cancel', { exitCode: code, reason: 'its keeper was asked to stop by a signal' }]
    if (this.#stopAskedMs !== undefined || code === EXIT_INTERRUPTED) return ['cancel', { exitCode: code }]
    if (code === 0) return ['succeed', { exitCode: 0 }]
    const reason = error?.reason ?? ENDINGS[code] ?? `its command ended with exit code ${code} (${outcome})`
    return ['fail', { exitCode: code, reason, hint: error?.hint ?? `simplyload jobs logs ${this.#id} says why` }]
  }
}

/** As `src/cli/exit-code.ts` has them: the shell's number for SIGINT, and ends that no error comes before. */
const EXIT_INTERRUPTED = 130
const ENDINGS: Readonly<Record<number, string>> = {
  6: 'what it looked at did not pass (exit code 6)',
  7: 'part of it was not done (exit code 7)',
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / (64 << 20)) * (64 << 20)
}

function writeLines(stream: NodeJS.ReadableStream | null, log: LogFile): void {
  const lines = new LineBuffer()
  stream?.on('data', (bytes: Buffer) => {
    const text = lines.add(bytes)
    if (text !== '') log.write(text)
  })
  stream?.on('end', () => {
    if (lines.rest() !== '') log.write(`${lines.rest()}\n`)
  })
}
