/** Jobs of a configuration: finds where their records are, and says what a command may not carry and how much memory it gets. */
import { existsSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { presentConfigFile } from '../config/present-file.ts'
import { isSecretKey } from '../config/redact.ts'
import { formatByteSize } from '../core/byte-size.ts'
import { systemClock } from '../core/clock.ts'
import { PipelineError } from '../core/errors.ts'
import type { Job, JobCommand, OpenedJobs } from '../core/job.ts'
import { redactUrl } from '../core/redact-url.ts'
import { JobFolder } from '../jobs/job-folder.ts'
import type { JobLocks } from '../jobs/job-locks.ts'
import { JobStore } from '../jobs/job-store.ts'
import { keepJob } from '../jobs/keeper.ts'
import { LocalJobs } from '../jobs/local-jobs.ts'
import { boundedCommand, defaultMemory, JOB_MEMORY_MIN } from '../jobs/memory-words.ts'
import { isLocked, tryLock } from '../state/process-lock.ts'
import { loadSqlite } from '../state/sqlite-driver.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Commands that write the state, of which one at a time may. */
const WRITES_STATE: readonly string[] = ['sync', 'files load', 'files delete', 'cleanup']
const LOCK_WAIT_MS = 500

const locks: JobLocks = { take: (path) => tryLock(path, LOCK_WAIT_MS), isTaken: isLocked }

/** `program`: Node and the script that it runs as `simplyload`. */
export async function openJobs(
  configFile: string | undefined,
  program: readonly [string, string],
  environment: Environment,
): Promise<OpenedJobs> {
  const file = resolve(configFile ?? presentConfigFile())
  if (!existsSync(file)) {
    throw new PipelineError('config_invalid', `Reading ${configFile ?? file}`, {
      cause: new Error('there is no such file, and jobs are kept beside the configuration'),
      hint: 'Write one with `simplyload init`, or name another one with --config FILE',
      context: { file },
    })
  }
  const folder = new JobFolder(join(dirname(file), '.simplyload'))
  return new ConfiguredJobs(file, folder, program, environment)
}

class ConfiguredJobs extends LocalJobs implements OpenedJobs {
  readonly #file: string
  readonly #environment: Environment
  readonly #keep: OpenedJobs['keep']

  constructor(file: string, folder: JobFolder, program: readonly [string, string], environment: Environment) {
    const store = new JobStore(loadSqlite(), folder.database)
    const [node, script] = program
    super({
      store,
      folder,
      locks,
      keeperCommand: (id, config) => [node, script, '--config', config, 'jobs', 'keep', id],
      environment,
      clock: systemClock,
    })
    this.#file = file
    this.#environment = environment
    this.#keep = (id, signal) =>
      keepJob(
        { store, folder, locks, program, environment, commandLine: boundedCommand, clock: systemClock },
        id,
        signal,
      )
  }

  override async retry(id: string, memoryBytesMax: number | undefined, signal: AbortSignal): Promise<Job> {
    refuseTooLittle(memoryBytesMax)
    return await super.retry(id, memoryBytesMax, signal)
  }

  keep(id: string, signal: AbortSignal): Promise<void> {
    return this.#keep(id, signal)
  }

  async startCommand(command: JobCommand, signal: AbortSignal): Promise<Job> {
    const { name, argv, settings, configFile, memoryBytesMax } = command
    refuseTooLittle(memoryBytesMax)
    refuseSecrets(argv, settings)
    const file = configFile ?? this.#file
    // Not at the top: the process that keeps a job lives long, and needs neither.
    const [{ loadConfig }, { CONFIG_SCHEMA }] = await Promise.all([
      import('../config/load.ts'),
      import('../connectors.ts'),
    ])
    const { config } = await loadConfig(CONFIG_SCHEMA, { file, environment: this.#environment, settings })
    return await this.start(
      {
        name,
        argv,
        folder: process.cwd(),
        configFile: this.#file,
        memoryBytesMax: memoryBytesMax ?? defaultMemory(name, config.sync.memoryBytesMax),
        needs: WRITES_STATE.includes(name) ? `state of ${this.#file}` : undefined,
        retryOf: undefined,
        user: userInfo().username,
        host: hostname(),
      },
      signal,
    )
  }
}

function refuseTooLittle(bytes: number | undefined): void {
  if (bytes === undefined || bytes >= JOB_MEMORY_MIN) return
  throw new PipelineError('config_invalid', `Starting a job with ${formatByteSize(bytes)} of memory`, {
    cause: new Error('Node.js and DuckDB take a part of it themselves'),
    hint: `Give it at least ${formatByteSize(JOB_MEMORY_MIN)}: --memory 2GiB`,
  })
}

/** Command lines are recorded, and every user of a machine sees those of its processes. */
function refuseSecrets(argv: readonly string[], settings: readonly string[]): void {
  const hint = 'Give it as an environment variable: a job has those of whoever starts it, and records none'
  for (const setting of settings) {
    const key = setting.slice(0, setting.indexOf('='))
    const last = key.split('.').at(-1) ?? key
    if (!isSecretKey(last)) continue
    throw new PipelineError('config_invalid', 'Starting a job', {
      cause: new Error(`--set ${key} is a secret, and command lines of jobs are recorded`),
      hint: `${hint}: SIMPLYLOAD_${key
        .toUpperCase()
        .replaceAll('.', '__')
        .replaceAll(/[^A-Z0-9_]/g, '_')}`,
      context: { key },
    })
  }
  if (argv.some((word) => word.includes('://') && redactUrl(word) !== word)) {
    throw new PipelineError('config_invalid', 'Starting a job', {
      cause: new Error('its command line holds an address with a password or token, and is recorded'),
      hint,
    })
  }
}
