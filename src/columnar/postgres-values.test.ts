/**
 * Types with columns of their own kind, against a real server: what a value becomes must not depend on the form in which it
 * came, and must be what the server says it is.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeBoth as decodeBothOf } from '../../test/support/decoded-values.ts'
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { clock, digits, float32, float64, samples } from '../../test/support/value-arbitraries.ts'
import type { ColumnType } from '../core/table-schema.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(`SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'`)
})
afterAll(() => database.dispose())

const decodeBoth = (type: string, literals: readonly (string | null)[], expression?: string, target?: ColumnType) =>
  decodeBothOf(database, type, literals, expression, target)

test('whole numbers keep all digits', async () => {
  for (const [type, kind, edges] of [
    ['int2', 'int16', ['-32768', '32767', '0', '-1']],
    ['int4', 'int32', ['-2147483648', '2147483647', '0']],
    [
      'int8',
      'int64',
      ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-9007199254740993', '0', '-1'],
    ],
    ['oid', 'int64', ['0', '4294967295', '2147483648']],
  ] as const) {
    const arbitrary = fc
      .bigInt({ min: BigInt(edges[0]) < 0n ? BigInt(edges[0]) : 0n, max: BigInt(edges[1]) })
      .map((value) => String(value))
    const { values, columnType, wire } = await decodeBoth(type, samples(arbitrary, edges))
    expect(columnType).toEqual({ kind })
    expect(values).toEqual(wire.map(({ text }) => (text === null ? null : BigInt(text))))
  }
})

test('decimals are exact, whatever the scale', async () => {
  for (const [type, precision, scale] of [
    ['numeric(9,2)', 9, 2],
    ['numeric(4,0)', 4, 0],
    ['numeric(10,2)', 10, 2],
    ['numeric(18,9)', 18, 9],
    ['numeric(19,4)', 19, 4],
    ['numeric(38,10)', 38, 10],
    ['numeric(38,38)', 38, 38],
    ['numeric(38,0)', 38, 0],
    ['numeric(5,7)', 7, 7],
    ['numeric(5,-3)', 8, 0],
    ['numeric(30,-8)', 38, 0],
    ['price', 12, 3],
  ] as const) {
    if (type === 'price')
      await database.query('CREATE DOMAIN money_amount AS numeric(12,3); CREATE DOMAIN price AS money_amount')
    const whole = precision - scale
    const most =
      type === 'numeric(5,7)'
        ? '0.0099999'
        : type === 'numeric(5,-3)'
          ? '99999000'
          : type === 'numeric(30,-8)'
            ? `${'9'.repeat(30)}00000000`
            : `${'9'.repeat(whole)}.${'9'.repeat(scale)}`
    const arbitrary =
      type === 'numeric(5,7)'
        ? fc.integer({ min: -99999, max: 99999 }).map((value) => `${value}e-7`)
        : fc
            .tuple(fc.constantFrom('', '-'), digits(0, Math.max(whole, 0)), digits(0, Math.max(scale - 1, 0)))
            // One digit less than fits, since rounding to a negative scale may add one.
            .map(
              ([sign, left, right]) =>
                `${sign}${type.includes('-') ? left.slice(1) : left}${right === '' ? '' : `.${right}`}`,
            )
            .map((text) => (/\d/.test(text) ? text : '0'))
    const { values, columnType, wire, quarantined } = await decodeBoth(
      type,
      samples(arbitrary, [most, `-${most}`, '0', '-0']),
      `trunc(v * power(10::numeric, ${scale}))`,
    )
    expect(columnType).toEqual({ kind: 'decimal', precision, scale })
    expect(quarantined).toEqual([])
    expect(values).toEqual(wire.map(({ expected }) => (expected === null ? null : BigInt(expected))))
  }
})

test('what no decimal can hold is quarantined, never rounded', async () => {
  const named = await decodeBoth('numeric(10,2)', ['NaN', '1.5'])
  expect(named.values).toEqual([null, 150n])
  expect(named.quarantined).toEqual([{ row: 0, entry: { columnId: 1, reason: 'numeric NaN', raw: 'NaN', key: null } }])
  const target = { kind: 'decimal', precision: 10, scale: 2 } as const
  const literals = [
    'Infinity',
    '-Infinity',
    '12345678.90',
    '123456789',
    '-1234567890123.1',
    '1.001',
    '0.00001',
    '1.00',
    '1e30',
  ]
  const { values, quarantined } = await decodeBoth('numeric', literals, undefined, target)
  expect(values).toEqual([null, null, 1234567890n, null, null, null, null, 100n, null])
  expect(quarantined.map(({ row, entry }) => [row, entry.reason, entry.raw])).toEqual([
    [0, 'numeric infinity', 'Infinity'],
    [1, 'numeric infinity', '-Infinity'],
    [3, 'numeric too large', '123456789'],
    [4, 'numeric too large', '-1234567890123.1'],
    [5, 'numeric too precise', '1.001'],
    [6, 'numeric too precise', '0.00001'],
    [8, 'numeric too large', `1${'0'.repeat(30)}`],
  ])
})

test('floats keep every bit but those that tell one NaN from another', async () => {
  const edges = [
    'NaN',
    'Infinity',
    '-Infinity',
    '-0',
    '0',
    '1e15',
    '123456789012345',
    '1e-5',
    '0.0001',
    '4.9e-324',
    '1.7976931348623157e308',
  ]
  const doubles = await decodeBoth('float8', samples(float64, edges))
  for (const [row, value] of doubles.values.entries()) {
    const { text } = doubles.wire[row]!
    expect(value).toSatisfy((found) => Object.is(found, text === null ? null : Number(text)))
  }
  const singles = await decodeBoth('float4', samples(float32, [...edges.slice(0, 9), '3.4028235e38', '1e-45']))
  for (const [row, value] of singles.values.entries()) {
    const { text } = singles.wire[row]!
    expect(value).toSatisfy((found) => Object.is(found, text === null ? null : Math.fround(Number(text))))
  }
})

test('the text of a float is the one that the server writes', async () => {
  for (const [type, arbitrary] of [
    ['float8', float64],
    ['float4', float32],
  ] as const) {
    const { values, wire } = await decodeBoth(
      type,
      samples(arbitrary, [
        'NaN',
        '-Infinity',
        '-0',
        '1e15',
        '1e14',
        '1e6',
        '999999',
        '0.00001',
        '0.0001',
        '1e-7',
        '123456.789',
      ]),
      undefined,
      { kind: 'text' },
    )
    expect(values).toEqual(wire.map(({ text }) => text))
  }
})

test('booleans, uuids and bytes', async () => {
  expect((await decodeBoth('bool', ['t', 'f', null])).values).toEqual([true, false, null])
  const uuids = await decodeBoth('uuid', samples(fc.uuid(), ['00000000-0000-0000-0000-000000000000']))
  expect(uuids.values).toEqual(uuids.wire.map(({ text }) => text))
  const bytes = await decodeBoth(
    'bytea',
    samples(
      fc.uint8Array().map((value) => `\\x${Buffer.from(value).toString('hex')}`),
      ['', '\\x00ff'],
    ),
  )
  expect(bytes.values).toEqual(bytes.wire.map(({ text }) => (text === null ? null : Buffer.from(text.slice(2), 'hex'))))
})

const date = fc
  .tuple(fc.integer({ min: -4712, max: 294275 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(
    ([year, month, day]) =>
      `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${month}-${day}${year > 0 ? '' : ' BC'}`,
  )
const time = fc
  .tuple(fc.integer({ min: 0, max: 86399 }), fc.integer({ min: 0, max: 999999 }))
  .map(([seconds, micros]) => `${clock(seconds)}.${String(micros).padStart(6, '0')}`)

test('dates before Christ and far ahead', async () => {
  const edges = [
    '1970-01-01',
    '1969-12-31',
    '2000-02-29',
    '4713-11-24 BC',
    '0001-12-31 BC',
    '0001-01-01',
    '9999-12-31',
    '10000-01-01',
    '5874897-12-31',
  ]
  const { values, quarantined, wire } = await decodeBoth('date', samples(date, edges), `v - date '1970-01-01'`)
  expect(quarantined).toEqual([])
  expect(values).toEqual(wire.map(({ expected }) => (expected === null ? null : BigInt(expected))))
  const infinite = await decodeBoth('date', ['infinity', '-infinity'])
  expect(infinite.values).toEqual([null, null])
  expect(infinite.quarantined.map(({ entry }) => [entry.reason, entry.raw])).toEqual([
    ['date infinity', 'infinity'],
    ['date infinity', '-infinity'],
  ])
})

test('timestamps to the microsecond, as far as 64 bits since 1970 reach', async () => {
  const micros = `(extract(epoch FROM v) * 1000000)::numeric(30,0)`
  const stamp = fc
    .tuple(date, time)
    .map(([day, clockTime]) => (day.endsWith(' BC') ? `${day.slice(0, -3)} ${clockTime} BC` : `${day} ${clockTime}`))
  for (const type of ['timestamp', 'timestamptz']) {
    const edges = [
      '1970-01-01 00:00:00',
      '1969-12-31 23:59:59.999999',
      '4713-11-24 00:00:00 BC',
      '0001-12-31 23:59:59.999999 BC',
      '10000-01-01 00:00:00',
      '1684-01-01 00:00:00.000001',
      '2255-06-05 23:47:34.740993',
    ]
    const { values, quarantined, wire } = await decodeBoth(
      type,
      samples(
        stamp.filter(
          (text) =>
            !text.startsWith('29424') &&
            !text.startsWith('29425') &&
            !text.startsWith('29426') &&
            !text.startsWith('29427'),
        ),
        edges,
      ),
      micros,
    )
    expect(quarantined).toEqual([])
    expect(values).toEqual(wire.map(({ expected }) => (expected === null ? null : BigInt(expected))))
    const far = await decodeBoth(type, [
      '294247-01-10 04:00:54.775806',
      '294247-01-10 04:00:54.775807',
      '294247-01-10 04:00:54.775808',
      '294276-12-31 23:59:59.999999',
      'infinity',
      '-infinity',
    ])
    expect(far.values).toEqual([2n ** 63n - 2n, null, null, null, null, null])
    expect(far.quarantined.map(({ entry }) => entry.reason)).toEqual([
      ...Array(3).fill('timestamp out of range'),
      ...Array(2).fill('timestamp infinity'),
    ])
    expect(far.quarantined.map(({ entry }) => entry.raw)).toEqual(far.wire.slice(1).map(({ text }) => text))
  }
})

test('times include 24:00:00', async () => {
  const { values, wire } = await decodeBoth(
    'time',
    samples(time, ['00:00:00', '24:00:00', '23:59:59.999999']),
    `(extract(epoch FROM v) * 1000000)::numeric(30,0)`,
  )
  expect(values).toEqual(wire.map(({ expected }) => (expected === null ? null : BigInt(expected))))
  expect(values[1]).toBe(86_400_000_000n)
})

test('a type that the user chose is read from the text form', async () => {
  expect((await decodeBoth('int8', ['5', '-12'], undefined, { kind: 'text' })).values).toEqual(['5', '-12'])
  expect((await decodeBoth('numeric', ['5', '70000', '1.5'], undefined, { kind: 'int16' })).values).toEqual([
    5n,
    null,
    null,
  ])
  expect((await decodeBoth('numeric', ['0.25', 'NaN', '1e400'], undefined, { kind: 'float64' })).values).toEqual([
    0.25,
    Number.NaN,
    null,
  ])
  expect((await decodeBoth('text', ['{"a":1}', '{'], undefined, { kind: 'json' })).values).toEqual(['{"a":1}', null])
  expect((await decodeBoth('text', ['2024-02-29', 'soon'], undefined, { kind: 'date' })).values).toEqual([19782n, null])
  expect(
    (await decodeBoth('text', ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'x'], undefined, { kind: 'uuid' })).values,
  ).toEqual(['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', null])
  expect((await decodeBoth('int4[]', ['{1,2}'], undefined, { kind: 'text' })).values).toEqual(['[1,2]'])
  expect((await decodeBoth('timestamptz', ['2024-01-01 00:00:00+00'], undefined, { kind: 'date' })).values).toEqual([
    null,
  ])
})
