import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of a few MiB, in memory. Undefined where this user may not mount one. */
export class SmallDisk implements AsyncDisposable {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static create(mebibytes: number): SmallDisk | undefined {
    const folder = mkdtempSync(join(tmpdir(), 'simplyload-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], { stdio: 'ignore' })
      return new SmallDisk(folder)
    } catch {
      rmSync(folder, { recursive: true })
      return undefined
    }
  }

  /** Takes all space but for `leaveKib`. */
  async fill(leaveKib: number): Promise<void> {
    for (;;) {
      const { bavail, bsize } = await statfs(this.folder)
      try {
        return await writeFile(this.#ballast, Buffer.alloc(Math.max(0, bavail * bsize - leaveKib * 1024)))
      } catch (error) {
        // Whoever else writes here was faster: measured again.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
        await this.makeRoom()
      }
    }
  }

  grow(mebibytes: number): void {
    execFileSync('mount', ['-o', `remount,size=${mebibytes}m`, this.folder], { stdio: 'ignore' })
  }

  async makeRoom(): Promise<void> {
    await rm(this.#ballast, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    execFileSync('umount', ['-l', this.folder])
    await rm(this.folder, { recursive: true, force: true })
  }

  get #ballast(): string {
    return join(this.folder, 'ballast')
  }
}

export const MAY_MOUNT = ((): boolean => {
  const disk = SmallDisk.create(1)
  if (disk === undefined) return false
  execFileSync('umount', [disk.folder])
  rmSync(disk.folder, { recursive: true })
  return true
})()
