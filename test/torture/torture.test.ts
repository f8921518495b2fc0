/** A short torture with fixed seeds; `npm run torture` is the long one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import { torture } from './torture.ts'

test.each([
  { seed: 1, source: 'cdc', stage: 'local', state: 'sqlite', write: 'merge' },
  { seed: 2, source: 'cdc', stage: 's3', state: 'file', write: 'history' },
  { seed: 3, source: 'cdc', stage: 'local', state: 'postgres', write: 'append' },
  { seed: 4, source: 'polling', stage: 'local', state: 'postgres', write: 'merge' },
  { seed: 5, source: 'polling', stage: 's3', state: 'sqlite', write: 'history' },
] as const)(
  'random changes, kills and faults end in the same tables ($source, stage $stage, state $state, $write, seed $seed)',
  async (world) => {
    await using database = await createTestDatabase()
    const folder = await mkdtemp(join(tmpdir(), 'simplyload-torture-'))
    const report = await torture({
      ...world,
      url: database.url,
      folder,
      durationMs: 6_000,
      writers: 2,
      largeRows: 2_000,
      pauseMs: 40,
      blowPauseMs: 1_000,
      faultRate: 0.06,
    })
    expect(report.problems, `look into ${folder}`).toEqual([])
    await rm(folder, { recursive: true, force: true })
  },
)
