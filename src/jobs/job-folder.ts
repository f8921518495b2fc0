/** Where things of jobs lie: beside the operational state, `.simplyload/` of the configuration's folder. */
import { join } from 'node:path'
import type { JobOutputKind } from '../core/job.ts'

export class JobFolder {
  readonly root: string

  /** Absolute. */
  constructor(root: string) {
    this.root = root
  }

  get database(): string {
    return join(this.root, 'jobs.db')
  }

  of(id: string): string {
    return join(this.root, 'jobs', id)
  }

  /** Locked by the job's keeper as long as it lives. */
  lock(id: string): string {
    return join(this.of(id), 'keeper.lock')
  }

  /** What the keeper itself could not write down. */
  keeperLog(id: string): string {
    return join(this.of(id), 'keeper.log')
  }

  output(id: string, kind: JobOutputKind): string {
    return join(this.of(id), kind === 'text' ? 'output.log' : 'events.jsonl')
  }
}
