import { expect, test } from 'vitest'
import { parseTimelineHistory } from './system-identity.ts'

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
