/**
 * The life of a job, as a table of every state and event.
 *
 * | | begin | succeed | fail | cancel | vanish |
 * | --- | --- | --- | --- | --- | --- |
 * | queued | running | | failed | cancelled | lost |
 * | running | | succeeded | failed | cancelled | lost |
 * | ended | | | | | |
 *
 * Only a job's keeper tells all but `vanish`, which whoever looks tells, once the keeper's lock is free. An event that a state
 * does not know changes nothing: a job that ended stays as it ended.
 */
import type { JobState } from '../core/job.ts'

export type JobEvent = 'begin' | 'succeed' | 'fail' | 'cancel' | 'vanish'

const NEXT: Readonly<Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>> = {
  queued: { begin: 'running', fail: 'failed', cancel: 'cancelled', vanish: 'lost' },
  running: { succeed: 'succeeded', fail: 'failed', cancel: 'cancelled', vanish: 'lost' },
  succeeded: {},
  failed: {},
  cancelled: {},
  lost: {},
}

/** Undefined: the event means nothing in this state. */
export function nextJobState(state: JobState, event: JobEvent): JobState | undefined {
  return NEXT[state][event]
}
