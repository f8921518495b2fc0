/** Finds jobs whose processes are gone without a word. */
import type { JobFolder } from './job-folder.ts'
import type { JobLocks } from './job-locks.ts'
import type { JobStore } from './job-store.ts'

/** For a keeper to come up, on a machine that is busy. */
const TAKEOVER_MS_MAX = 60_000

/**
 * A keeper holds its job's lock from before it writes itself down until after it has written how the job ended. So a job that is
 * open, and whose lock is free, has none any more.
 */
export function markVanished(store: JobStore, folder: JobFolder, locks: JobLocks, nowMs: number): void {
  for (const job of store.open()) {
    const isYoung = job.keeper === undefined && Math.abs(nowMs - job.createdMs) < TAKEOVER_MS_MAX
    if (isYoung || locks.isTaken(folder.lock(job.id))) continue
    store.end(job.id, 'vanish', {
      endedMs: nowMs,
      reason:
        job.keeper === undefined
          ? 'it was written down and never begun: whoever started it was ended'
          : 'its processes are gone and nobody wrote how they ended: killed, or the machine went down',
      hint: `What was committed stays. simplyload jobs retry ${job.id} goes on from there`,
    })
  }
}
