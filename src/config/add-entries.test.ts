import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { addEntries } from './add-entries.ts'

const PATH = ['sources', 'shop', 'tables']
const add = (text: string, ...entries: string[]) => addEntries(text, PATH, entries)

test('an entry goes behind the last one, and nothing else changes', async () => {
  const text = `# ours
version: 1
sources:
  shop:
    url: \${URL}          # command line > environment > file
    tables:
      - public.customers        # the first

      - name: public.orders     # long form
        exclude: [internal_note]   # not this
      # - public.commented

destination: { type: duckdb,   path: 'warehouse.duckdb' }
`
  expect(await add(text, 'public.items')).toBe(text.replace('# not this\n', '# not this\n      - public.items\n'))
})

test('several entries stand in their order', async () => {
  const text = 'sources:\n  shop:\n    tables:\n    - public.a\n    mode: auto\n'
  expect(await add(text, 'public.b', 'public.c')).toBe(
    'sources:\n  shop:\n    tables:\n    - public.a\n    - public.b\n    - public.c\n    mode: auto\n',
  )
})

test('a list at the end of a file without a last newline, or with those of Windows', async () => {
  expect(await add('sources:\n  shop:\n    tables:\n      - a', 'b')).toBe(
    'sources:\n  shop:\n    tables:\n      - a\n      - b',
  )
  expect(await add('sources:\r\n  shop:\r\n    tables:\r\n      - a\r\n', 'b')).toBe(
    'sources:\r\n  shop:\r\n    tables:\r\n      - a\r\n      - b\r\n',
  )
})

test('a list within brackets, as in JSON', async () => {
  expect(await add('sources: { shop: { tables: [a, b ] } } # all\n', 'c')).toBe(
    'sources: { shop: { tables: [a, b, "c" ] } } # all\n',
  )
  expect(await add('sources: { shop: { tables: [] } }\n', 'c')).toBe('sources: { shop: { tables: ["c"] } }\n')
  const json = JSON.stringify({ sources: { shop: { tables: ['a', { name: 'b' }], url: 'x' } } }, null, 2)
  expect(JSON.parse(await add(json, 'c'))).toEqual({
    sources: { shop: { tables: ['a', { name: 'b' }, 'c'], url: 'x' } },
  })
})

test('names that YAML would take for something else are quoted', async () => {
  for (const name of ['"public"."Or.ders"', 'true', '12', 'a: b', '- x', '#x', "it's", '*', '&a', 'ünï']) {
    const changed = await add('sources:\n  shop:\n    tables:\n      - a\n', name)
    expect((parse(changed) as { sources: { shop: { tables: unknown } } }).sources.shop.tables).toEqual(['a', name])
  }
})

test('an entry behind a text of several lines', async () => {
  const text = `sources:
  shop:
    tables:
      - name: a
        transform: |
          SELECT *
          FROM batch
  other: 1
`
  const changed = await add(text, 'b')
  expect(parse(changed)).toEqual({
    sources: { shop: { tables: [{ name: 'a', transform: 'SELECT *\nFROM batch\n' }, 'b'] }, other: 1 },
  })
})

test('a list that is not there is told', async () => {
  for (const text of ['sources: {}\n', 'sources: { shop: { tables: public.a } }\n', 'version: 1\n']) {
    await expect(add(text, 'b')).rejects.toMatchObject({ code: 'config_invalid' })
  }
})

test('whatever the names and the way of writing, the file means the same and the entry more', async () => {
  const name = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' })
  await fc.assert(
    fc.asyncProperty(
      fc.array(name, { minLength: 1, maxLength: 4 }),
      name,
      fc.boolean(),
      async (tables, entry, flow) => {
        const { stringify } = await import('yaml')
        const value = { version: 1, sources: { shop: { tables, url: 'x' } }, last: { a: [1] } }
        const text = flow ? stringify(value, { collectionStyle: 'flow' }) : stringify(value)
        const changed = parse(await add(text, entry)) as typeof value
        expect(changed).toEqual({ ...value, sources: { shop: { tables: [...tables, entry], url: 'x' } } })
      },
    ),
  )
})
