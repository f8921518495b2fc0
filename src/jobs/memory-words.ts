/** How a job's bound on memory reaches its command, and what the bound is where nobody gives one. */
import { totalmem } from 'node:os'
import type { JobRequest } from '../core/job.ts'

/** Commands that take the memory of their whole process as an option; without it they keep to this. */
const TAKE_MEMORY: readonly string[] = ['files check', 'files load']
const FILES_BYTES = Math.min(4 * 2 ** 30, totalmem() / 2)
/** They are told less than the bound, as their reckoning may be out a little. */
const TOLD_SHARE = 0.8

/** Node with what it has loaded. */
const NODE_BYTES = 256 << 20
/** What a process has for each byte that `sync.memory` gives to rows: DuckDB beside its limit, and what is on the way. */
const BYTES_PER_ROW_BYTE = 4

/** What such a command is told is at least the 512 MiB that it takes. */
export const JOB_MEMORY_MIN = (512 << 20) / TOLD_SHARE

/** `rowBytes`: `sync.memory`. */
export function defaultMemory(name: string, rowBytes: number): number {
  return Math.ceil(TAKE_MEMORY.includes(name) ? FILES_BYTES / TOLD_SHARE : rowBytes * BYTES_PER_ROW_BYTE + NODE_BYTES)
}

/** The command line that keeps to the bound; what it says of memory itself counts. */
export function boundedCommand({ name, argv, memoryBytesMax }: JobRequest): readonly string[] {
  if (TAKE_MEMORY.includes(name)) {
    const isSaid = argv.some((word) => word === '--memory' || word.startsWith('--memory='))
    return isSaid ? argv : [...argv, '--memory', String(Math.floor(memoryBytesMax * TOLD_SHARE))]
  }
  if (argv.some((word) => word.startsWith('sync.memory=') || word.startsWith('--set=sync.memory='))) return argv
  return ['--set', `sync.memory=${Math.floor((memoryBytesMax - NODE_BYTES) / BYTES_PER_ROW_BYTE)}`, ...argv]
}
