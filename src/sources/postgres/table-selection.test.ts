import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseColumnType } from '../../core/column-type-form.ts'
import { quoteIdentifier, quoteLiteral } from './sql-text.ts'
import { expandTables, isPattern, parseTableName } from './table-selection.ts'

test('names are taken as written; without a schema they are in public', () => {
  expect(parseTableName('public.Orders')).toEqual({ namespace: 'public', name: 'Orders' })
  expect(parseTableName('orders')).toEqual({ namespace: 'public', name: 'orders' })
  expect(parseTableName('"my.schema"."odd ""name"')).toEqual({ namespace: 'my.schema', name: 'odd "name' })
  for (const text of ['', '.', 'a.', '.b', 'a.b.c', 'a."b', '""', 'a"b']) expect(parseTableName(text)).toBeUndefined()
})

test('any name can be written in quotes', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (namespace, name) => {
      fc.pre(!/[\n\r\u2028\u2029]/.test(namespace + name))
      expect(parseTableName(`${quoteIdentifier(namespace)}.${quoteIdentifier(name)}`)).toEqual({ namespace, name })
    }),
  )
})

test('a pattern stands for the tables of a schema that no other entry names', () => {
  const present = ['a.x', 'a.y', 'b.z'].map((text) => parseTableName(text)!)
  const entries = [{ name: 'a.*' }, { name: 'a.y', hard: true }, { name: 'c.gone' }]
  expect(expandTables(entries, present).map(({ entry, table }) => [entry.name, table.namespace, table.name])).toEqual([
    ['a.y', 'a', 'y'],
    ['c.gone', 'c', 'gone'],
    ['a.*', 'a', 'x'],
  ])
  expect([isPattern('a.*'), isPattern('a."*"'), isPattern('*'), isPattern('a.b')]).toEqual([true, false, true, false])
})

test('types are those of the design', () => {
  expect(parseColumnType('decimal(38,0)')).toEqual({ kind: 'decimal', precision: 38, scale: 0 })
  expect(parseColumnType('json')).toEqual({ kind: 'json' })
  for (const text of ['decimal', 'decimal(0,0)', 'decimal(39,1)', 'decimal(5,6)', 'varchar', ''])
    expect(parseColumnType(text)).toBeUndefined()
})

test('a constant of SQL keeps its text', () => {
  expect(quoteLiteral("it's")).toBe("'it''s'")
  expect(quoteLiteral('a\\b')).toBe("E'a\\\\b'")
})
