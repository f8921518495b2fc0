/** Types whose columns are text, against a real server. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeBoth as decodeBothOf } from '../../test/support/decoded-values.ts'
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { clock, float64, int64, numeric, pgText, quoteInner, samples } from '../../test/support/value-arbitraries.ts'
import type { ColumnType } from '../core/table-schema.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await database.query(`SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'`)
})
afterAll(() => database.dispose())

const decodeBoth = (type: string, literals: readonly (string | null)[], expression?: string, target?: ColumnType) =>
  decodeBothOf(database, type, literals, expression, target)

/** Types whose column holds exactly the text that the output function writes. */
const AS_TEXT: readonly [type: string, values: fc.Arbitrary<string>, edges: readonly string[]][] = [
  ['text', pgText, ['', 'é€😀', '\u{10ffff}', 'a'.repeat(300)]],
  ['varchar(40)', pgText.map((text) => text.slice(0, 30).toWellFormed()), ['']],
  ['char(8)', fc.constantFrom('a', 'ab ', 'abc', ''), ['        ', 'é']],
  ['name', fc.constantFrom('a', 'B c'), ['']],
  ['"char"', fc.constantFrom('a', 'é', '', '\\200', '\\377', '"'), []],
  [
    'numeric',
    numeric,
    [
      'NaN',
      'Infinity',
      '-Infinity',
      '0',
      '0.00',
      '-0.10',
      `${'9'.repeat(500)}.${'1'.repeat(500)}`,
      '1e-100',
      '1e100',
      '0.0001',
      '0.00010',
      '10000',
      '100000000',
    ],
  ],
  ['numeric(39,2)', fc.constantFrom('1.10', '-99999999999999999999999999999999.99'), ['NaN']],
  [
    'inet',
    fc.oneof(
      fc.ipV4(),

      fc.ipV6(),
      fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
      fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
    ),
    [
      '::',
      '::1',
      '::2',
      '::ffff:1.2.3.4',
      '::1.2.3.4',
      '1::',
      '0:0:1::',
      '1:0:0:2:0:0:0:3',
      '1:0:0:2:3:0:0:4',
      '0.0.0.0/0',
      '::ffff:0:0',
    ],
  ],
  [
    'cidr',
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 8, max: 32 }))
      .map(([a, bits]) => `${a}.0.0.0/${bits}`),
    ['::1/128', '2001:db8::/32', '10.0.0.0/8', '::ffff:1.2.3.0/120'],
  ],
  ['macaddr', fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('hex')), []],
  ['macaddr8', fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')), []],
  [
    'interval',
    fc
      .tuple(
        fc.integer({ min: -40000, max: 40000 }),
        fc.integer({ min: -4000, max: 4000 }),
        fc.integer({ min: -1e9, max: 1e9 }),
      )
      .map(([months, days, seconds]) => `${months} mons ${days} days ${seconds / 1000} secs`),
    [
      '0',
      'infinity',
      '-infinity',
      '1 year',
      '-1 year 1 day',
      '1 mon -1 day 00:00:00.000001',
      '-1 day -00:00:01',
      '178000000 years',
      '2562047788:00:54.775807',
      '-2562047788:00:54.775807',
      '-1 mon 1 sec',
      '12 mons',
      '13 mons',
    ],
  ],
  [
    'timetz',
    fc
      .tuple(
        fc.integer({ min: 0, max: 86399 }),
        fc.integer({ min: 0, max: 999999 }),
        fc.integer({ min: -57599, max: 57599 }),
      )
      .map(
        ([seconds, micros, zone]) =>
          `${clock(seconds)}.${String(micros).padStart(6, '0')}${zone < 0 ? '-' : '+'}${clock(Math.abs(zone))}`,
      ),
    ['24:00:00+00', '00:00:00-15:59:59', '12:00:00.5+05:30'],
  ],
  ['bit(13)', fc.string({ unit: fc.constantFrom('0', '1'), minLength: 13, maxLength: 13 }), []],
  ['varbit', fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 70 }), ['']],
  [
    'pg_lsn',
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `${a.toString(16)}/${b.toString(16)}`),
    ['FFFFFFFF/FFFFFFFF', '0/0'],
  ],
  ['xid8', int64.map((value) => value.replace('-', '')), ['18446744073709551615']],
  ['point', fc.tuple(float64, float64).map(([x, y]) => `(${x},${y})`), ['(NaN,Infinity)', '(-0,1e-5)']],
  ['tsvector', fc.constantFrom(`'a':1A,2B 'b c':3`, `'it''s' '\\\\x':16383D`, 'plain words here'), ['']],
  ['jsonpath', fc.constantFrom('$.a[*] ? (@ > 1)'), []],
  [
    'int4range',
    fc
      .tuple(fc.integer({ min: -1000, max: 1000 }), fc.nat({ max: 1000 }))
      .map(([from, size]) => `[${from},${from + size}]`),
    ['empty', '(,)', '[1,)', '(,5)'],
  ],
  ['numrange', fc.constantFrom('[1.10,2.20)', '(,NaN]'), ['empty', '(-Infinity,Infinity)']],
  ['tstzrange', fc.constantFrom('[2024-01-01 00:00+00,infinity)', '[-infinity,2024-02-29 12:30:00.5+00]'), ['empty']],
  [
    'text_range',
    fc
      .tuple(pgText, fc.constantFrom('', 'a b', 'q"q', 'b\\b', ',', '(', 'z'))
      .map(([from, to]) => `["${quoteInner(from + to)}",)`),
    ['["",""]', 'empty'],
  ],
  ['int4multirange', fc.constantFrom('{[1,3),[5,9)}', '{}', '{(,1),[4,)}'), []],
  ['mood', fc.constantFrom('happy', 'so "so"', 'être'), []],
  ['citext', pgText, ['', 'MiXed']],
  ['xml', fc.constantFrom('<a/>', '<a b="c">é</a>', '<?xml version="1.0" encoding="ISO-8859-1"?><a/>'), []],
  ['money', fc.integer().map((cents) => `${cents / 100}`), ['-92233720368547758.08']],
  ['path', fc.constantFrom('((0,0),(1,2))', '[(0,0),(1.5,2)]'), []],
  ['tsquery', fc.constantFrom("'a' & 'b'"), []],
  ['short_text', fc.constantFrom('ab', ''), []],
]

test('text forms are those of the output functions', async () => {
  await database.query(`CREATE TYPE mood AS ENUM ('happy', 'so "so"', 'être'); CREATE DOMAIN short_text AS varchar(10);
    CREATE TYPE text_range AS RANGE (subtype = text, collation = "C")`)
  const available = await database.query<{ name: string }>('SELECT name FROM pg_available_extensions')
  const skipped: string[] = []
  for (const [type, arbitrary, edges] of AS_TEXT) {
    if (type === 'citext') {
      if (!available.some(({ name }) => name === 'citext')) continue
      await database.query('CREATE EXTENSION citext')
    }
    if (type === 'xml' && !(await hasXml())) {
      skipped.push(type)
      continue
    }
    const { values, quarantined, columnType, isBinary, wire } = await decodeBoth(type, samples(arbitrary, edges))
    expect(columnType, type).toEqual({ kind: 'text' })
    expect(quarantined, type).toEqual([])
    expect(values, type).toEqual(wire.map((value) => value.text))
    expect(isBinary, type).toBe(!['money', 'path', 'tsquery'].includes(type))
  }
  expect(skipped.length).toBeLessThanOrEqual(1)
})

async function hasXml(): Promise<boolean> {
  return database.query(`SELECT '<a/>'::xml`).then(
    () => true,
    () => false,
  )
}
