/** Jobs on this machine. Each is kept by a process of its own (`keeper.ts`); this is what starters and onlookers see. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { PipelineError } from '../core/errors.ts'
import { hasJobEnded, type Job, type JobOutput, type JobOutputKind, type JobRequest, type Jobs } from '../core/job.ts'
import { nearest } from '../core/nearest.ts'
import type { JobFolder } from './job-folder.ts'
import type { JobLocks } from './job-locks.ts'
import type { JobRecord, JobStore } from './job-store.ts'
import { readLog } from './log-reading.ts'
import { isSameProcess } from './process-identity.ts'
import { markVanished } from './vanished.ts'

/** Ended jobs that are remembered, with their logs. */
const JOBS_KEPT = 200
const POLL_MS = 100

export interface LocalJobsSetting {
  readonly store: JobStore
  readonly folder: JobFolder
  readonly locks: JobLocks
  /** The command line that keeps job `id`: Node and what it runs. */
  readonly keeperCommand: (id: string, configFile: string) => readonly [string, ...string[]]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly jobsKept?: number
}

export class LocalJobs implements Jobs {
  readonly #setting: LocalJobsSetting

  constructor(setting: LocalJobsSetting) {
    this.#setting = setting
  }

  async start(request: JobRequest, signal: AbortSignal): Promise<Job> {
    const { store, folder, clock, jobsKept = JOBS_KEPT } = this.#setting
    if (!existsSync(request.folder)) {
      throw new PipelineError('job_refused', `Starting ${request.name} as a job`, {
        cause: new Error(`the folder that it is to run in is gone: ${request.folder}`),
        hint: 'Start it anew in another one',
        context: { folder: request.folder },
      })
    }
    for (const id of store.forget(jobsKept)) rmSync(folder.of(id), { recursive: true, force: true })
    const job = store.add(request, clock.nowMs())
    mkdirSync(folder.of(job.id), { recursive: true })
    await this.#takenOver(this.#spawnKeeper(job), job.id, signal)
    return this.show(job.id)
  }

  list(limit: number): readonly Job[] {
    this.#markVanished()
    return this.#setting.store.newest(limit).map((job) => this.#shown(job))
  }

  show(id: string): Job {
    this.#markVanished()
    return this.#shown(this.#find(id, 'Looking for'))
  }

  cancel(id: string, graceMs: number): Job {
    this.#markVanished()
    const { store, clock } = this.#setting
    const job = this.#find(id, 'Cancelling')
    if (store.askToCancel(job.id, clock.nowMs(), graceMs)) return this.show(job.id)
    const now = this.#find(job.id, 'Cancelling')
    // Its keeper was killed: what is left of it has nobody else to ask.
    if (now.state === 'lost' && now.process !== undefined && isSameProcess(now.process)) {
      process.kill(now.process.pid, 'SIGKILL')
      return this.#shown(now)
    }
    throw new PipelineError('job_refused', `Cancelling job ${now.id}`, {
      cause: new Error(`it has ended already: ${now.state}`),
      hint: `simplyload jobs show ${now.id} says how`,
      context: { job: now.id, state: now.state },
    })
  }

  async retry(id: string, memoryBytesMax: number | undefined, signal: AbortSignal): Promise<Job> {
    this.#markVanished()
    const job = this.#find(id, 'Repeating')
    const refuse = (why: string, hint: string): never => {
      throw new PipelineError('job_refused', `Repeating job ${job.id}`, {
        cause: new Error(why),
        hint,
        context: { job: job.id, state: job.state },
      })
    }
    if (!hasJobEnded(job.state))
      refuse(`it is ${job.state} still`, `Wait for it, or end it first: simplyload jobs cancel ${job.id}`)
    if (job.process !== undefined && isSameProcess(job.process))
      refuse(
        `its process ${job.process.pid} is still finishing what it had in hand`,
        `Wait a moment, or end it at once: simplyload jobs cancel ${job.id}`,
      )
    const { name, argv, folder, configFile, needs, user, host } = job
    const memory = memoryBytesMax ?? job.memoryBytesMax
    const request = { name, argv, folder, configFile, needs, user, host, memoryBytesMax: memory, retryOf: job.id }
    return await this.start(request, signal)
  }

