import { expect, test } from 'vitest'
import { planLimits } from './snapshot-plan.ts'

const MIB = 1024 ** 2
const sizes = (mib: number) => [{ oid: 1, heapBytes: mib * MIB, tableBytes: mib * MIB }]
const chunkMiB = (mib: number, configured: number | undefined, connections: number, chunkBytesMax?: number) =>
  planLimits(sizes(mib), configured, { connections, chunkBytesMax }, 8192).chunkBytes / MIB

test('a chunk is as large as is configured, or 64 MiB', () => {
  expect(chunkMiB(10_000, 16 * MIB, 4, 512 * MIB)).toBe(16)
  expect(chunkMiB(10_000, undefined, 4)).toBe(64)
})

test('where large files are liked, chunks are larger as long as there is work for each connection', () => {
  expect(chunkMiB(100, undefined, 4, 512 * MIB)).toBe(64)
  expect(chunkMiB(3200, undefined, 4, 512 * MIB)).toBeCloseTo(200, 1)
  expect(chunkMiB(100_000, undefined, 4, 512 * MIB)).toBe(512)
  expect(chunkMiB(1024, undefined, 1, 512 * MIB)).toBeCloseTo(256, 1)
})
