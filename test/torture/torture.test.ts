/** A short torture with fixed seeds; `npm run torture` is the long one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import { torture } from './torture.ts'

test.each([
  [1, 'sqlite', 'merge'],
  [2, 'file', 'merge'],
  [3, 'postgres', 'merge'],
  [4, 'sqlite', 'history'],
  [5, 'file', 'append'],
] as const)(
  'random changes, kills and faults end in the same tables (seed %i, state %s, %s)',
  async (seed, state, write) => {
    await using database = await createTestDatabase()
    const folder = await mkdtemp(join(tmpdir(), 'simplyload-torture-'))
    const report = await torture({
      seed,
      state,
      write,
      url: database.url,
      folder,
      durationMs: 9_000,
      writers: 2,
      largeRows: 3_000,
      pauseMs: 40,
      blowPauseMs: 1_500,
      faultRate: 0.06,
    })
    expect(report.problems, `look into ${folder}`).toEqual([])
    await rm(folder, { recursive: true, force: true })
  },
)
