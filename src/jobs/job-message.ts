/**
 * What a job's command and its keeper say to each other, over the channel that Node opens between a process and its child.
 * When the channel closes, the other one is gone: a command whose keeper is gone finishes what is in hand and ends.
 */

/** Of the command's process. */
export type JobMessage =
  /** One JSON line as `--json` prints it, without its end. */
  | { readonly kind: 'event'; readonly line: string }
  /** How much memory the process has. */
  | { readonly kind: 'memory'; readonly rssBytes: number }

/** Of the keeper: finish what is in hand. */
export const STOP_MESSAGE = 'stop'

/** Names the job to the command's process, which takes it out of its environment. */
export const JOB_VARIABLE = 'SIMPLYLOAD_JOB'
