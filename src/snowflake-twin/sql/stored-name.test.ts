import fc from 'fast-check'
import { expect, test } from 'vitest'
import { originalName, storedName } from './stored-name.ts'

test('a name that needs no quotes is stored as it is', () => {
  expect(storedName('ORDERS_1')).toBe('ORDERS_1')
})

test('names that differ in case alone are stored under names that differ for DuckDB', () => {
  const names = fc.string({ unit: fc.constantFrom('a', 'A', 'b', '~', '0', 'é', '"'), minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(names, names, (a, b) => {
      expect(originalName(storedName(a))).toBe(a)
      expect(storedName(a).toUpperCase() === storedName(b).toUpperCase()).toBe(
        a.toUpperCase() === b.toUpperCase() && a === b,
      )
    }),
  )
})
