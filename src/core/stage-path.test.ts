import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodePathPart, encodePathPart, parseStagePath, stagePath, tablePath } from './stage-path.ts'

/** What a Postgres identifier can be: 1 to 63 bytes of anything but NUL. */
const identifier = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 63 })
  .filter((name) => name.isWellFormed() && Buffer.byteLength(name) <= 63 && !name.includes('\0'))

it('plain names stand for themselves', () => {
  const table = { source: 'shop', namespace: 'public', name: 'order_items-2' }
  const stagedMs = Date.UTC(2026, 0, 31, 9, 59)
  expect(stagePath({ customer: 'default', table, batchId: 'e000001-a.b', stagedMs })).toBe(
    'default/shop/public.order_items-2/2026-01-31_09/e000001-a.b.parquet',
  )
})

it.each([
  ['Orders', '!4frders'],
  ['a.b', 'a!2eb'],
  ['a/b', 'a!2fb'],
  ['..', '!2e!2e'],
  ['😀', '!f0!9f!98!80'],
  ['\ufeffx', '!ef!bb!bfx'],
])('%j is written %s', (name, encoded) => {
  expect(encodePathPart(name)).toBe(encoded)
  expect(decodePathPart(encoded)).toBe(name)
})

it('any identifier reads back, in characters that no file system folds or forbids, and short enough for all', () => {
  fc.assert(
    fc.property(identifier, identifier, (namespace, name) => {
      const parts = { customer: 'default', table: { source: 'shop', namespace, name }, batchId: 'e1-x', stagedMs: 0 }
      const path = stagePath(parts)
      expect(parseStagePath(path)).toEqual(parts)
      expect(path).toMatch(/^[a-z0-9._!/-]+$/)
      expect(Math.max(...path.split('/').map((part) => part.length))).toBeLessThanOrEqual(241)
    }),
  )
})

it('two tables never share a path', () => {
  const names = ['a', 'A', 'a.b', 'b', 'b.c', 'a!2eb', '\u00e9', 'e\u0301', 'É']
  const tables = names.flatMap((namespace) => names.map((name) => ({ source: 's', namespace, name })))
  const paths = new Set(tables.map((table) => tablePath('default', table).normalize('NFD').toLowerCase()))
  expect(paths.size).toBe(tables.length)
})

it.each(['', 'A', 'a.b', 'a!2', 'a!zz', '!61', '!!', '!!me', 'ä', '!ff'])('%j is no encoded name', (encoded) => {
  expect(decodePathPart(encoded)).toBeUndefined()
})

it.each([
  '',
  'a',
  'default/shop/public.a/2026-01-31_09/x.csv',
  'default/shop/public/2026-01-31_09/x.parquet',
  'default/shop/a.b/2026-99-31_09/x.parquet',
])('%j is no path of a stage file', (path) => expect(parseStagePath(path)).toBeUndefined())

it.each(['', '\ud800', 'x'.repeat(200)])('a name that has no path is refused: %j', (name) => {
  expect(() => encodePathPart(name)).toThrow(RangeError)
})

it.each(['', '.', '../x', 'A', 'a/b', 'x'.repeat(201)])('a batch id that is no file name is refused: %j', (batchId) => {
  const table = { source: 's', namespace: 'n', name: 't' }
  expect(() => stagePath({ customer: 'default', table, batchId, stagedMs: 0 })).toThrow(RangeError)
})
