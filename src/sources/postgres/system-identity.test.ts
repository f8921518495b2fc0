import { expect, test } from 'vitest'
import { createTestDatabase } from '../../../test/support/postgres.ts'
import { connect } from './client.ts'
import { connectionSettings } from './connection-settings.ts'
import { parseTimelineHistory, readSystem, readTimelineEnds } from './system-identity.ts'

const { signal } = new AbortController()

test('a history says where each earlier timeline was left', () => {
  // As a server of version 18 writes it after its second promotion.
  const content = '1\t0/3000148\tno recovery target specified\n\n2\t16/B374D848\tbefore 2000-01-01 00:00:00+00\n'
  expect(parseTimelineHistory(`# a remark\n${content}`)).toEqual(
    new Map([
      [1, 0x3000148n],
      [2, 0x16_b374d848n],
    ]),
  )
  expect(parseTimelineHistory('')).toEqual(new Map())
})

test('a server that lacks the history knows of no earlier timeline', async () => {
  await using database = await createTestDatabase()
  await using walsender = await connect(connectionSettings({ url: database.url }), { replication: true }, signal)
  expect(await readSystem(walsender, signal)).toEqual({ system: expect.stringMatching(/^\d+$/), timeline: 1 })
  expect(await readTimelineEnds(walsender, 9, signal)).toEqual(new Map())
})
