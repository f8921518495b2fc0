/**
 * Buffers of vectors on their way round: builder → batch → Parquet file → builder. Fresh ones for every batch would have
 * to be zeroed and collected: 5% of the CPU of a snapshot, and some batches' worth of garbage in memory at any time.
 */
import { runInNewContext } from 'node:vm'
import type { ColumnVector } from '../core/batch.ts'

/** A buffer below it is not worth keeping. */
const KEPT_BYTES_MIN = 64 * 1024
/** Of all spare buffers together: about three batches of a snapshot, the most that is in use at any time anyway. */
const SPARE_BYTES_MAX = 64 * 1024 * 1024

/** Less is not worth the 20 ms that collecting takes. */
const RETURNED_BYTES_MIN = 8 * 1024 * 1024

/** By size, which is one of four for each power of two, so that a buffer fits many needs and wastes a quarter at most. */
const spare = new Map<number, Uint8Array[]>()
let spareBytes = 0

/** A buffer of at least `bytes` bytes. Its content is arbitrary. */
export function takeMemory(bytes: number): Uint8Array {
  if (bytes < KEPT_BYTES_MIN) return new Uint8Array(bytes)
  const size = keptSize(bytes)
  const found = spare.get(size)?.pop()
  if (found === undefined) return new Uint8Array(size)
  spareBytes -= size
  return found
}

/** Nobody may refer to the buffer any more. */
export function giveMemory(buffer: ArrayBufferLike): void {
  const size = buffer.byteLength
  if (size < KEPT_BYTES_MIN || size !== keptSize(size) || spareBytes + size > SPARE_BYTES_MAX) return
  const sameSize = spare.get(size)
  if (sameSize === undefined) spare.set(size, [new Uint8Array(buffer)])
  else sameSize.push(new Uint8Array(buffer))
  spareBytes += size
}

/**
 * For the owner of a batch that is written, and that nobody will read again: its memory is used for the next ones. Not
 * calling it costs time; calling it too early corrupts rows.
 */
export function releaseVectors(vectors: readonly ColumnVector[]): void {
  for (const vector of vectors) giveMemory(vector.values.buffer)
}

/**
 * For the end of much work, where little may follow: forgets the spare buffers, and collects what is garbage if this process
 * exposes its collector (a program that uses us as a library may have a heap that takes long). The collector by itself
 * waits until more is allocated, which on an idle source is never: of a snapshot of 3M rows 150 MiB stayed.
 */
export function returnMemory(): void {
  if (spareBytes < RETURNED_BYTES_MIN) return
  spare.clear()
  spareBytes = 0
  const collect = runInNewContext('globalThis.gc') as (() => void) | undefined
  collect?.()
}

function keptSize(bytes: number): number {
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2)
  return Math.ceil(bytes / step) * step
}
