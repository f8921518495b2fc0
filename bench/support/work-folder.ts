import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface WorkFolder extends AsyncDisposable {
  readonly path: string
  /** Replaces folder `name` in it with a copy of another one. */
  renew(name: string, from: string): Promise<string>
}

/** A temporary folder that goes away with its user. */
export async function makeWorkFolder(): Promise<WorkFolder> {
  const path = await mkdtemp(join(tmpdir(), 'simplyload-bench-'))
  return {
    path,
    async renew(name, from) {
      const to = join(path, name)
      await rm(to, { recursive: true, force: true })
      await cp(from, to, { recursive: true })
      return to
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}
