/** Locks that the operating system lets go of when the process ends, however it ends. Where they come from, `app/jobs.ts` knows. */
export interface JobLocks {
  /** Undefined where another process has it. */
  take(path: string): Disposable | undefined
  isTaken(path: string): boolean
}
