import { expect, test } from 'vitest'
import { planLimits } from './snapshot-plan.ts'

const MIB = 1024 ** 2
const sizes = (mib: number) => [{ oid: 1, heapBytes: mib * MIB, tableBytes: mib * MIB }]
const chunkMiB = (mib: number, configured: number | undefined, connections: number, chunkBytesMax?: number) =>
  planLimits(sizes(mib), configured, { connections, chunkBytesMax }, 8192).chunkBytes / MIB

const BLOCK_MIB = 8192 / MIB

test('a chunk is as large as is configured, or 64 MiB', () => {
  expect(chunkMiB(10_000, 16 * MIB, 4, 512 * MIB)).toBe(16)
  expect(chunkMiB(100, undefined, 4)).toBe(64 + BLOCK_MIB)
})

test('each connection has as many chunks of one size, so that none reads the last one alone', () => {
  for (const [mib, connections] of [
    [10_000, 4],
    [554, 2],
    [554, 1],
    [300, 3],
  ] as const) {
    const chunk = chunkMiB(mib, undefined, connections)
    expect(chunk).toBeGreaterThan(32)
    expect(chunk).toBeLessThanOrEqual(64 + BLOCK_MIB)
    expect(Math.ceil(mib / chunk) % connections).toBe(0)
    expect(mib % chunk).toBeGreaterThan(0.9 * chunk)
  }
})

test('where large files are liked, chunks are larger as long as there is work for each connection', () => {
  expect(chunkMiB(100, undefined, 4, 512 * MIB)).toBe(64 + BLOCK_MIB)
  expect(chunkMiB(3200, undefined, 4, 512 * MIB)).toBeCloseTo(200, 1)
  expect(chunkMiB(100_000, undefined, 4, 512 * MIB)).toBeCloseTo(510.2, 1)
  expect(chunkMiB(1024, undefined, 1, 512 * MIB)).toBeCloseTo(256, 1)
})
