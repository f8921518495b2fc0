/**
 * The port of background work: a *job* is one command of the command line that goes on in a process of its own, whatever
 * becomes of the terminal that it was started in. `src/jobs/` has the records and the processes.
 *
 * ```
 * queued ──▶ running ──▶ succeeded | failed | cancelled | lost
 * ```
 * A job is `queued` until no other one is in its way, and `lost` when its processes are gone and nobody wrote how they ended.
 */

export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost'] as const
export type JobState = (typeof JOB_STATES)[number]

export function hasJobEnded(state: JobState): boolean {
  return state !== 'queued' && state !== 'running'
}

/** What a job runs. Kept as it is: nothing in it may be a secret. */
export interface JobRequest {
  /** `files load`. */
  readonly name: string
  /** The command line after the program's name, options for all commands in front. */
  readonly argv: readonly string[]
  /** Where it runs: relative paths of the command line start here. Absolute. */
  readonly folder: string
  /** Absolute path of the configuration file. */
  readonly configFile: string
  /** Of the whole process. Beyond it the job is ended. */
  readonly memoryBytesMax: number
  /** What it must have to itself: of jobs with the same words one runs at a time. Undefined: nothing. */
  readonly needs: string | undefined
  /** The job that this one repeats. */
  readonly retryOf: string | undefined
  /** Who started it. */
  readonly user: string
  readonly host: string
}

/** How far a job is, by the events that its command tells. What is not known is absent. */
export interface JobProgress {
  /** `checking data/sales_2024-03.tsv`. */
  readonly activity?: string | undefined
  /** File or table `part` of `parts`, from 1. */
  readonly part?: number | undefined
  readonly parts?: number | undefined
  readonly rows?: number | undefined
  readonly bytes?: number | undefined
  readonly bytesTotal?: number | undefined
  readonly bytesPerSecond?: number | undefined
  readonly remainingMs?: number | undefined
  readonly rssBytes?: number | undefined
  readonly rssBytesPeak?: number | undefined
}

/** Times in milliseconds since 1970. */
export interface Job extends JobRequest {
  /** `load-12`. */
  readonly id: string
  readonly state: JobState
  readonly createdMs: number
  readonly startedMs: number | undefined
  readonly endedMs: number | undefined
  /** Of the command's process, while it runs and afterwards. */
  readonly pid: number | undefined
  readonly progress: JobProgress
  /** When it was asked to stop, and after how long it is made to. */
  readonly cancel: { readonly askedMs: number; readonly graceMs: number } | undefined
  /** Of the command. Undefined: it did not come to that. */
  readonly exitCode: number | undefined
  /** Why it is as it is, where that needs saying, and what can be done. */
  readonly reason: string | undefined
  readonly hint: string | undefined
  /** The job that it waits for, while it is queued. */
  readonly waitsFor: string | undefined
}

/** - `text`: what the command would have printed into a pipe. - `events`: the JSON lines of `--json`. */
export type JobOutputKind = 'text' | 'events'

export interface JobOutput {
  /** Ends at the end of a line, but for the last one of a command that was cut off. */
  readonly text: string
  /** Output before it is not kept any more, as there was too much. */
  readonly afterGap: boolean
}

/** Throws `not_found` for an id that there is not, and names the nearest one; `12` stands for `load-12`. */
export interface Jobs extends Disposable {
  /** Resolves when the job's own process has taken it over: it needs its starter no more. */
  start(request: JobRequest, signal: AbortSignal): Promise<Job>
  /** The newest first. */
  list(limit: number): readonly Job[]
  show(id: string): Job
  /** Asks it to finish what is in hand; after `graceMs` it is ended. Asking again shortens the time only. Throws `job_refused` where it has ended. */
  cancel(id: string, graceMs: number): Job
  /** The same once more, as a job of its own. Throws `job_refused` where it has not ended. */
  retry(id: string, memoryBytesMax: number | undefined, signal: AbortSignal): Promise<Job>
  /** What is kept of its output so far. */
  output(id: string, kind: JobOutputKind, signal: AbortSignal): AsyncIterable<JobOutput>
  /** The same, and what comes, until it has ended. */
  follow(id: string, kind: JobOutputKind, signal: AbortSignal): AsyncIterable<JobOutput>
  /** Until it has ended, or runs where `state` is `running`. */
  wait(id: string, state: 'running' | 'ended', signal: AbortSignal): Promise<Job>
}

/** What a person asks to run. */
export interface JobCommand {
  readonly name: string
  readonly argv: readonly string[]
  /** As typed; undefined: the one that the working folder has. */
  readonly configFile: string | undefined
  readonly settings: readonly string[]
  /** Undefined: from the configuration. */
  readonly memoryBytesMax: number | undefined
}

/** Reads no configuration, only finds the file: jobs are to be looked at also while it is wrong. Throws `config_invalid`. */
export type OpenJobs = (configFile: string | undefined) => Promise<OpenedJobs>

export interface OpenedJobs extends Jobs {
  /** Checks the configuration and that nothing secret is in the command, and starts it. */
  startCommand(command: JobCommand, signal: AbortSignal): Promise<Job>
  /** The process that runs a job's command and writes down what becomes of it. */
  keep(id: string, signal: AbortSignal): Promise<void>
}
