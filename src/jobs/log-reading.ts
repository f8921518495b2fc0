/** Reads a log that another process writes, from what is kept of it to its end, also while it is turned over. */
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import type { JobOutput } from '../core/job.ts'
import { LineBuffer } from './line-buffer.ts'
import { turnedPath } from './log-file.ts'

const PIECE_BYTES = 64 << 10
/** Quicker than a person notices. */
const POLL_MS = 150

export interface LogReading {
  readonly path: string
  /** False once nothing more will be written. */
  readonly goesOn: () => boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}

export async function* readLog({ path, goesOn, clock, signal }: LogReading): AsyncGenerator<JobOutput> {
  const lines = new LineBuffer()
  let part: Part | undefined
  let afterGap = false
  const take = function* (bytes: Buffer): Generator<JobOutput> {
    const text = lines.add(bytes)
    if (text === '') return
    yield { text, afterGap }
    afterGap = false
  }
  try {
    for (;;) {
      signal.throwIfAborted()
      // Asked before the last look: what was written until then is seen.
      const mayGrow = goesOn()
      part ??= (await openPart(turnedPath(path))) ?? (await openPart(path))
      if (part !== undefined) for await (const bytes of piecesOf(part)) yield* take(bytes)
      const next: Part | undefined = part === undefined ? undefined : await partAfter(path, part)
      if (part !== undefined && next !== undefined) {
        // More may have come to it before it was turned over; now nothing does.
        for await (const bytes of piecesOf(part)) yield* take(bytes)
        // Turned over more than once since: what was between the two is gone.
        if ((await inodeOf(turnedPath(path))) !== part.inode) {
          lines.drop()
          afterGap = true
        }
        await part.handle.close()
        part = next
      } else if (mayGrow) {
        await clock.sleep(POLL_MS, signal)
      } else {
        const rest = lines.rest()
        if (rest !== '') yield { text: rest, afterGap }
        return
      }
    }
  } finally {
    await part?.handle.close()
  }
}

interface Part {
  readonly handle: FileHandle
  readonly inode: bigint
  position: number
}

/** Undefined: there is none. */
async function openPart(path: string): Promise<Part | undefined> {
  return orMissing(async () => {
    const handle = await open(path, 'r')
    const { ino } = await handle.stat({ bigint: true })
    return { handle, inode: ino, position: 0 }
  })
}

/** Undefined: `part` is the one that is being written. */
async function partAfter(path: string, part: Part): Promise<Part | undefined> {
  const current = await inodeOf(path)
  return current === undefined || current === part.inode ? undefined : await openPart(path)
}

function inodeOf(path: string): Promise<bigint | undefined> {
  return orMissing(async () => (await stat(path, { bigint: true })).ino)
}

async function orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

async function* piecesOf(part: Part): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES)
  for (;;) {
    const { bytesRead } = await part.handle.read(buffer, 0, PIECE_BYTES, part.position)
    if (bytesRead === 0) return
    part.position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
