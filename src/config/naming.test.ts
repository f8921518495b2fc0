import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { PipelineError } from '../core/errors.ts'
import { assignTargets, databaseProblems, NAMING_DEFAULT, namingProblem, parseNaming, targetName } from './naming.ts'

const naming = parseNaming(NAMING_DEFAULT)

function table(namespace: string, name: string, source = 'shop') {
  return { source, namespace, name }
}

it.each<[string, string | undefined, string, string, string?]>([
  [NAMING_DEFAULT, undefined, 'shop_public', 'orders'],
  ['raw.{namespace}_{table}', undefined, 'raw', 'public_orders'],
  ['{table}{table}.{source}', undefined, 'ordersorders', 'shop'],
  [NAMING_DEFAULT, 'sales', 'shop_public', 'sales'],
  [NAMING_DEFAULT, 'mart.Sales', 'mart', 'Sales'],
  [NAMING_DEFAULT, '"a.b"."say ""hi"""', 'a.b', 'say "hi"'],
  ['{source}_raw.{namespace}.{table}', undefined, 'public', 'orders', 'shop_raw'],
  ['{source}_raw.{namespace}.{table}', 'sales', 'public', 'sales', 'shop_raw'],
  ['{source}_raw.{namespace}.{table}', 'mart.sales', 'mart', 'sales', 'shop_raw'],
  [NAMING_DEFAULT, 'raw.mart.sales', 'mart', 'sales', 'raw'],
  ['a.b.{table}', '"r.w"."m"."s"', 'm', 's', 'r.w'],
])('template %s with target %s gives %s . %s', (template, target, namespace, name, database) => {
  const expected = { ...(database === undefined ? {} : { database }), namespace, name }
  expect(targetName(parseNaming(template), table('public', 'orders'), target)).toEqual(expected)
})

it('a database is for destinations that have several', () => {
  const sources = { shop: { tables: [{ target: 'mart.sales' }, { target: 'raw.mart.sales' }] }, other: {} }
  const keys = { naming: parseNaming('{source}.public.{table}'), sources }
  expect(databaseProblems(keys, 'snowflake', ['snowflake'])).toEqual([])
  expect(databaseProblems(keys, 'duckdb', ['snowflake']).map(({ path }) => path)).toEqual([
    ['naming'],
    ['sources', 'shop', 'tables', 1, 'target'],
  ])
})

it('one name in two databases is two targets, and in one of them one', () => {
  const requests = (second: string) => [
    { table: table('public', 'a'), target: 'x.s.t' },
    { table: table('public', 'b'), target: second },
  ]
  expect(assignTargets(naming, requests('y.s.t'))).toHaveLength(2)
  expect(() => assignTargets(naming, requests('X.s.t'))).toThrow(expect.objectContaining({ code: 'config_invalid' }))
})

it.each([
  ['{sorce}.{table}', '{source}'],
  ['{schema}.{table}', 'known: {source}, {namespace}, {table}'],
  ['{source}_{table}', 'schema.table'],
  ['a.b.c.d', 'schema.table'],
  ['{database}.{namespace}.{table}', 'in the database of'],
  ['.{table}', 'schema.table'],
  ['', 'schema.table'],
  ['{source.{table}', 'braces'],
  ['"a".{table}', 'quotes'],
])('the template %j is refused', (template, because) => {
  expect(namingProblem(template)).toContain(because)
  expect(() => parseNaming(template)).toThrow(RangeError)
})

it.each(['', '.', 'a.', '.a', 'a.b.c.d', '.b.c', 'a..c', '"a', 'a"b'])(
  'the target %j is refused with the table that it belongs to',
  (target) => {
    expect(() => targetName(naming, table('public', 'orders'), target)).toThrow(
      expect.objectContaining({ code: 'config_invalid', context: { table: 'shop.public.orders' } }),
    )
  },
)

it.each([
  [NAMING_DEFAULT, [{ table: table('public', 'Orders') }, { table: table('public', 'orders') }]],
  ['raw.{table}', [{ table: table('a', 'orders') }, { table: table('b', 'orders') }]],
  [NAMING_DEFAULT, [{ table: table('b', 'x', 'a_b') }, { table: table('b_b', 'x', 'a') }]],
  [NAMING_DEFAULT, [{ table: table('a', 'x') }, { table: table('a', 'y'), target: 'X' }]],
])('two tables of one target are an error that names both: %s %j', (template, requests) => {
  let message = ''
  try {
    assignTargets(parseNaming(template), requests)
  } catch (error) {
    message = String((error as PipelineError).cause)
  }
  for (const { table: each } of requests) expect(message).toContain(`${each.source}.${each.namespace}.${each.name}`)
})

it('the schema of checkpoints is nobody else’s', () => {
  expect(() => assignTargets(naming, [{ table: table('public', 'x'), target: '_SimplyLoad.x' }])).toThrow(
    expect.objectContaining({ code: 'config_invalid' }),
  )
})

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 })
const letter = fc.constantFrom('a', 'b', 'A', '_', '.', '{table}', '$&')

it('targets that are handed out never share a schema and table, however names are cut', () => {
  const anyName = fc.oneof(
    name,
    fc.array(letter, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(
      fc.constantFrom(NAMING_DEFAULT, '{source}.{namespace}_{table}', 'raw.{source}{namespace}{table}'),
      fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'a_b', 'b'), anyName, anyName), {
        maxLength: 8,
        selector: (parts) => JSON.stringify(parts),
      }),
      (template, tables) => {
        const requests = tables.map(([source, namespace, tableName]) => ({
          table: table(namespace, tableName, source),
        }))
        try {
          const targets = assignTargets(parseNaming(template), requests)
          const folded = targets.map((target) =>
            JSON.stringify([target.namespace.toLowerCase(), target.name.toLowerCase()]),
          )
          expect(new Set(folded).size).toBe(requests.length)
        } catch (error) {
          expect(error).toMatchObject({ code: 'config_invalid' })
        }
      },
    ),
  )
})

it('names stand in the target as they are, whatever they contain', () => {
  fc.assert(
    fc.property(name, name, (namespace, tableName) => {
      expect(targetName(naming, table(namespace, tableName))).toEqual({
        namespace: `shop_${namespace}`,
        name: tableName,
      })
    }),
  )
})
