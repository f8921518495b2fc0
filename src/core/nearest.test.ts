import { expect, it } from 'vitest'
import { nearest } from './nearest.ts'

const keys = ['version', 'sources', 'destination', 'stage', 'state', 'sync', 'naming', 'hard_delete', 'url']

it.each([
  ['sorces', 'sources'],
  ['sourecs', 'sources'],
  ['Destination', 'destination'],
  ['hardDelete', 'hard_delete'],
  ['hard-delete', 'hard_delete'],
  ['sttae', 'state'],
  ['uri', 'url'],
])('%s most likely means %s', (word, known) => expect(nearest(word, keys)).toBe(known))

it.each(['foo', 'x', '', 'completely_different'])('%j means none of them', (word) => {
  expect(nearest(word, keys)).toBeUndefined()
})