  output(id: string, kind: JobOutputKind, signal: AbortSignal): AsyncIterable<JobOutput> {
    const job = this.#find(id, 'Reading the output of')
    return this.#read(job.id, kind, () => false, signal)
  }

  follow(id: string, kind: JobOutputKind, signal: AbortSignal): AsyncIterable<JobOutput> {
    const job = this.#find(id, 'Following')
    return this.#read(job.id, kind, () => !hasJobEnded(this.show(job.id).state), signal)
  }

  async wait(id: string, state: 'running' | 'ended', signal: AbortSignal): Promise<Job> {
    for (;;) {
      const job = this.show(id)
      if (hasJobEnded(job.state) || job.state === state) return job
      await this.#setting.clock.sleep(POLL_MS, signal)
    }
  }

  [Symbol.dispose](): void {
    this.#setting.store[Symbol.dispose]()
  }

  #read(id: string, kind: JobOutputKind, goesOn: () => boolean, signal: AbortSignal): AsyncIterable<JobOutput> {
    const { folder, clock } = this.#setting
    return readLog({ path: folder.output(id, kind), goesOn, clock, signal })
  }

  #find(id: string, doing: string): JobRecord {
    const { store } = this.#setting
    const job = store.find(id)
    if (job !== undefined) return job
    const ids = store.ids()
    const near = nearest(id, ids) ?? ids[0]
    throw new PipelineError('not_found', `${doing} job ${id}`, {
      cause: new Error(near === undefined ? 'there are no jobs here' : `there is none; did you mean ${near}?`),
      hint: 'simplyload jobs list shows them; jobs of another configuration are listed with its --config FILE',
      context: { job: id },
    })
  }

  #shown({ number, keeper, process, ...job }: JobRecord): Job {
    const { store } = this.#setting
    return { ...job, waitsFor: store.holder({ ...job, number, keeper, process }) }
  }

  #markVanished(): void {
    const { store, folder, locks, clock } = this.#setting
    markVanished(store, folder, locks, clock.nowMs())
  }

  /** In a session of its own, so that neither the end of the terminal nor Ctrl-C in it reach it. */
  #spawnKeeper(job: Job): ChildProcess {
    const { folder, environment, keeperCommand } = this.#setting
    const [node, ...parameters] = keeperCommand(job.id, job.configFile)
    const log = openSync(folder.keeperLog(job.id), 'a')
    try {
      const keeper = spawn(node, parameters, {
        cwd: job.folder,
        env: environment,
        detached: true,
        windowsHide: true,
        stdio: ['ignore', log, log],
      })
      keeper.unref()
      return keeper
    } finally {
      closeSync(log)
    }
  }

  /** Until the keeper has written itself down. */
  async #takenOver(keeper: ChildProcess, id: string, signal: AbortSignal): Promise<void> {
    const { store, clock, folder } = this.#setting
    let failure: string | undefined
    keeper.once('error', (error) => {
      failure = error.message
    })
    keeper.once('exit', (code, killedBy) => {
      failure = `its keeper ended with ${killedBy ?? code}`
    })
    while (store.find(id)?.keeper === undefined) {
      if (failure !== undefined) {
        const words = readFileSync(folder.keeperLog(id), 'utf8').trim().split('\n').slice(-5).join('\n')
        const reason = words === '' ? failure : `${failure}: ${words}`
        store.end(id, 'fail', { endedMs: clock.nowMs(), reason })
        throw new PipelineError('internal', `Starting job ${id}`, { cause: new Error(reason), context: { job: id } })
      }
      await clock.sleep(POLL_MS / 2, signal)
    }
  }
}
