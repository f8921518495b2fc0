/** Types whose columns are JSON, against a real server. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decode, decodeBoth as decodeBothOf } from '../../test/support/decoded-values.ts'
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { pgText, quoteInner, samples } from '../../test/support/value-arbitraries.ts'
import { describeType, readWireValues } from '../../test/support/wire-values.ts'
import type { ColumnType } from '../core/table-schema.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(`SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'`)
})
afterAll(() => database.dispose())

const decodeBoth = (type: string, literals: readonly (string | null)[], expression?: string, target?: ColumnType) =>
  decodeBothOf(database, type, literals, expression, target)

test('arrays are JSON, with the elements that the server has', async () => {
  const list = (element: fc.Arbitrary<string>) =>
    fc
      .array(
        fc.option(
          element.map((text) => `"${quoteInner(text)}"`),
          { nil: 'NULL' },
        ),
        { minLength: 1, maxLength: 5 },
      )
      .map((items) => `{${items.join(',')}}`)
  const nested = (element: fc.Arbitrary<string>) =>
    fc
      .tuple(
        fc.integer({ min: 1, max: 3 }),
        fc.array(
          element.map((text) => `"${quoteInner(text)}"`),
          { minLength: 12, maxLength: 12 },
        ),
      )
      .map(
        ([size, items]) =>
          `{${[0, 1].map((half) => `{${[0, 1].map((quarter) => `{${items.slice((half * 2 + quarter) * size, (half * 2 + quarter + 1) * size).join(',')}}`).join(',')}}`).join(',')}}`,
      )
  for (const [type, element] of [
    ['int2', fc.integer({ min: -32768, max: 32767 }).map(String)],
    ['int4', fc.integer().map(String)],
    ['text', pgText],
    ['varchar(5)', fc.constantFrom('NULL', 'null', '{', '}', '"', '\\', ',', '', ' ', 'é', '\n\t\b')],
    ['bool', fc.constantFrom('t', 'f')],
    ['uuid', fc.uuid()],
    ['inet', fc.ipV4()],
  ] as const) {
    const { values, wire, quarantined, columnType } = await decodeBoth(
      `${type}[]`,
      [
        ...samples(
          list(element),
          ['{}', '[0:1]={"1","0"}'].filter((edge) => edge === '{}' || !['uuid', 'inet'].includes(type)),
        ),
        ...fc.sample(nested(element), 50),
      ],
      'to_json(v)',
    )
    expect(columnType).toEqual({ kind: 'json' })
    expect(quarantined).toEqual([])
    expect(values.map((json) => JSON.parse(String(json)))).toEqual(
      wire.map(({ expected }) => JSON.parse(String(expected))),
    )
  }
})

test('numbers in arrays keep their digits; what JSON cannot write becomes text', async () => {
  const numbers = await decodeBoth('numeric[]', ['{1.10,NaN,-Infinity,12345678901234567890.5,NULL}', '{{0.0},{-0.50}}'])
  expect(numbers.values).toEqual(['[1.10,"NaN","-Infinity",12345678901234567890.5,null]', '[[0.0],[-0.50]]'])
  expect((await decodeBoth('int8[]', ['{9223372036854775807,-1}'])).values).toEqual(['[9223372036854775807,-1]'])
  expect((await decodeBoth('float8[]', ['{1e300,0.1,NaN,-0}'])).values).toEqual(['[1e+300,0.1,"NaN",-0]'])
  expect((await decodeBoth('bytea[]', ['{"\\\\x00ff",NULL}'])).values).toEqual(['["\\\\x00ff",null]'])
  expect((await decodeBoth('timestamptz[]', ['{2024-01-02 03:04:05+00,infinity}'])).values).toEqual([
    '["2024-01-02 03:04:05+00","infinity"]',
  ])
  expect((await decodeBoth('jsonb[]', [`{"{\\"a\\": [1, \\"x\\\\\\\\y\\"]}",NULL}`])).values).toEqual([
    '[{"a": [1, "x\\\\y"]},null]',
  ])
  expect((await decodeBoth('box[]', ['{(1,1),(0,0);(3,3),(2,2)}'])).values).toEqual(['["(1,1),(0,0)","(3,3),(2,2)"]'])
})

test('composite values are JSON objects, nested in arrays and in each other', async () => {
  await database.query(`CREATE TYPE inner_part AS (flag bool, "the ""name""" text, at timestamptz);
    CREATE TYPE outer_part AS (id int, part inner_part, tags text[], amount numeric, note text)`)
  const literal = `(7,"(t,""a """"b"""" \\\\\\\\ ,)"",""2024-01-01 00:00:00+00"")","{x,NULL,""y z""}",1.50,)`
  const { values, wire } = await decodeBoth(
    'outer_part',
    [literal, '(,,,,)', '(1,"(,,)",{},NaN,"")', null],
    'to_json(v)',
  )
  expect(JSON.parse(String(values[0]))).toEqual({
    id: 7,
    part: { flag: true, 'the "name"': JSON.parse(wire[0]!.expected!).part['the "name"'], at: '2024-01-01 00:00:00+00' },
    tags: ['x', null, 'y z'],
    amount: 1.5,
    note: null,
  })
  expect(values.slice(1)).toEqual([
    '{"id":null,"part":null,"tags":null,"amount":null,"note":null}',
    '{"id":1,"part":{"flag":null,"the \\"name\\"":null,"at":null},"tags":[],"amount":"NaN","note":""}',
    null,
  ])
  const arrays = await decodeBoth('inner_part[]', [`{"(t,\\"a,b\\",)",NULL}`], 'to_json(v)')
  expect(JSON.parse(String(arrays.values[0]))).toEqual(JSON.parse(arrays.wire[0]!.expected!))
})

test('hstore is a JSON object', async () => {
  const available = await database.query(`SELECT 1 FROM pg_available_extensions WHERE name = 'hstore'`)
  if (available.length === 0) return
  await database.query('CREATE EXTENSION hstore')
  const entry = fc
    .tuple(pgText, fc.option(pgText))
    .map(([key, value]) => `"${quoteInner(key)}"=>${value === null ? 'NULL' : `"${quoteInner(value)}"`}`)
  const { values, wire } = await decodeBoth(
    'hstore',
    samples(
      fc.array(entry, { maxLength: 4 }).map((entries) => entries.join(',')),
      [''],
    ),
    'hstore_to_json(v)',
  )
  expect(values.map((json) => JSON.parse(String(json)))).toEqual(
    wire.map(({ expected }) => JSON.parse(String(expected))),
  )
})

test('json stays as it was written; half a surrogate pair is quarantined', async () => {
  const json = fc.json().map((text) => text.replaceAll('\\u0000', ''))
  const kept = await decodeBoth(
    'json',
    samples(json, ['{"a" : 1, "a": 2}', '"\\ud83d\\ude00"', '"\\\\ud800"', '"\\u00e9"', ' null ', '"\\u0000"']),
  )
  expect(kept.quarantined).toEqual([])
  expect(kept.values).toEqual(kept.wire.map(({ text }) => text))
  const binary = await decodeBoth('jsonb', samples(json, ['{"a": 1e400}', '"\\u0001"']))
  expect(binary.values).toEqual(binary.wire.map(({ text }) => text))
  const halves = ['"\\ud800"', '"\\udc00"', '"x\\uD83Dy"', '"\\ud83d\\ud83d\\ude00"', '{"\\uDBFF": 1}']
  const found = await decodeBoth('json', halves)
  expect(found.values).toEqual(halves.map(() => null))
  expect(found.quarantined.map(({ entry }) => [entry.reason, entry.raw])).toEqual(
    halves.map((text) => ['unpaired surrogate in json', text]),
  )
  const type = await describeType(database, 'json[]')
  const [array] = await readWireValues(database, 'json[]', [`{1,"\\"\\\\ud800\\""}`])
  for (const [binary, field, raw] of [
    [true, array!.binary, '[1,"\\ud800"]'],
    [false, array!.text, array!.text],
  ] as const) {
    const inArray = decode(type, { kind: 'json' }, binary, [field])
    expect(inArray.values).toEqual([null])
    expect(inArray.quarantined[0]!.entry).toMatchObject({ reason: 'unpaired surrogate in json', raw })
  }
})
