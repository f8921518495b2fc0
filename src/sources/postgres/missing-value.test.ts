import { expect, test } from 'vitest'
import type { PostgresType } from '../../columnar/postgres-type.ts'
import { statedMissingValue } from './missing-value.ts'

function base(oid: number, name: string, typmod = -1): PostgresType {
  return { oid, name, typmod, kind: 'base', hasSend: true }
}

const text = base(25, 'text')
const texts: PostgresType = { oid: 1009, name: '_text', typmod: -1, kind: 'array', element: text, hasSend: true }

test('an array is stated as JSON, everything plain as it is', () => {
  expect(statedMissingValue(texts, '{"a b",NULL,"NULL"}')).toBe('["a b",null,"NULL"]')
  expect(statedMissingValue(text, '{a}')).toBe('{a}')
  expect(statedMissingValue(base(17, 'bytea'), '\\x00ff')).toBe('\\x00ff')
  expect(statedMissingValue(base(1700, 'numeric', ((10 << 16) | 2) + 4), '-1.50')).toBe('-1.50')
  expect(statedMissingValue(base(1700, 'numeric'), 'NaN')).toBe('NaN')
  expect(statedMissingValue(base(1082, 'date'), '2024-02-29')).toBe('2024-02-29')
})

test('what only the rows themselves can tell is not stated', () => {
  expect(statedMissingValue(base(1700, 'numeric', ((10 << 16) | 2) + 4), 'NaN')).toBeUndefined()
  for (const day of ['infinity', '-infinity', '0044-03-15 BC', '12024-01-01']) {
    expect(statedMissingValue(base(1082, 'date'), day)).toBeUndefined()
  }
  expect(statedMissingValue(base(114, 'json'), '"\\ud800"')).toBeUndefined()
})
