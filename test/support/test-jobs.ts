/** Jobs whose commands are those of `job-program.ts`. */
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/core/clock.ts'
import type { Job, JobRequest } from '../../src/core/job.ts'
import { JobFolder } from '../../src/jobs/job-folder.ts'
import { JobStore } from '../../src/jobs/job-store.ts'
import { keepJob } from '../../src/jobs/keeper.ts'
import { LocalJobs } from '../../src/jobs/local-jobs.ts'
import { isLocked, tryLock } from '../../src/state/process-lock.ts'
import { loadSqlite } from '../../src/state/sqlite-driver.ts'

export const JOB_PROGRAM = fileURLToPath(new URL('./job-program.ts', import.meta.url))

const LOCKS = { take: (path: string) => tryLock(path, 500), isTaken: isLocked }

export interface TestJobs extends LocalJobs {
  begin(argv: readonly string[], changes?: Partial<JobRequest>): Promise<Job>
  keep(id: string, signal: AbortSignal): Promise<void>
}

export function openTestJobs(root: string, jobsKept = 200): TestJobs {
  const folder = new JobFolder(root)
  const store = new JobStore(loadSqlite(), folder.database)
  const setting = { store, folder, locks: LOCKS, environment: process.env, clock: systemClock }
  const jobs = new LocalJobs({
    ...setting,
    keeperCommand: (id) => [process.execPath, JOB_PROGRAM, 'keep', root, id],
    jobsKept,
  })
  const never = new AbortController().signal
  return Object.assign(jobs, {
    begin: (argv: readonly string[], changes: Partial<JobRequest> = {}) =>
      jobs.start(
        {
          name: argv[0] ?? '',
          argv,
          folder: root,
          configFile: '',
          memoryBytesMax: 1 << 30,
          needs: undefined,
          retryOf: undefined,
          user: 'someone',
          host: 'here',
          ...changes,
        },
        never,
      ),
    keep: (id: string, signal: AbortSignal) =>
      keepJob({ ...setting, commandLine: ({ argv }) => argv, program: [process.execPath, JOB_PROGRAM] }, id, signal),
  })
}
